# SPDX-License-Identifier: Apache-2.0
"""Test that misplaced cuts and pumping backgrounds are found, and that sound files pass."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np

from manifests.delivery_rows import Check
from pipeline import media
from pipeline.assemble import assemble, master_mix
from pipeline.assemble.loudness import LoudnessSettings
from pipeline.checks import check_picture
from pipeline.deliver import deliver, profiles
from pipeline.deliver.delivery_job import DeliveryJob
from tests.pipeline.tiny_film import TinyFilm, eight_bit, portrait, tone

ABOUT = {"version": "v", "profile": "web", "rate": Fraction(25)}


def rendered(root: Path, shots: list[list[np.ndarray]]) -> tuple[Path, list[assemble.Cut]]:
    film = TinyFilm(root)
    for pictures in shots:
        film.add(pictures, label="DICE-Talk")
    settings = LoudnessSettings(target_lufs=None)
    master = master_mix.render_master(
        [film.record(tone(film.samples))], samples=film.samples, settings=settings, root=root
    )
    picture = assemble.Picture(width=320, height=180, rate=film.rate)
    job = DeliveryJob(
        picture=picture,
        sound_id="",
        sound_path=root / master.path,
        root=root,
        profiles=(profiles.WEB,),
        burn_in=False,
    )
    cuts = assemble.build_cuts(film.shots, film.takes, [], version="v", size=(320, 180))
    return deliver.render_profiles(cuts, job, folder=root / "o")["web"], cuts


def talking(name: str, frames: int) -> list[np.ndarray]:
    """Draw a portrait whose mouth and cheek move."""
    pictures = [eight_bit(portrait(name)) for _ in range(frames)]
    for number, picture in enumerate(pictures):
        picture[76:90, 50:78] = np.roll(picture[76:90, 50:78], number % 5, axis=0)
    return pictures


def only(checks: list[Check]) -> Check:
    (check,) = checks
    return check


def test_cuts_on_their_frames_and_a_still_background_pass(tmp_path: Path) -> None:
    path, cuts = rendered(tmp_path, [talking("mara", 30), talking("kofi", 25), talking("mara", 20)])
    seen = check_picture.measure_picture(path)
    assert len(seen.change) == 75
    assert only(check_picture.check_cuts(seen, cuts, **ABOUT)).verdict == "pass"
    steady = only(check_picture.check_steadiness(seen, cuts, **ABOUT))
    assert steady.verdict == "pass", steady


def test_a_cut_that_is_two_frames_late_fails_with_its_timecode(tmp_path: Path) -> None:
    path, cuts = rendered(tmp_path, [talking("mara", 30), talking("kofi", 25)])
    moved = [
        dataclasses.replace(cuts[0], end_frame=28),
        dataclasses.replace(cuts[1], start_frame=28),
    ]
    check = only(check_picture.check_cuts(check_picture.measure_picture(path), moved, **ABOUT))
    assert (check.verdict, check.timecode) == ("fail", "00:00:01:03")


def test_a_background_that_pumps_is_found(tmp_path: Path) -> None:
    pumping = [
        np.clip(p.astype(int) + (3 if n > 15 else 0), 0, 255).astype(np.uint8)
        for n, p in enumerate(talking("lin", 30))
    ]
    path, cuts = rendered(tmp_path, [talking("mara", 20), pumping])
    check = only(check_picture.check_steadiness(check_picture.measure_picture(path), cuts, **ABOUT))
    assert check.verdict == "warn"
    assert "sc01_sh020" in check.value


def test_black_frames_hold_no_jump(tmp_path: Path) -> None:
    path, cuts = rendered(tmp_path, [[np.zeros((96, 96, 3), np.uint8)] * 6] * 2)
    assert (
        only(check_picture.check_cuts(check_picture.measure_picture(path), cuts, **ABOUT)).verdict
        == "pass"
    )
    assert media.probe(path).video is not None
