# SPDX-License-Identifier: Apache-2.0
"""A take that nobody wants any more ends in the middle of its work, between denoising steps too,
and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.talker import SteppedClip
from model.talkers import load
from pipeline.render import portraits
from pipeline.render.render import RenderContext, generate_take
from tests.flows.farm.farm_talkers import GreyTalker, silent_shots

TINY = {"build": "tiny", "face_box": [0.25, 0.2, 0.75, 0.8]}
GREY = portraits.build_portrait(np.full((256, 256, 3), 128, np.uint8), name="grey.png")


class NotWanted(Exception):  # noqa: N818 - somebody asked for it
    """Somebody said stop."""


def made_until(folder: Path, *, talker: str, calls: int) -> list[tuple[int, int]]:
    """What a take reports until it is stopped at its n-th report."""
    said: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        said.append((done, total))
        if len(said) == calls:
            raise NotWanted

    (shot,) = silent_shots(1, portrait="grey.png")
    context = RenderContext(root=folder, recordings=(), worker="w", run_id="r", label="test")
    loaded = load("dice", TINY) if talker == "dice" else GreyTalker()
    with pytest.raises(NotWanted):
        generate_take(shot, talker=loaded, portrait=GREY, context=context, progress=progress)
    assert not [path for path in folder.rglob("*") if path.is_file()]
    return said


def test_a_take_stops_at_the_next_frame(tmp_path: Path) -> None:
    assert made_until(tmp_path, talker="grey", calls=3) == [(1, 10), (2, 10), (3, 10)]


def test_a_take_of_dice_talk_stops_between_denoising_steps(tmp_path: Path) -> None:
    (first, second) = made_until(tmp_path, talker="dice", calls=2)
    assert first[1] == second[1] == 2, "of two steps, no frame was drawn yet"


def test_only_talkers_that_work_in_steps_are_asked_to_report_them() -> None:
    assert not isinstance(GreyTalker(), SteppedClip)
