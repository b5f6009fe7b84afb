# SPDX-License-Identifier: Apache-2.0
"""Which frames are denoised together, where long shots are cut, where delivered frames lie."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.dice.config import SCHEDULER
from model.dice.schedule import SHORTEST, Schedule, plan_circular_windows, plan_open_windows
from model.dice.stream import GENERATED_RATE, count_generated_frames, place_frames

rates = st.sampled_from(
    [Fraction(25), Fraction(24), Fraction(30), Fraction(30000, 1001), Fraction(50), Fraction(25, 2)]
)


@given(frames=st.integers(1, 2000), step=st.integers(0, 60))
def test_open_windows_hold_every_frame_once_and_are_neither_long_nor_short(
    frames: int, step: int
) -> None:
    windows = plan_open_windows(frames, window=25, shift=7 * step % 25)
    assert [number for window in windows for number in window] == list(range(frames))
    assert max(map(len, windows)) <= 25
    assert min(map(len, windows)) >= min(frames, SHORTEST)


def test_shifted_windows_part_the_clip_at_every_place_within_25_steps() -> None:
    cuts = {
        window[0] % 25
        for step in range(25)
        for window in plan_open_windows(500, window=25, shift=7 * step % 25)
    }
    assert cuts == set(range(25))


@given(frames=st.integers(1, 300), shift=st.integers(0, 24), overlap=st.integers(0, 12))
def test_circular_windows_visit_every_frame_and_wrap(frames: int, shift: int, overlap: int) -> None:
    windows = plan_circular_windows(frames, window=25, shift=shift, overlap=overlap)
    assert {number for window in windows for number in window} == set(range(frames))
    assert all(len(window) == 25 for window in windows)


def test_a_scheduler_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="epsilon"):
        Schedule.of(SCHEDULER | {"prediction_type": "epsilon"}, 25)


@given(frames=st.integers(1, 5000), rate=rates)
def test_generated_frames_enclose_every_delivered_frame_and_none_is_spare(
    frames: int, rate: Fraction
) -> None:
    wanted = place_frames(frames, rate)
    count = count_generated_frames(frames, rate)
    assert len(wanted) == frames
    assert wanted[-1] <= count - 1
    assert count == 1 or wanted[-1] > count - 2
    assert all(b - a == GENERATED_RATE / rate for a, b in pairwise(wanted))
