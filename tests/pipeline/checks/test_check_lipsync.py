# SPDX-License-Identifier: Apache-2.0
"""How far lips and sound lie apart."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.checks import check_lipsync
from tests.pipeline.checks.test_check_faces import scene

RATE = Fraction(25)


ABOUT = {"version": "v001", "profile": "web", "rate": RATE}


@given(st.integers(-12, 12), st.integers(0, 1000))
def test_the_lag_of_a_shifted_curve_is_found(lag: int, seed: int) -> None:
    curve = np.convolve(np.random.default_rng(seed).normal(0, 1, 140), np.hanning(7), mode="same")
    found, correlation = check_lipsync.find_best_lag(np.roll(curve, lag)[20:120], curve[20:120])
    assert found == lag
    assert correlation > 0.99


def test_curves_that_stand_still_have_no_lag() -> None:
    assert check_lipsync.find_best_lag(np.zeros(60), np.ones(60)) == (0, 0.0)


@pytest.mark.parametrize(
    ("frames", "verdict"),
    [(0, "pass"), (2, "pass"), (-3, "warn"), (4, "warn"), (5, "fail"), (-9, "fail")],
)
def test_lags_become_a_verdict_by_their_median(frames: int, verdict: str) -> None:
    lags = [check_lipsync.Lag(scene=scene("MARA", 0, 50), frames=frames, correlation=0.9)] * 2
    lags.append(replace(lags[0], frames=12, correlation=0.2))  # not sure enough to count
    assert check_lipsync.check_lag(lags, **ABOUT).verdict == verdict


def test_what_cannot_be_measured_is_said() -> None:
    unsure = check_lipsync.Lag(scene=scene("MARA", 0, 50), frames=9, correlation=0.1)
    assert check_lipsync.check_lag([unsure], **ABOUT).verdict == "warn"
    assert check_lipsync.check_lag([], **ABOUT).verdict == "pass"
    listening = [scene("MARA", 0, 80, speaking=False), scene("KOFI", 90, 20)]
    assert check_lipsync.choose_shots(listening, rate=RATE) == []
