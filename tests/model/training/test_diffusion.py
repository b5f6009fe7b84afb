# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of diffusion training: loss, dropout, running means, the discriminator."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from model import v_prediction
from model.emotion import LABELS
from model.training import diffusion, discriminator
from model.training.discriminator import EmotionDiscriminator
from model.training.ema import Ema
from model.training.training_loop import scale_rate

pytestmark = pytest.mark.numeric

SIGMAS = st.floats(0.01, 50)
SHAPE = (2, 3, 4, 2, 2)


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(SHAPE, generator=generator), torch.randn(SHAPE, generator=generator)


@given(SIGMAS)
@settings(max_examples=20, deadline=None)
def test_an_error_of_v_is_the_error_of_the_clean_latent_at_svds_weight(sigma: float) -> None:
    clean, noise = drawn(0)
    levels = torch.full((2,), sigma)
    noisy, target = (
        v_prediction.add_noise(clean, noise, levels),
        v_prediction.compute_target(clean, noise, levels),
    )
    wrong = target + 0.1
    error = (v_prediction.recover_clean(noisy, wrong, levels) - clean).square().mean()
    weighted = float(error) * (sigma**2 + 1) / sigma**2
    assert weighted == pytest.approx(float(diffusion.v_loss(wrong, target)), rel=1e-2)


def test_given_frames_cost_nothing() -> None:
    target = torch.zeros(SHAPE)
    v = target.clone()
    v[:, 0] = 100
    free = torch.tensor([[False, True, True]] * 2)
    assert float(diffusion.v_loss(v, target, free=free)) == 0


def test_slices_of_a_batch_add_up_to_its_loss() -> None:
    target, v = drawn(3)
    free = torch.tensor([[False, True, True], [True, True, True]])
    parts = [
        diffusion.v_loss(v[i : i + 1], target[i : i + 1], free=free[i : i + 1]) for i in range(2)
    ]
    assert float(sum(parts)) / 2 == pytest.approx(float(diffusion.v_loss(v, target, free=free)))


def test_dropout_drops_as_often_as_asked_and_never_the_wrong_one() -> None:
    dropout = diffusion.ConditionDropout(everything=0.1, emotion=0.2, sound=0.3)
    silent, moodless = dropout.draw(20_000, torch.Generator().manual_seed(0))
    assert float((silent & moodless).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert float((~silent & moodless).float().mean()) == pytest.approx(0.2, abs=0.01)
    assert float((silent & ~moodless).float().mean()) == pytest.approx(0.3, abs=0.01)


def test_a_running_mean_is_the_weighted_sum_of_what_it_saw() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 0.0)
    ema = Ema(module, decay=0.5)
    for value in (1.0, 2.0, 4.0):
        nn.init.constant_(module.weight, value)
        ema.update(module, 1000)
    assert cast("nn.Linear", ema.mean).weight.item() == pytest.approx(1 / 8 + 2 / 4 + 4 / 2)
    assert module.weight.item() == 4


def test_a_running_mean_forgets_its_first_values_quickly() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 1000.0)
    ema = Ema(module, decay=0.999)
    nn.init.constant_(module.weight, 1.0)
    for step in range(100):
        ema.update(module, step)
    assert cast("nn.Linear", ema.mean).weight.item() == pytest.approx(1, abs=0.01)


def test_the_pace_rises_and_falls_and_ends_low() -> None:
    paces = [scale_rate(step, 200) for step in range(200)]
    assert max(paces) == pytest.approx(1)
    assert paces[0] < 0.2
    assert paces[-1] == pytest.approx(0.05, abs=0.01)
    assert paces[10:] == sorted(paces[10:], reverse=True)


def test_the_discriminator_learns_a_readable_emotion_and_noise_discounts_it() -> None:
    torch.manual_seed(0)
    reader = EmotionDiscriminator(16, 4)
    labels = torch.arange(len(LABELS))
    features = torch.randn(len(LABELS), 3, 16, 2, 2)
    optimiser = torch.optim.Adam(reader.parameters(), lr=0.02)
    low = torch.zeros(len(LABELS))
    for _ in range(60):
        optimiser.zero_grad()
        torch.autograd.backward(discriminator.loss(reader(features), labels, low, of=8))
        optimiser.step()
    assert reader(features).argmax(1).tolist() == labels.tolist()
    wrong, logits = labels.roll(1), reader(features).detach()
    close = discriminator.loss(logits, wrong, low + 0.1, of=8)
    far = discriminator.loss(logits, wrong, low + 3, of=8)
    assert float(far) == pytest.approx(float(close) * (1 + 0.01) / 10, rel=0.01)


def test_through_a_frozen_module_gradients_reach_its_input_only() -> None:
    module, given_input = nn.Linear(2, 2), torch.ones(1, 2, requires_grad=True)
    before = module(given_input)
    with discriminator.frozen(module):
        module(given_input).sum().backward()
    assert module.weight.grad is None
    assert given_input.grad is not None
    before.sum().backward()
    assert module.weight.grad is not None
