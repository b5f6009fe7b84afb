# SPDX-License-Identifier: Apache-2.0
"""v-prediction: the formulas of training and sampling agree, and have unit deviation."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model import v_prediction
from model.dice.config import SCHEDULER
from model.dice.schedule import Schedule

SIGMAS = st.floats(0.01, 50)
SHAPE = (2, 3, 4, 2, 2)


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(SHAPE, generator=generator), torch.randn(SHAPE, generator=generator)


@given(SIGMAS, st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_the_right_v_gives_back_the_clean_latent(sigma: float, seed: int) -> None:
    clean, noise = drawn(seed)
    levels = torch.full((2,), sigma)
    noisy = v_prediction.add_noise(clean, noise, levels)
    v = v_prediction.compute_target(clean, noise, levels)
    assert v_prediction.recover_clean(noisy, v, levels) == pytest.approx(
        clean, abs=2e-5 * (1 + sigma)
    )


@given(SIGMAS, st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_one_euler_step_to_zero_with_the_right_v_is_the_clean_latent(
    sigma: float, seed: int
) -> None:
    clean, noise = drawn(seed)
    level = torch.tensor(sigma)
    noisy = v_prediction.add_noise(clean, noise, level.expand(2))
    v = v_prediction.compute_target(clean, noise, level.expand(2))
    assert v_prediction.step_euler(noisy, v, level, torch.tensor(0.0)) == pytest.approx(
        clean, abs=2e-5 * (1 + sigma)
    )
    assert torch.equal(
        v_prediction.scale_input(noisy, level.expand(2)), v_prediction.scale_input(noisy, level)
    )


def test_inputs_and_targets_have_unit_deviation_at_every_level() -> None:
    generator = torch.Generator().manual_seed(1)
    clean, noise = (torch.randn(8, 4, 4, 16, 16, generator=generator) for _ in range(2))
    for sigma in (0.05, 0.5, 2.0, 20.0):
        levels = torch.full((8,), sigma)
        assert v_prediction.scale_input(
            v_prediction.add_noise(clean, noise, levels), levels
        ).std() == pytest.approx(1, abs=0.02)
        assert v_prediction.compute_target(clean, noise, levels).std() == pytest.approx(1, abs=0.02)


def test_euler_steps_with_the_true_v_lead_back_to_the_clean_latent() -> None:
    schedule, generator = Schedule.of(SCHEDULER, 25), torch.Generator().manual_seed(0)
    clean = torch.randn(2, 4, 3, 3, generator=generator, dtype=torch.float64)
    noise = torch.randn(2, 4, 3, 3, generator=generator, dtype=torch.float64)
    x = v_prediction.add_noise(clean, noise, schedule.sigmas[0])
    for sigma, following in pairwise(schedule.sigmas):
        wide = (sigma.double() ** 2 + 1).sqrt()
        v = (x / wide**2 - clean) * wide / sigma
        x = v_prediction.step_euler(x, v, sigma, following)
    assert torch.allclose(x, clean, atol=1e-4)
