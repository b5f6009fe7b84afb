# SPDX-License-Identifier: Apache-2.0
"""Plain classifiers read what there is to be read, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.training.probes import (
    classify_by_discriminant,
    classify_by_ridge,
    probe_identity,
    probe_shuffled_identities,
    split_halves,
)

IDENTITIES = np.repeat(np.arange(6), 24)
EMOTIONS = np.tile(np.repeat(np.arange(8), 3), 6)


def test_groups_apart_are_told_apart_whatever_the_scale_of_a_feature() -> None:
    chance, labels = np.random.default_rng(4), np.repeat([3, 5, 9], 40)
    features = chance.normal(0, 1, (120, 4)) * (1, 1e4, 1e-4, 1) + (labels == 5)[:, None] * (
        8,
        0,
        0,
        0,
    )
    features[labels == 9, 2] += 8e-4
    for classify in (classify_by_discriminant, classify_by_ridge):
        assert (classify(features, labels, features) == labels).mean() > 0.97


def test_a_discriminant_looks_across_what_varies_within_classes() -> None:
    chance, labels = np.random.default_rng(4), np.repeat([0, 1], 300)
    common = chance.normal(0, 3, 600)
    features = np.column_stack(
        [common, common + np.where(labels == 1, 1.0, -1.0) + chance.normal(0, 0.3, 600)]
    )
    assert (classify_by_discriminant(features, labels, features) == labels).mean() > 0.9


def test_an_identity_that_is_written_in_the_features_is_found_and_a_shuffled_one_is_not() -> None:
    noise = np.random.default_rng(4).normal(0, 1, (144, 10))
    written = noise + 3 * np.eye(10)[IDENTITIES]
    assert probe_identity(written, IDENTITIES, EMOTIONS, seed=0) > 0.9
    shuffled = probe_shuffled_identities(written, IDENTITIES, EMOTIONS, seed=0, times=40)
    assert abs(shuffled.mean() - 1 / 6) < 0.04
    plain = probe_identity(noise, IDENTITIES, EMOTIONS, seed=0)
    assert np.quantile(shuffled, 0.01) - 0.05 < plain < np.quantile(shuffled, 0.99) + 0.05


@given(seed=st.integers(0, 1000))
def test_halves_share_each_combination_evenly_and_nothing_twice(seed: int) -> None:
    one, other = split_halves([IDENTITIES, EMOTIONS], seed=seed)
    assert sorted([*one, *other]) == list(range(144))
    for identity in range(6):
        counts = [int((IDENTITIES[half] == identity).sum()) for half in (one, other)]
        assert abs(counts[0] - counts[1]) <= 1
