# SPDX-License-Identifier: Apache-2.0
"""Test that the watermark is found in files and their copies, nowhere else, and is invisible.

It changes pictures by one step at most.
"""

from __future__ import annotations

import dataclasses
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import media
from pipeline.assemble import assemble, master_mix
from pipeline.assemble.loudness import LoudnessSettings
from pipeline.deliver import deliver, profiles, watermark
from pipeline.deliver.chapters import FileChapter
from pipeline.deliver.delivery_job import DeliveryJob
from tests.pipeline.tiny_film import TinyFilm, eight_bit, portrait, tone

SIZE, RATE, CODE, FRAMES = (640, 360), Fraction(25, 2), "1badc0de", 100
QUIET = LoudnessSettings(target_lufs=None)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], dict[str, Path]]:
    """Render eight seconds of a head that sways before a still wall: marked and unmarked."""
    folder = tmp_path_factory.mktemp("film")
    film = TinyFilm(folder / "media", rate=RATE)
    still = eight_bit(portrait("mara", 360))
    pictures = []
    for number in range(FRAMES):
        picture = still.copy()
        picture[40:240, 100:260] = np.roll(still, round(6 * np.sin(number / 3)), axis=0)[
            40:240, 100:260
        ]
        pictures.append(np.hstack([picture, still])[:, :640])
    film.add(pictures, label="DICE-Talk")
    master = master_mix.render_master(
        [film.record(tone(film.samples))], samples=film.samples, settings=QUIET, root=film.root
    )
    picture = assemble.Picture(width=SIZE[0], height=SIZE[1], rate=film.rate)
    chapters = (FileChapter(frame=0, title="One"), FileChapter(frame=50, title="Two"))
    job = DeliveryJob(
        picture=picture,
        sound_id="",
        sound_path=film.root / master.path,
        root=film.root,
        chapters=chapters,
    )
    cuts = assemble.build_cuts(film.shots, film.takes, [], version="v001", size=SIZE)
    marked = dataclasses.replace(job, watermark="Studio Nord", code=CODE)
    plain = dataclasses.replace(job, profiles=(profiles.WEB,))
    return deliver.render_profiles(cuts, marked, folder=folder / "marked"), deliver.render_profiles(
        cuts, plain, folder=folder / "plain"
    )


def test_the_mark_of_a_file_is_read_back_and_none_is_read_where_there_is_none(film) -> None:
    marked, plain = film
    for path in marked.values():  # of eight and of ten bits
        found = watermark.find_watermark(path)
        assert found is not None
        assert found.code == CODE
    assert watermark.find_watermark(plain["web"]) is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(["-vf", "scale=320:-2"], marks=pytest.mark.proof),
        ["-vf", "crop=iw*0.9:ih*0.9"],
        pytest.param(["-vf", "eq=gamma=1.3:contrast=0.9", "-r", "30"], marks=pytest.mark.proof),
    ],
    ids=["half", "cropped", "captured"],
)
def test_the_mark_is_found_in_copies(film, tmp_path: Path, change: list[str]) -> None:
    media.run(
        ["-i", str(film[0]["web"]), "-an", "-c:v", "libx264", *change, str(tmp_path / "copy.mp4")]
    )
    found = watermark.find_watermark(tmp_path / "copy.mp4")
    assert found is not None
    assert found.code == CODE


def test_marked_pictures_differ_by_one_step_and_nothing_else_changes(film, tmp_path: Path) -> None:
    marked, plain = film
    text = media.run(["-i", str(marked["web"]), "-f", "null", "-"])
    assert set(re.findall(r"Chapter #0:\d: start ([\d.]+)", text)) == {"0.000000", "4.000000"}
    pairs = zip(
        *(media.read_frames(files["web"], width=160, height=90) for files in (marked, plain)),
        strict=True,
    )
    apart = [first.astype(int) - second for first, second in pairs]
    assert len(apart) == FRAMES
    assert max(float(np.abs(steps).mean()) for steps in apart) < 1
    assert not list(marked["web"].parent.glob(".*")), "the pattern is gone"


def test_a_film_that_is_too_short_has_no_mark_that_could_be_read(film, tmp_path: Path) -> None:
    media.run(["-t", "1.5", "-i", str(film[0]["web"]), "-c", "copy", str(tmp_path / "short.mp4")])
    assert watermark.find_watermark(tmp_path / "short.mp4") is None


@given(st.integers(0, 2**32 - 1), st.sampled_from([(320, 180), (64, 36)]))
def test_every_number_is_a_pattern_of_its_own_of_single_steps(
    number: int, size: tuple[int, int]
) -> None:
    steps = watermark.draw_pattern(f"{number:08x}", size)
    assert steps.shape == size[::-1]
    assert set(np.unique(steps)) <= {-1, 0, 1}
    assert 0.4 < np.abs(steps).mean() < 0.6, "half of it is blank"
    assert (steps != watermark.draw_pattern(f"{number ^ 1:08x}", size)).any()


def test_the_number_of_a_mark_follows_from_text_and_version() -> None:
    codes = {
        watermark.compute_code(text, version)
        for text in ("Studio Nord", "Studio Süd")
        for version in ("v001", "v002")
    }
    assert len(codes) == 4
    assert all(re.fullmatch("[0-9a-f]{8}", code) for code in codes)


def test_slots_last_about_two_seconds_at_every_rate() -> None:
    assert [
        watermark.count_slot_frames(Fraction(rate))
        for rate in ("24000/1001", "25", "30000/1001", "50")
    ] == [48, 50, 60, 100]
