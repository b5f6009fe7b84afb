# SPDX-License-Identifier: Apache-2.0
"""Draws of a synthetic performance."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.emotion import LABELS
from model.previs.expression import UNITS
from pipeline.corpus import performance


@given(st.sampled_from(LABELS), st.sampled_from([1, 2, 3]), st.integers(0, 10_000))
def test_draws_stay_within_what_is_documented(emotion: str, level: int, seed: int) -> None:
    take = performance.draw(emotion, level, np.random.default_rng(seed))
    assert len(take.gains) == len(UNITS)
    assert min(take.gains) >= 0.65
    assert max(take.gains) <= 1.35
    weights = np.array(take.build_performance().keys[-1].weights)
    assert LABELS[int(weights.argmax())] == emotion
    assert weights.sum() - weights.max() <= performance.TRACE + 1e-9
