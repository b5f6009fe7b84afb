# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of diffusion training: loss, dropout, running means, the discriminator."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model import v_prediction
from model.training import diffusion

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
