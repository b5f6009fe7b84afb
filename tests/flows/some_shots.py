# SPDX-License-Identifier: Apache-2.0
"""Shots, takes and events for tests that need no film."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from manifests.rows import Shot, Take
from manifests.run_rows import Event
from pipeline.cut import shot_identity

NEUTRAL = [[0, 0, 0, 0, 0, 0, 1, 0, 0]]


def shot(line: str, *, character: str = "MARA", number: str = "", **changes: Any) -> Shot:
    """A shot of one line, under its own identity."""
    unnamed = Shot(
        shot_id="",
        number=number or f"sc01_{line}",
        order=0,
        scene="1",
        character=character,
        actor=f"Actor of {character}",
        role="speaking",
        line_ids=line,
        text=f"text of {line}",
        lang="en",
        performance=json.dumps(NEUTRAL),
        start_frame=0,
        end_frame=50,
        rate_num=25,
        rate_den=1,
        portrait=f"{character}.png",
        portrait_digest=f"face of {character}",
        face="only",
        audio_digest=f"sound of {line}",
        seed=1,
        width=256,
        height=256,
        talker="previs",
        talker_version="1.0.0",
        weights_digest="w",
        talker_settings="{}",
        episode="e1",
    )
    changed = dataclasses.replace(unnamed, **changes)
    return dataclasses.replace(changed, shot_id=shot_identity.identify_shot(changed))


def cut(*lines: str, **changes: Any) -> list[Shot]:
    """A cut of shots by MARA and HENRIK in turn, numbered by tens."""
    return [
        shot(
            line,
            character=("MARA", "HENRIK")[index % 2],
            number=f"sc01_sh{index + 1:02}0",
            order=index,
            **changes,
        )
        for index, line in enumerate(lines)
    ]


def build_event(name: str, subject: str, at: int, *, detail: str = "", run: str = "r1") -> Event:
    """An event at a second of an hour."""
    moment = f"2026-11-22T10:{at // 60:02}:{at % 60:02}.000000+00:00"
    return Event(
        event_id=f"{at:06}",
        happened_at=moment,
        subject=subject,
        name=name,
        actor="farm",
        run_id=run,
        detail=detail,
    )


def take_of(made: Shot, *, seconds: float = 1.0) -> Take:
    """The take of a shot, without media."""
    return Take(
        shot_id=made.shot_id,
        path=f"media/takes/{made.shot_id}.mkv",
        media_digest="m",
        frames=made.frames,
        rate_num=25,
        rate_den=1,
        width=256,
        height=256,
        talker=made.talker,
        talker_version="1.0.0",
        label=made.talker,
        licences="",
        seed=made.seed,
        face_left=0.3,
        face_top=0.2,
        face_right=0.7,
        face_bottom=0.8,
        wall_seconds=seconds,
        worker="w",
        run_id="r1",
    )


def ids(shots: Sequence[Shot]) -> set[str]:
    """Their identities."""
    return {one.shot_id for one in shots}
