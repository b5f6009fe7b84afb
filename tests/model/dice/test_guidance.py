# SPDX-License-Identifier: Apache-2.0
"""Branches of guidance are weighed so that they sum to one, and run only when they are needed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.dice.guidance import EVERYTHING, Guidance

scales = st.floats(0, 12)


@given(appearance=scales, audio=scales, emotion=scales)
def test_branch_weights_sum_to_one_and_cancelled_branches_are_left_out(
    appearance: float, audio: float, emotion: float
) -> None:
    ramps = Guidance(appearance=(appearance,) * 2, audio=(audio,) * 2, emotion=(emotion,) * 2)
    weights = ramps.weights(3, 25)
    assert sum(weights.values()) == pytest.approx(1)
    assert all(weights.values())
    assert len(weights) == 1 + (appearance != 1) + (appearance != audio) + (audio != emotion) - (
        emotion == 0
    )


@pytest.mark.parametrize(
    ("told", "branches"),
    [((3.0, 6.0, 6.0), 3), ((3.0, 6.0, 4.0), 4), ((3.0, 3.0, 3.0), 2), ((1.0, 1.0, 1.0), 1)],
)
def test_a_fourth_branch_runs_only_when_audio_and_emotion_differ(
    told: tuple[float, ...], branches: int
) -> None:
    appearance, audio, emotion = told
    ramps = Guidance(appearance=(appearance,) * 2, audio=(audio,) * 2, emotion=(emotion,) * 2)
    assert len(ramps.weights(0, 2)) == branches
    assert EVERYTHING in ramps.weights(0, 2)


def test_a_ramp_goes_from_its_first_to_its_second_value() -> None:
    ramps = Guidance(appearance=(1.0, 2.5), audio=(2.0, 4.0), emotion=(2.0, 4.0))
    assert [ramps.weights(step, 4)[EVERYTHING] for step in range(4)] == pytest.approx(
        [2, 8 / 3, 10 / 3, 4]
    )
