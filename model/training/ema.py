# SPDX-License-Identifier: Apache-2.0
"""Average weights over time: the average is sampled and shipped, the optimiser moves the weights.

References: Polyak & Juditsky (1992), averaging; Karras et al. (2022), section F. The quick start is
TensorFlow's.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn


class Ema:
    """Keeps `mean`, a copy of a module whose every number is the running mean of the module's."""

    def __init__(self, module: nn.Module, *, decay: float) -> None:
        """Start at the module's present values.

        `decay` in [0, 1): the share of the old mean that stays in one step.
        """
        self.decay = decay
        self.mean = deepcopy(module).eval().requires_grad_(False)

    def at(self, step: int) -> float:
        """Return the decay at a step; early on the mean follows quickly.

        >>> Ema(nn.Linear(1, 1), decay=0.999).at(0), Ema(nn.Linear(1, 1), decay=0.5).at(100)
        (0.1, 0.5)
        """
        return min(self.decay, (1 + step) / (10 + step))

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move the mean toward the module's values; copy whole numbers."""
        share = 1 - self.at(step)
        own = module.state_dict()
        for name, value in self.mean.state_dict().items():
            if value.is_floating_point():
                value.lerp_(own[name], share)
            else:
                value.copy_(own[name])
