# SPDX-License-Identifier: Apache-2.0
"""The emotion bank: asked as the published one is, used widely, and well-behaved in between."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model.affect.bank import SIZES, EmotionBank, perplexity
from model.dice.config import EmotionSizes
from model.dice.emotion import EmotionModel

SMALL = EmotionSizes(prior=256, hidden=32, tokens=2, dim=256, bank=8, heads=4, feature=1)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def moved(weight: Tensor) -> bool:
    """Whether a gradient reaches it."""
    return weight.grad is not None and bool(weight.grad.any())


@pytest.fixture
def bank() -> EmotionBank:
    torch.manual_seed(0)
    return EmotionBank(SMALL)


@pytest.mark.numeric
def test_both_ways_of_asking_are_those_of_the_released_model(bank: EmotionBank) -> None:
    released = EmotionModel(SMALL)
    state = {key: value for key, value in bank.state_dict().items() if key != "usage"}
    released.load_state_dict(state, strict=False)
    priors = drawn(1, 5, 256)
    torch.testing.assert_close(bank.tokens(priors), released(priors))
    torch.testing.assert_close(bank.tokens(priors, retrieve=True), released.retrieve(priors)[0])


@pytest.mark.numeric
def test_retrieval_takes_the_nearest_entry_and_passes_gradients_straight_to_the_question(
    bank: EmotionBank,
) -> None:
    priors = drawn(2, 3, 256)
    entry, place, loss = bank.codebook(priors)
    wanted, entries = bank.codebook.fc(priors), bank.codebook.codebook.weight
    assert torch.equal(place, torch.cdist(wanted, entries).argmin(1))
    torch.testing.assert_close(entry, entries[place])
    torch.testing.assert_close(loss, 1.25 * (entries[place] - wanted).square().mean())
    entry.sum().backward()
    assert (
        bank.codebook.codebook.weight.grad is None or not bank.codebook.codebook.weight.grad.any()
    )
    assert moved(bank.codebook.fc.weight)


def test_attention_over_the_bank_teaches_its_projection_and_not_its_entries(
    bank: EmotionBank,
) -> None:
    bank.tokens(drawn(3, 4, 256)).square().sum().backward()  # type: ignore[no-untyped-call]
    assert bank.codebook.codebook.weight.grad is None
    assert moved(bank.kv_tokens_linear.proj1.weight)
    assert moved(bank.attention.fc_v.weight)


def test_the_quantisation_loss_moves_entries_and_questions_towards_each_other(
    bank: EmotionBank,
) -> None:
    priors = drawn(4, 6, 256)
    optimiser = torch.optim.SGD(bank.parameters(), lr=1.0)
    before = float(bank.retrieve(priors)[1].detach())
    for _ in range(20):
        optimiser.zero_grad()
        bank.retrieve(priors)[1].backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert float(bank.retrieve(priors)[1].detach()) < 0.9 * before


@pytest.mark.numeric
def test_usage_follows_what_is_retrieved_and_stays_a_share(bank: EmotionBank) -> None:
    for _ in range(300):
        bank.note_use(torch.tensor([2, 2, 5, 2]))
    assert bank.usage.tolist() == pytest.approx([0, 0, 0.75, 0, 0, 0.25, 0, 0], abs=0.01)
    assert float(bank.usage.sum()) == pytest.approx(1, abs=1e-4)
    assert bank.perplexity() == pytest.approx(1.755, abs=0.06)


@pytest.mark.numeric
def test_dead_entries_come_to_life_where_they_are_asked_for(bank: EmotionBank) -> None:
    for _ in range(300):
        bank.note_use(torch.tensor([2, 5]))
    priors = drawn(5, 16, 256)
    living = bank.codebook.codebook.weight[[2, 5]].clone()
    assert bank.revive(priors, torch.Generator().manual_seed(0)) == 6
    assert torch.equal(bank.codebook.codebook.weight[[2, 5]], living)
    asked = bank.codebook.fc(priors)
    nearest = torch.cdist(bank.codebook.codebook.weight[[0, 1, 3, 4, 6, 7]], asked).min(1).values
    assert float(nearest.max().detach()) < 1e-3
    for _ in range(50):
        bank.note_use(torch.arange(8))
    assert bank.revive(priors, torch.Generator().manual_seed(0)) == 0


@pytest.mark.numeric
def test_a_blind_question_is_answered_by_the_entry_alone(bank: EmotionBank) -> None:
    priors = drawn(7, 6, 256)
    yes, no = torch.ones(6, 1, dtype=torch.bool), torch.zeros(6, 1, dtype=torch.bool)
    torch.testing.assert_close(
        bank.recall(priors, blind=no, dropped=no)[0], bank.retrieve(priors)[0]
    )
    blind, _ = bank.recall(priors, blind=yes, dropped=no)
    places = bank.codebook(priors)[1].tolist()
    for one in range(6):
        for other in range(6):
            assert torch.allclose(blind[one], blind[other], atol=1e-5) == (
                places[one] == places[other]
            )
    nothing, _ = bank.recall(priors, blind=no, dropped=yes)
    torch.testing.assert_close(nothing, nothing[:1].expand_as(nothing))


def test_perplexity_counts_entries_used_evenly() -> None:
    assert perplexity(torch.full((64,), 1 / 64)) == pytest.approx(64, rel=1e-4)
    assert perplexity(torch.eye(64)[0]) == pytest.approx(1)


def test_sizes_of_the_released_bank_are_built_without_memory() -> None:
    with torch.device("meta"):
        bank = EmotionBank(EmotionSizes())
    # without the classifier
    assert sum(p.numel() for p in bank.parameters()) == 74_860_822 - 792_854
    assert replace(SIZES, bank=64) == SIZES
