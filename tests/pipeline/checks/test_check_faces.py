# SPDX-License-Identifier: Apache-2.0
"""Test which shots are checked, where faces are expected, and how sightings become verdicts.

No networks run here.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.rows import Cut, Take
from pipeline.checks import check_faces
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
