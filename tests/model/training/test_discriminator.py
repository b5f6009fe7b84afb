# SPDX-License-Identifier: Apache-2.0
"""A discriminator reads emotions out of a latent."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from model.emotion import LABELS
from model.training import discriminator
from model.training.discriminator import EmotionDiscriminator

pytestmark = pytest.mark.numeric


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
