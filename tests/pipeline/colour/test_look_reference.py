# SPDX-License-Identifier: Apache-2.0
"""Which still a take is matched to, and where its face is."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from manifests.errors import InputError
from pipeline.colour import colour, grade, look_reference
from pipeline.colour.look_reference import LookSettings
from pipeline.cut import framing
from tests.pipeline.colour.test_grade import cast, difference, moving
from tests.pipeline.tiny_film import FACE, TinyFilm, eight_bit, portrait


@pytest.mark.parametrize("face", ["set", "found"])
def test_a_frame_of_the_film_in_another_light_is_known_as_the_same_scene(
    tmp_path: Path, face: str
) -> None:
    film = TinyFilm(tmp_path)
    film.add(moving(portrait("mara")))
    crop = framing.frame_take(film.takes[0], (1280, 720))
    graded = cast(portrait("mara"), "cool")[
        crop.top : crop.top + crop.height, crop.left : crop.left + crop.width
    ]
    Image.fromarray(eight_bit(graded)).save(tmp_path / "graded.png")
    top, bottom = ((edge * 128 - crop.top) / crop.height for edge in (FACE[1], FACE[3]))
    box = (FACE[0], max(top, 0.0), FACE[2], min(bottom, 1.0)) if face == "set" else None
    look = LookSettings(reference=tmp_path / "graded.png", reference_face=box)
    (graded_shot,) = grade.grade_shots(film.shots, film.takes, look=look, root=tmp_path)
    shown = colour.apply_cube(colour.read_cube(tmp_path / graded_shot.cube_path), portrait("mara"))
    wanted = cast(portrait("mara"), "cool")
    assert difference(shown, wanted) < difference(portrait("mara"), wanted) / 3


def test_the_face_of_a_reference_still_is_found_when_nobody_says_where_it_is() -> None:
    sample = look_reference.read_reference(Path("pipeline/script/starter/portraits/alex.jpg"), None)
    assert sample.has_skin
    lightness, a, b = colour.rgb_to_lab(sample.skin_mean)
    assert 40 < lightness < 85
    assert a > 5
    assert b > 5


def test_a_look_that_is_no_shot_names_the_nearest(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path)
    film.add(moving(portrait("mara")))
    with pytest.raises(InputError, match="sc01_sh010"):
        grade.grade_shots(
            film.shots, film.takes, look=LookSettings(reference_shot="sc01_sh001"), root=tmp_path
        )
    for wanted in ("", " ", "sc01_sh001"):
        with pytest.raises(InputError, match="there is no shot"):
            look_reference.check_reference_shot([shot.number for shot in film.shots], wanted)
