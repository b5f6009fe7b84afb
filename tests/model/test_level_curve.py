# SPDX-License-Identifier: Apache-2.0
"""The level curve measures each whole 10 ms, in every order and precision that it offers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.timebase import ANALYSIS_HZ
from model.level_curve import HOP, HZ, measure_power, to_decibels


def test_a_sine_at_full_scale_has_minus_3_decibels_a_hundred_times_a_second() -> None:
    sine = np.sin(2 * np.pi * 1000 * np.arange(ANALYSIS_HZ) / ANALYSIS_HZ).astype(np.float32)
    decibels = to_decibels(measure_power(sine))
    assert len(decibels) == HZ
    np.testing.assert_allclose(decibels, -3.0103, atol=1e-3)


def test_silence_has_the_level_of_the_floor() -> None:
    power = measure_power(np.zeros(HOP, dtype=np.float32))
    assert to_decibels(power, floor=1e-10).tolist() == [-100.0]


@given(samples=st.integers(0, 5 * HOP))
def test_a_rest_shorter_than_a_frame_is_left_out(samples: int) -> None:
    assert len(measure_power(np.ones(samples, dtype=np.float32))) == samples // HOP


@pytest.mark.parametrize(
    ("pairwise", "precision"), [(True, np.float64), (False, np.float32), (True, np.float32)]
)
def test_orders_and_precisions_of_the_sum_agree_but_for_rounding(
    pairwise: bool, precision: type
) -> None:
    sound = np.random.default_rng(3).uniform(-1, 1, ANALYSIS_HZ).astype(np.float32)
    # a sum of 160 products is off by at most 160 roundings of each (Higham 2002, section 4.2)
    off = HOP * np.finfo(precision).eps
    np.testing.assert_allclose(
        measure_power(sound, pairwise=pairwise, precision=precision), measure_power(sound), rtol=off
    )
