# SPDX-License-Identifier: Apache-2.0
"""Test which shots are checked, where faces are expected, and how sightings become verdicts.

No networks run here.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.rows import Cut, Take
from pipeline.checks import check_audio, check_faces, check_lipsync
from pipeline.checks.check_faces import ExpectedFace, Sighting

RATE = Fraction(25)
ABOUT = {"version": "v001", "profile": "web", "rate": RATE}
TAKE = Take(
    shot_id="s",
    path="t.mkv",
    media_digest="",
    frames=50,
    rate_num=25,
    rate_den=1,
    width=1000,
    height=1000,
    talker="previs",
    talker_version="1",
    label="previs",
    licences="",
    seed=0,
    face_left=0.4,
    face_top=0.2,
    face_right=0.6,
    face_bottom=0.5,
    wall_seconds=0.0,
    worker="",
    run_id="",
)


def cut(start: int = 0, end: int = 50, **fields: object) -> Cut:
    return Cut(
        **{
            "version": "v",
            "order": start,
            "shot_id": "s",
            "grade_id": "",
            "start_frame": start,
            "end_frame": end,
            "take_path": "",
            "cube_path": "",
            "number": f"sh{start:03}",
            **fields,
        }
    )


def scene(character: str, start: int, frames: int, *, speaking: bool = True) -> ExpectedFace:
    return ExpectedFace(
        cut=cut(start, start + frames),
        character=character,
        speaking=speaking,
        place=(0, 0, 1, 1),
        face=(0.4, 0.2, 0.6, 0.5),
    )


def test_the_face_is_expected_where_the_edit_list_puts_it() -> None:
    whole, half = cut(crop="0,100,1000,500"), cut(crop="250,0,500,1000", place="640,0,640,720")
    found = check_faces.expect_faces(
        [whole, half], {"s": TAKE}, {"s": ("MARA", True)}, size=(1280, 720)
    )
    assert found[0].face == pytest.approx((0.4, 0.2, 0.6, 0.8))
    assert found[1].place == (0.5, 0.0, 1.0, 1.0)
    assert found[1].face == pytest.approx((0.65, 0.2, 0.85, 0.5))
    assert found[1].middle == pytest.approx((0.5, 0.35))


def test_slates_and_shots_without_a_take_are_not_looked_at() -> None:
    cuts = [cut(label="slate"), cut(shot_id="gone")]
    assert (
        check_faces.expect_faces(
            cuts, {"s": TAKE}, {"s": ("MARA", True), "gone": ("MARA", True)}, size=(1280, 720)
        )
        == []
    )


@given(st.lists(st.tuples(st.sampled_from("ABCDE"), st.integers(1, 200)), max_size=60))
def test_every_character_is_looked_at_and_never_too_many(shots: list[tuple[str, int]]) -> None:
    scenes = [scene(who, 1000 * number, frames) for number, (who, frames) in enumerate(shots)]
    chosen = check_faces.choose_shots(scenes)
    assert len(chosen) == min(len(scenes), check_faces.MOST_SHOTS)
    assert {scene.character for scene in chosen} == {scene.character for scene in scenes}
    assert len({scene.cut for scene in chosen}) == len(chosen)
    assert chosen == sorted(chosen, key=lambda scene: scene.cut.start_frame)


def sighting(found: int = 5, **distances: float) -> Sighting:
    return Sighting(scene=scene("MARA", 100, 50), frames=5, found=found, distances=distances)


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (sighting(MARA=0.3, KOFI=0.5), "pass"),
        (sighting(MARA=0.5, KOFI=0.3), "fail"),
        (sighting(MARA=0.33, KOFI=0.3), "pass"),  # too near to say
        (sighting(MARA=0.7, KOFI=0.9), "warn"),
    ],
)
def test_whose_face_it_is(seen: Sighting, verdict: str) -> None:
    (identity,) = [
        row for row in check_faces.check_identity([seen], **ABOUT) if row.name == "identity"
    ]
    assert identity.verdict == verdict
    assert (identity.timecode != "") == (verdict == "fail")


def test_a_shot_without_a_face_is_named_and_makes_no_identity() -> None:
    (present,) = check_faces.check_identity([sighting(found=0)], **ABOUT)
    assert (present.verdict, present.timecode) == ("warn", "00:00:04:00")
    assert "sh100" in present.advice


@given(st.integers(-12, 12), st.integers(0, 1000))
def test_the_lag_of_a_shifted_curve_is_found(lag: int, seed: int) -> None:
    curve = np.convolve(np.random.default_rng(seed).normal(0, 1, 140), np.hanning(7), mode="same")
    found, correlation = check_lipsync.find_best_lag(np.roll(curve, lag)[20:120], curve[20:120])
    assert found == lag
    assert correlation > 0.99


def test_curves_that_stand_still_have_no_lag() -> None:
    assert check_lipsync.find_best_lag(np.zeros(60), np.ones(60)) == (0, 0.0)


@pytest.mark.parametrize(
    ("frames", "verdict"),
    [(0, "pass"), (2, "pass"), (-3, "warn"), (4, "warn"), (5, "fail"), (-9, "fail")],
)
def test_lags_become_a_verdict_by_their_median(frames: int, verdict: str) -> None:
    lags = [check_lipsync.Lag(scene=scene("MARA", 0, 50), frames=frames, correlation=0.9)] * 2
    lags.append(replace(lags[0], frames=12, correlation=0.2))  # not sure enough to count
    assert check_lipsync.check_lag(lags, **ABOUT).verdict == verdict


def test_what_cannot_be_measured_is_said() -> None:
    unsure = check_lipsync.Lag(scene=scene("MARA", 0, 50), frames=9, correlation=0.1)
    assert check_lipsync.check_lag([unsure], **ABOUT).verdict == "warn"
    assert check_lipsync.check_lag([], **ABOUT).verdict == "pass"
    listening = [scene("MARA", 0, 80, speaking=False), scene("KOFI", 90, 20)]
    assert check_lipsync.choose_shots(listening, rate=RATE) == []


@given(st.integers(-90, 90), st.integers(0, 1000))
def test_sound_that_is_moved_is_found_where_it_is(late: int, seed: int) -> None:
    level = np.convolve(
        np.random.default_rng(seed).normal(-30, 12, 1000), np.hanning(9) / 4, mode="same"
    )
    levels = check_audio.SoundLevels(file=np.roll(level, late)[100:900], master=level[100:900])
    check = check_audio.check_offset(levels, **ABOUT)
    assert abs(float(check.value.split(" ms")[0]) - 10 * late) <= 5
    if abs(late) != 4:  # a frame of 40 ms to the hundredth: either side of the limit is right
        assert (check.verdict == "fail") == (abs(late) > 4)
