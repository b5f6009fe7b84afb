# SPDX-License-Identifier: Apache-2.0
"""Running means of weights."""

from __future__ import annotations

from typing import cast

import pytest
from torch import nn

from model.training.ema import Ema

pytestmark = pytest.mark.numeric


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
