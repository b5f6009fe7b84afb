# SPDX-License-Identifier: Apache-2.0
"""Heads drift, blink and nod."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.previs import gesture


@settings(max_examples=30, deadline=None)
@given(start=st.floats(0, 1000), seed=st.integers(0, 2**32), channel=st.integers(0, 50))
def test_drift_is_bounded_and_the_same_at_any_moment_however_it_is_asked(
    start: float, seed: int, channel: int
) -> None:
    times = start + np.arange(50) / 25
    whole = gesture.make_drift(times, seed, channel, 0.8)
    assert np.abs(whole).max() <= 2
    assert np.abs(whole[20:25] - gesture.make_drift(times[20:25], seed, channel, 0.8)).max() < 1e-5


def test_drift_has_unit_spread_over_a_long_time() -> None:
    assert 0.7 < gesture.make_drift(np.arange(0, 600, 0.2), 3, 1, 0.8).std() < 1.1


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_people_blink_ten_to_twenty_five_times_a_minute(seed: int) -> None:
    shut = gesture.Blinks(seed).measure_closure(np.arange(0, 180, 0.01)) > 0.5
    blinks = int((np.diff(shut.astype(int)) == 1).sum())
    assert 30 <= blinks <= 75


def test_a_listener_nods_in_the_pauses_of_the_other_and_not_in_silence() -> None:
    phrases = np.tile(np.r_[np.ones(120), np.zeros(80)], 12)
    track = gesture.place_nods(phrases, 1)
    assert 2 <= (np.diff((track > 0.5).astype(int)) == 1).sum() <= 10
    assert track[phrases > 0].mean() < track[phrases == 0].mean()
    assert gesture.place_nods(np.zeros(500), 1).max() == 0


def test_a_face_is_busy_through_the_short_pauses_of_a_phrase_and_free_after_it() -> None:
    speaking = np.zeros(500)
    speaking[100:150] = speaking[180:250] = 1.0
    busy = gesture.find_phrases(speaking)
    assert busy[100:250].min() > 0.99
    assert busy[:50].max() == busy[310:].max() == 0.0
    assert gesture.find_phrases(np.zeros(0)).shape == (0,)
