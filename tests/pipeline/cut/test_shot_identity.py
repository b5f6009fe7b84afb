# SPDX-License-Identifier: Apache-2.0
"""A shot's identity changes with its pixels and with nothing else."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from typing import Any

import pytest

from manifests.rows import Actor, Cue, Line, Shot
from pipeline.cut import shot_identity
from tests.pipeline.cut.test_breakdown import ACTORS, DIALOGUE, SECOND, cut, shots_of


def test_rows_carry_everything_that_the_shot_is_made_with() -> None:
    mara, jonas, again = shots_of(cut(*DIALOGUE))
    assert (mara.actor, mara.portrait, mara.portrait_digest, mara.seed, mara.look) == (
        "Mara Dahl",
        "mara.png",
        "m1",
        1,
        "day",
    )
    assert (jonas.width, jonas.height, jonas.talker, jonas.talker_version, jonas.episode) == (
        720,
        960,
        "previs",
        "1.0.0",
        "e01",
    )
    assert (again.rate, again.frames, again.audio_digest) == (
        Fraction(25),
        again.end_frame - again.start_frame,
        f"a{again.start_frame}",
    )
    assert len({mara.shot_id, jonas.shot_id, again.shot_id}) == 3
    assert all(len(shot.shot_id) == 32 for shot in (mara, jonas, again))


CHANGED: dict[str, Any] = {
    "role": "listening",
    "text": "Who?",
    "lang": "de",
    "performance": "[[0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0]]",
    "end_frame": 1000,
    "rate_num": 30,
    "rate_den": 1001,
    "portrait_digest": "x",
    "face": "left",
    "audio_digest": "x",
    "seed": 99,
    "width": 64,
    "height": 64,
    "talker": "dice",
    "talker_version": "2.0.0",
    "weights_digest": "x",
    "talker_settings": '{"mouth":2}',
    "voiced": "[[0,5]]",
    "head_frames": 5,
    "tail_frames": 5,
    "before_frames": 7,
}
UNCHANGED: dict[str, Any] = {
    "number": "sc09_sh990",
    "order": 77,
    "scene": "9",
    "character": "X",
    "actor": "X",
    "line_ids": "X",
    "portrait": "other/place.png",
    "episode": "e99",
    "look": "night",
    "layer": 1,
    "layout": "two-hander",
    "dissolve_frames": 12,
}


@pytest.mark.parametrize("field", sorted(CHANGED))
def test_what_shapes_the_pixels_gives_a_new_identity(field: str) -> None:
    shot = shots_of(cut(*DIALOGUE))[0]
    changed = dataclasses.replace(shot, **{field: CHANGED[field]})
    assert getattr(shot, field) != CHANGED[field]
    assert shot_identity.identify_shot(shot) == shot.shot_id
    assert shot_identity.identify_shot(changed) != shot.shot_id


@pytest.mark.parametrize("field", sorted(UNCHANGED))
def test_what_does_not_shape_the_pixels_keeps_the_identity(field: str) -> None:
    shot = shots_of(cut(*DIALOGUE))[0]
    assert getattr(shot, field) != UNCHANGED[field]
    assert (
        shot_identity.identify_shot(dataclasses.replace(shot, **{field: UNCHANGED[field]}))
        == shot.shot_id
    )


def test_every_field_of_a_shot_either_shapes_it_or_not() -> None:
    fields = {field.name for field in dataclasses.fields(Shot)}
    assert fields == {*CHANGED, *UNCHANGED, "shot_id", "start_frame"}


def test_a_shot_that_moves_on_the_timeline_with_its_sound_is_the_same_shot() -> None:
    shot = shots_of(cut(*DIALOGUE))[1]
    moved = dataclasses.replace(
        shot, start_frame=shot.start_frame + 100, end_frame=shot.end_frame + 100
    )
    assert shot_identity.identify_shot(moved) == shot.shot_id


def identities(parts: list[tuple[Line, Cue]], actors: list[Actor] = ACTORS) -> list[str]:
    return [shot.shot_id for shot in shots_of(cut(*parts), actors=actors)]


def test_one_changed_emotion_makes_exactly_one_new_shot() -> None:
    line, cue = DIALOGUE[1]
    changed = [DIALOGUE[0], (line, dataclasses.replace(cue, performance="angry 1")), DIALOGUE[2]]
    assert [a == b for a, b in zip(identities(DIALOGUE), identities(changed), strict=True)] == [
        True,
        False,
        True,
    ]


def test_a_new_portrait_makes_new_shots_of_its_actor_only() -> None:
    actors = [dataclasses.replace(ACTORS[0], portrait_digest="m2"), ACTORS[1]]
    assert [
        a == b for a, b in zip(identities(DIALOGUE), identities(DIALOGUE, actors), strict=True)
    ] == [False, True, False]


def test_word_times_line_names_looks_paths_and_confidence_make_no_new_shot() -> None:
    words = json.dumps([["Who", SECOND, 2 * SECOND]])
    parts = [
        (
            dataclasses.replace(line, line_id=f"other-{line.line_id}", direction="x", notes="x"),
            dataclasses.replace(
                cue,
                line_id=f"other-{line.line_id}",
                words=words,
                confidence=0.1,
                reasons="x",
                speaker="S1",
            ),
        )
        for line, cue in DIALOGUE
    ]
    actors = [
        dataclasses.replace(actor, look="night", portrait=f"moved/{actor.portrait}", actor="X")
        for actor in ACTORS
    ]
    assert identities(parts, actors) == identities(DIALOGUE)
