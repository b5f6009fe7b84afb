# SPDX-License-Identifier: Apache-2.0
"""What diffusion training draws and minimises: noise levels, condition dropout, the loss of v.

The formulas of v-prediction are in `model.v_prediction`. No network is named here.

References: Karras et al. (2022), elucidating the design space, table 1 (noise levels); Blattmann et
al. (2023), Stable Video Diffusion.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Latents = Float[Tensor, "batch frames channels height width"]
Levels = Float[Tensor, " batch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseDistribution:
    """Noise levels of training: ln sigma is normal with `mean` and `deviation`.

    SVD uses 0.7 and 1.6 at high resolution.
    """

    mean: float = 0.0
    deviation: float = 1.4

    def draw(self, count: int, generator: torch.Generator) -> Levels:
        """Draw one level for each window."""
        return (self.mean + self.deviation * torch.randn(count, generator=generator)).exp()


def v_loss(
    v: Latents,
    target: Latents,
    *,
    free: Bool[Tensor, "batch frames"] | None = None,
    places: Float[Tensor, "batch height width"] | None = None,
) -> Float[Tensor, ""]:
    """Compute the mean squared error of v.

    Frames that are not `free` count as right, so that slices of a batch add up to the whole.
    `places`: weight of each place of the latent, 1 on average.
    """
    squares = (v.float() - target).square()
    if places is not None:
        squares = squares * places[:, None, None]
    errors = squares.mean((2, 3, 4))
    return errors.mean() if free is None else (errors * free.to(errors)).mean()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionDropout:
    """Shares of windows that lose conditions, so that one network is every branch of guidance.

    `everything`: sound and emotion; `emotion`, `sound`: that one alone. They exclude each other.
    """

    everything: float = 0.1
    emotion: float = 0.1
    sound: float = 0.05

    def draw(
        self, count: int, generator: torch.Generator
    ) -> tuple[Bool[Tensor, " batch"], Bool[Tensor, " batch"]]:
        """Draw which windows lose their sound, and which their emotion."""
        chance = torch.rand(count, generator=generator)
        first, second = self.everything, self.everything + self.emotion
        emotion = chance < second
        sound = (chance < first) | ((chance >= second) & (chance < second + self.sound))
        return sound, emotion
