# SPDX-License-Identifier: Apache-2.0
"""The Frechet distance: known Gaussians, and what must hold of any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.judges import distances

pytestmark = pytest.mark.numeric


def test_gaussians_that_differ_in_mean_and_width_have_the_distance_of_the_formula() -> None:
    deviations, others, mean = (
        np.array([1.0, 2.0, 0.5]),
        np.array([3.0, 1.0, 0.5]),
        np.array([1.0, 0.0, -2.0]),
    )
    made = distances.compare_gaussians(np.zeros(3), np.diag(deviations), mean, np.diag(others))
    assert made == pytest.approx(5.0 + ((deviations - others) ** 2).sum())


def test_samples_of_known_gaussians_come_close_to_their_distance() -> None:
    chance = np.random.default_rng(0)
    mix = chance.normal(size=(4, 4))
    one = chance.normal(size=(60_000, 4))
    other = chance.normal(size=(60_000, 4)) @ mix + 1.0
    # tr (S2)^(1/2) of S2 = mix^T mix is the sum of the singular values of mix
    truth = 4 + 4 + (mix**2).sum() - 2 * np.linalg.svd(mix, compute_uv=False).sum()
    assert distances.measure_frechet(one, other) == pytest.approx(truth, rel=0.03)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 30), st.integers(2, 30), st.integers(1, 40), st.integers(0, 2**31))
def test_it_is_finite_symmetric_and_never_negative_also_of_fewer_samples_than_numbers(
    rows: int, others: int, width: int, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    one, other = chance.normal(size=(rows, width)), 3 * chance.normal(size=(others, width)) + 1
    made = distances.measure_frechet(one, other)
    assert np.isfinite(made)
    assert made >= 0
    assert made == pytest.approx(distances.measure_frechet(other, one))
    assert distances.measure_frechet(one, one) == pytest.approx(0, abs=1e-8 * (one**2).sum())


@given(st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_turning_both_sets_changes_nothing(seed: int) -> None:
    chance = np.random.default_rng(seed)
    one, other = chance.normal(size=(20, 5)), chance.normal(size=(30, 5)) * 2
    turn, _ = np.linalg.qr(chance.normal(size=(5, 5)))
    assert distances.measure_frechet(one @ turn, other @ turn) == pytest.approx(
        distances.measure_frechet(one, other)
    )


@pytest.mark.parametrize("features", [np.zeros((1, 3)), np.full((4, 3), np.nan), np.zeros(5)])
def test_what_no_gaussian_lies_through_is_refused(features: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no Gaussian"):
        distances.measure_frechet(features, np.zeros((4, 3)))
