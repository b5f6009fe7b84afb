# SPDX-License-Identifier: Apache-2.0
"""Long shots are cut into parts that share frames."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.dice.parts import FRAME_SAMPLES, HELD_FRAMES, split_speech
from model.dice.stream import GENERATED_RATE
from model.talker import Speech


def sound(frames: int, pauses: list[int]) -> Speech:
    samples = np.full(frames * FRAME_SAMPLES, 0.3, dtype=np.float32)
    for pause in pauses:
        samples[pause * FRAME_SAMPLES : (pause + 1) * FRAME_SAMPLES] = 0
    return Speech(samples=samples, lead=0, frames=2 * frames, rate=Fraction(25))


def test_long_shots_are_cut_in_pauses_and_parts_share_frames() -> None:
    parts = split_speech(sound(400, [110, 215, 330]), 400, longest_seconds=10.0)
    assert [(part.start, part.end, part.held) for part in parts] == [
        (0, 110, 0),
        (110 - HELD_FRAMES, 215, HELD_FRAMES),
        (215 - HELD_FRAMES, 330, HELD_FRAMES),
        (330 - HELD_FRAMES, 400, HELD_FRAMES),
    ]


@given(
    frames=st.integers(1, 300),
    longest=st.integers(4, 9),
    pauses=st.lists(st.integers(0, 299), max_size=9),
)
@settings(max_examples=40)
def test_parts_cover_a_shot_without_gap_and_within_the_limit(
    frames: int, longest: int, pauses: list[int]
) -> None:
    parts = split_speech(
        sound(frames, [pause for pause in pauses if pause < frames]),
        frames,
        longest_seconds=float(longest),
    )
    shown = [number for part in parts for number in range(part.start + part.held, part.end)]
    assert shown == list(range(frames))
    assert all(len(part) <= longest * GENERATED_RATE for part in parts)
