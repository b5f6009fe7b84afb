# SPDX-License-Identifier: Apache-2.0
"""What the embedder's losses ask for."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from model.training.losses import identity_share, info_nce, kl_to_unit

pytestmark = pytest.mark.numeric

EMOTIONS = torch.arange(4).repeat(3)
IDENTITIES = torch.arange(3).repeat_interleave(4)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def nce(vectors: Tensor, *, hard_weight: float = 1.0, temperature: float = 0.1) -> float:
    return float(
        info_nce(vectors, EMOTIONS, IDENTITIES, temperature=temperature, hard_weight=hard_weight)
    )


def test_emotions_told_apart_alike_in_everyone_cost_next_to_nothing() -> None:
    assert nce(torch.eye(4)[EMOTIONS]) < 0.001


def test_people_told_apart_cost_more_than_vectors_that_say_nothing() -> None:
    assert nce(torch.eye(3)[IDENTITIES]) > nce(torch.ones(12, 3)) > nce(torch.eye(4)[EMOTIONS])


def test_the_contrastive_loss_is_the_published_formula() -> None:
    vectors = torch.nn.functional.normalize(drawn(0, 12, 5), dim=-1)
    alike = (vectors @ vectors.T / 0.1).exp()
    terms = [
        -math.log(
            alike[i, p]
            / (alike[i, p] + sum(alike[i, n] for n in range(12) if EMOTIONS[n] != EMOTIONS[i]))
        )
        for i in range(12)
        for p in range(12)
        if EMOTIONS[i] == EMOTIONS[p] and IDENTITIES[i] != IDENTITIES[p]
    ]
    assert nce(vectors) == pytest.approx(sum(terms) / len(terms), rel=1e-4)


def test_negatives_of_the_same_person_weigh_more_when_asked() -> None:
    confused = torch.eye(3)[IDENTITIES] + 0.1 * drawn(1, 12, 3)
    assert nce(confused, hard_weight=4.0) > nce(confused, hard_weight=1.0)


def test_a_batch_without_pairs_costs_nothing_and_still_has_gradients() -> None:
    vectors = drawn(2, 2, 3).requires_grad_()
    loss = info_nce(
        vectors, torch.tensor([0, 1]), torch.tensor([0, 0]), temperature=0.1, hard_weight=1.0
    )
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == 0
    assert vectors.grad is not None
    assert bool(vectors.grad.isfinite().all())


@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 50))
def test_only_directions_count_in_the_contrastive_loss(seed: int, scale: float) -> None:
    vectors = drawn(seed, 12, 6)
    assert nce(vectors * scale) == pytest.approx(nce(vectors), rel=1e-3, abs=1e-4)


@given(mean=st.floats(-3, 3), logvar=st.floats(-3, 3))
def test_kl_is_that_of_torchs_own_distributions(mean: float, logvar: float) -> None:
    given_normal = torch.distributions.Normal(mean, math.exp(logvar / 2))
    expected = torch.distributions.kl_divergence(given_normal, torch.distributions.Normal(0, 1))
    found = kl_to_unit(torch.full((2, 5), mean), torch.full((2, 5), logvar))
    assert float(found) == pytest.approx(5 * float(expected), rel=1e-4, abs=1e-4)


@given(seed=st.integers(0, 10_000))
def test_the_share_of_identities_lies_between_nothing_and_all(seed: int) -> None:
    assert 0 <= float(identity_share(drawn(seed, 12, 6), EMOTIONS, IDENTITIES)) <= 1 + 1e-5


def test_vectors_that_only_name_people_belong_to_them_wholly() -> None:
    known = torch.eye(3)[IDENTITIES] + torch.eye(12)[:, :3] * 1e-4
    assert float(identity_share(known, EMOTIONS, IDENTITIES)) > 0.99


def test_noise_belongs_to_people_by_chance_only() -> None:
    emotions, identities = torch.arange(8).repeat(64), torch.arange(64).repeat_interleave(8)
    assert float(identity_share(drawn(3, 512, 32), emotions, identities)) == pytest.approx(
        1 / 8, abs=0.03
    )
