# SPDX-License-Identifier: Apache-2.0
"""Test that grading removes known casts, keeps complexions, and writes each transform once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from manifests.errors import InputError
from pipeline.colour import colour, colour_transfer, grade
from pipeline.colour.look_reference import LookSettings, ReferenceStill
from pipeline.deliver import contact_sheet
from tests.pipeline.tiny_film import FACE, TinyFilm, eight_bit, portrait

CASTS = {
    "warm": (1.2, 1.0, 0.75),
    "cool": (0.82, 1.0, 1.25),
    "green": (0.9, 1.1, 0.9),
    "dim": (0.7, 0.7, 0.7),
}


def cast(picture: np.ndarray, name: str) -> np.ndarray:
    """Put a picture under another light: gains on linear light."""
    return np.clip(colour.linear_to_srgb(colour.srgb_to_linear(picture) * CASTS[name]), 0, 1)


def moving(picture: np.ndarray, frames: int = 6) -> list[np.ndarray]:
    """Repeat a still with a brightening mouth, so that frames differ."""
    pictures = [eight_bit(picture) for _ in range(frames)]
    for number, frame in enumerate(pictures):
        frame[80:84, 58:70] = np.minimum(frame[80:84, 58:70] + 8 * number, 255)
    return pictures


def difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(colour.delta_e(colour.rgb_to_lab(first), colour.rgb_to_lab(second)).mean())


def reference(tmp_path: Path, name: str) -> LookSettings:
    Image.fromarray(eight_bit(portrait(name))).save(tmp_path / f"{name}.png")
    return LookSettings(reference=tmp_path / f"{name}.png", reference_face=FACE)


@pytest.mark.parametrize("name", list(CASTS))
@pytest.mark.parametrize("who", [pytest.param("mara", marks=pytest.mark.proof), "kofi"])
def test_a_known_cast_is_taken_off_to_less_than_a_third(
    tmp_path: Path, name: str, who: str
) -> None:
    film = TinyFilm(tmp_path)
    film.add(moving(cast(portrait(who), name)), character=who)
    (graded_shot,) = grade.grade_shots(
        film.shots, film.takes, look=reference(tmp_path, who), root=tmp_path
    )
    cube = colour.read_cube(tmp_path / graded_shot.cube_path)
    assert cube.shape == (33, 33, 33, 3)
    graded = colour.apply_cube(cube, cast(portrait(who), name))
    assert (
        difference(graded, portrait(who)) < difference(cast(portrait(who), name), portrait(who)) / 3
    )
    skin = [
        colour_transfer.sample_pictures(eight_bit(p)[None], FACE).skin_mean
        for p in (graded, portrait(who))
    ]
    assert abs(np.subtract(*colour.hue_degrees(colour.rgb_to_lab(np.stack(skin))))) < 2
    assert graded_shot.delta_e_after < graded_shot.delta_e_before / 3
    assert not graded_shot.limited


def test_two_casts_of_one_character_come_together_without_any_look(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path)
    pictures = [cast(portrait("mara"), name) for name in ("warm", "cool")]
    for picture in pictures:
        film.add(moving(picture))
    grades = grade.grade_shots(film.shots, film.takes, look=LookSettings(), root=tmp_path)
    graded = [
        colour.apply_cube(colour.read_cube(tmp_path / row.cube_path), picture)
        for row, picture in zip(grades, pictures, strict=True)
    ]
    assert difference(*graded) < difference(*pictures) / 3


def test_a_darker_face_is_not_made_lighter_by_the_look_of_a_lighter_one(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path)
    film.add(moving(portrait("kofi")), character="kofi")
    (graded_shot,) = grade.grade_shots(
        film.shots, film.takes, look=reference(tmp_path, "mara"), root=tmp_path
    )
    graded = colour.apply_cube(colour.read_cube(tmp_path / graded_shot.cube_path), portrait("kofi"))
    lightness = [
        colour.rgb_to_lab(colour_transfer.sample_pictures(eight_bit(p)[None], FACE).skin_mean)[0]
        for p in (graded, portrait("kofi"))
    ]
    assert abs(lightness[0] - lightness[1]) < 2


@pytest.mark.parametrize("who", ["kofi", pytest.param("mara", marks=pytest.mark.proof), "lin"])
def test_without_a_look_a_cast_is_brought_toward_neutral_and_neutral_light_is_left(
    tmp_path: Path, who: str
) -> None:
    for name, most in (("plain", 2.5), ("green", 0.6), ("cool", 0.75)):
        film = TinyFilm(tmp_path / name)
        picture = portrait(who) if name == "plain" else cast(portrait(who), name)
        film.add(moving(picture), character=who)
        (graded_shot,) = grade.grade_shots(
            film.shots, film.takes, look=LookSettings(), root=film.root
        )
        graded = colour.apply_cube(colour.read_cube(film.root / graded_shot.cube_path), picture)
        start = difference(picture, portrait(who))
        assert difference(graded, portrait(who)) < (start * most if start else most), name


def test_a_still_of_ones_own_goes_before_the_shared_one(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path)
    for who in ("mara", "kofi"):
        film.add(moving(cast(portrait(who), "warm")), character=who)
    shared = reference(tmp_path, "mara")
    own = ReferenceStill(path=reference(tmp_path, "kofi").reference, face=FACE)
    look = dataclasses.replace(shared, stills={"kofi": own})
    grades = grade.grade_shots(film.shots, film.takes, look=look, root=tmp_path)
    for row, who in zip(grades, ("mara", "kofi"), strict=True):
        graded = colour.apply_cube(
            colour.read_cube(tmp_path / row.cube_path), cast(portrait(who), "warm")
        )
        assert difference(graded, portrait(who)) < 1.0


def test_a_look_of_the_same_scene_without_a_known_face_changes_nothing(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path)
    film.add(moving(portrait("mara")))
    # painted: no face is found in it
    look = dataclasses.replace(reference(tmp_path, "mara"), reference_face=None)
    for method in ("monge-kantorovich", "reinhard"):
        (graded_shot,) = grade.grade_shots(
            film.shots, film.takes, look=dataclasses.replace(look, method=method), root=tmp_path
        )
        graded = colour.apply_cube(
            colour.read_cube(tmp_path / graded_shot.cube_path), portrait("mara")
        )
        assert difference(graded, portrait("mara")) < 0.5
        assert graded_shot.delta_e_after <= graded_shot.delta_e_before < 1


def test_a_cube_of_ones_own_goes_before_the_still_for_all(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path)
    for who in ("mara", "kofi"):
        film.add(moving(portrait(who)), character=who)
    half = colour.sample_cube(lambda rgb: rgb / 2, points=2)
    colour.write_cube(tmp_path / "half.cube", half, title="half")
    look = dataclasses.replace(
        reference(tmp_path, "mara"), stills={"kofi": ReferenceStill(path=tmp_path / "half.cube")}
    )
    mara, kofi = grade.grade_shots(film.shots, film.takes, look=look, root=tmp_path)
    assert (mara.method, kofi.method) == ("monge-kantorovich", "cube")
    dimmed = colour.apply_cube(colour.read_cube(tmp_path / kofi.cube_path), portrait("kofi"))
    assert np.abs(dimmed - portrait("kofi") / 2).max() < 1e-4
    again = grade.grade_shots(film.shots, film.takes, look=look, root=tmp_path)
    assert again == [mara, kofi]


def test_before_and_after_are_shown_side_by_side(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path)
    film.add(moving(cast(portrait("mara"), "dim")))
    (graded_shot,) = grade.grade_shots(
        film.shots, film.takes, look=reference(tmp_path, "mara"), root=tmp_path
    )
    before, after = grade.render_before_after(film.takes[0], graded_shot, root=tmp_path, height=128)
    assert after.mean() > before.mean() + 10
    path = contact_sheet.write_before_after_sheet(
        [(before, after, "sc01_sh010", "4.1 to 0.2")], tmp_path / "grades.png"
    )
    with Image.open(path) as picture:
        assert picture.size[0] > 2 * before.shape[1]


def test_standing_cubes_are_not_made_again_and_no_picture_is_opened(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path)
    film.add(moving(cast(portrait("mara"), "warm")))
    film.add(moving(portrait("kofi")), character="kofi")
    first = grade.grade_shots(film.shots, film.takes, look=LookSettings(), root=tmp_path)
    for take in film.takes:
        (tmp_path / take.path).unlink()
    assert grade.grade_shots(film.shots, film.takes, look=LookSettings(), root=tmp_path) == first


def test_other_settings_make_other_grades(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path)
    film.add(moving(portrait("mara")))
    looks = [
        LookSettings(),
        LookSettings(strength=0.5),
        LookSettings(method="reinhard"),
        reference(tmp_path, "kofi"),
    ]
    pairs = list(zip(film.shots, film.takes, strict=True))
    assert len({next(iter(grade.compute_grade_ids(pairs, look).values())) for look in looks}) == 4


def test_a_cube_as_look_is_applied_by_its_strength(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path)
    film.add(moving(portrait("mara")))
    colour.write_cube(
        tmp_path / "warm.cube",
        colour.sample_cube(lambda rgb: rgb * [1.0, 0.9, 0.8], points=17),
        title="warm",
    )
    look = LookSettings(reference=tmp_path / "warm.cube", strength=0.5)
    (graded_shot,) = grade.grade_shots(film.shots, film.takes, look=look, root=tmp_path)
    graded = colour.apply_cube(
        colour.read_cube(tmp_path / graded_shot.cube_path), np.array([[0.5, 0.5, 0.5]])
    )
    assert np.allclose(graded, [[0.5, 0.475, 0.45]], atol=1e-4)
    assert graded_shot.method == "cube"


@pytest.mark.parametrize("name", ["missing.png", "text.png", "text.cube"])
def test_a_reference_that_cannot_be_read_is_one_clear_error(tmp_path: Path, name: str) -> None:
    film = TinyFilm(tmp_path)
    film.add(moving(portrait("mara")))
    for text in ("text.png", "text.cube"):
        (tmp_path / text).write_text("no picture")
    with pytest.raises(InputError, match=name):
        grade.grade_shots(
            film.shots, film.takes, look=LookSettings(reference=tmp_path / name), root=tmp_path
        )


def test_another_shot_can_be_the_look_and_its_take_makes_the_grades_identity(
    tmp_path: Path,
) -> None:
    film = TinyFilm(tmp_path)
    for picture in (portrait("mara"), cast(portrait("mara"), "warm")):
        film.add(moving(picture))
    look = LookSettings(reference_shot="sc01_sh010")
    own, other = grade.grade_shots(film.shots, film.takes, look=look, root=tmp_path)
    graded = colour.apply_cube(
        colour.read_cube(tmp_path / other.cube_path), cast(portrait("mara"), "warm")
    )
    assert difference(graded, portrait("mara")) < 0.5
    kept = colour.apply_cube(colour.read_cube(tmp_path / own.cube_path), portrait("mara"))
    assert difference(kept, portrait("mara")) < 0.5
    pairs = list(zip(film.shots, film.takes, strict=True))
    assert grade.compute_grade_ids(pairs, look) != grade.compute_grade_ids(pairs, LookSettings())
