# SPDX-License-Identifier: Apache-2.0
"""How emotions change a voice."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.emotion import LABELS
from pipeline.corpus import vocal_manner


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(LABELS), st.floats(0.2, 1.3), st.integers(0, 1000))
def test_every_draw_can_be_said(emotion: str, intensity: float, seed: int) -> None:
    manner = vocal_manner.draw(emotion, intensity, np.random.default_rng(seed))
    assert 0.5 < manner.rate < 1.6
    assert manner.pitch_range > 0
    assert manner.pause_seconds == 0 or manner.pause_seconds > vocal_manner.SHORTEST_PAUSE


def test_emotions_lie_apart_on_the_whole_and_overlap_in_single_draws() -> None:
    chance = np.random.default_rng(0)
    happy, sad, neutral = (
        np.array([vocal_manner.draw(emotion, 0.6, chance).pitch_semitones for _ in range(300)])
        for emotion in ("happy", "sad", "neutral")
    )
    assert happy.mean() > neutral.mean() > sad.mean()
    assert happy.min() < neutral.max()
    assert sad.max() > neutral.min()
