# SPDX-License-Identifier: Apache-2.0
"""Intervals: known answers, and how often they hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.judges import intervals


def test_wilson_gives_the_published_ends_for_five_of_ten() -> None:
    made = intervals.estimate_wilson(5, 10)
    assert (made.low, made.high) == pytest.approx((0.2366, 0.7634), abs=1e-4)


@given(st.integers(1, 500).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_wilson_holds_the_share_and_stays_between_nothing_and_all(case: tuple[int, int]) -> None:
    right, count = case
    made = intervals.estimate_wilson(right, count)
    assert 0 <= made.low <= right / count <= made.high <= 1 + 1e-12
    assert made.high - made.low > 0


def test_the_interval_of_a_mean_holds_the_truth_about_as_often_as_it_says() -> None:
    """Clips of one person are alike: 24 people of 6 clips each. Resampling people leaves a little
    to be desired of 95 %."""
    chance, held, trials = np.random.default_rng(1), 0, 150
    people = [f"p{number // 6}" for number in range(144)]
    for _ in range(trials):
        values = np.repeat(chance.normal(0, 1, 24), 6) + chance.normal(0, 0.5, 144)
        made = intervals.estimate_mean(values, people)
        held += made.low <= 0 <= made.high
    assert 0.87 <= held / trials <= 0.99


def test_people_who_are_alike_in_themselves_widen_the_interval() -> None:
    values = np.repeat([0.0, 1.0] * 10, 10)
    people = [f"p{number // 10}" for number in range(200)]
    clustered = intervals.estimate_mean(values, people)
    single = intervals.estimate_mean(values, [str(number) for number in range(200)])
    assert clustered.high - clustered.low > 2 * (single.high - single.low)


def test_all_right_is_still_not_certain() -> None:
    made = intervals.estimate_proportion(np.ones(20), [f"p{number % 5}" for number in range(20)])
    assert made.value == made.high == 1.0
    assert made.low == pytest.approx(intervals.estimate_wilson(20, 20).low)


def test_one_person_says_nothing_about_others() -> None:
    made = intervals.estimate_mean(np.array([1.0, 2.0]), ["only", "only"])
    assert made.value == 1.5
    assert math.isnan(made.low)
    assert math.isnan(made.high)


def test_a_ratio_resamples_both_sides_together() -> None:
    below = np.random.default_rng(0).uniform(1, 5, 40)
    made = intervals.estimate_ratio(below / 2, below, [f"p{number % 8}" for number in range(40)])
    assert (made.value, made.low, made.high) == pytest.approx((0.5, 0.5, 0.5))


def test_values_without_clips_are_refused() -> None:
    with pytest.raises(ValueError, match="0 values"):
        intervals.estimate_mean(np.array([]), [])
