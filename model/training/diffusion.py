# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of diffusion training: noise levels, preconditioning, v-prediction and its loss.
No network is named here.

A network F sees the noisy latent at unit deviation and predicts v; the clean latent is then D =
c_skip x + c_out F with the constants of Stable Video Diffusion for data of unit deviation: c_skip =
1 / (s^2 + 1), c_out = -s / sqrt(s^2 + 1), c_in = 1 / sqrt(s^2 + 1), and the network's own noise
input 0.25 ln s. A plain squared error of v is then the squared error of D weighted by (s^2 + 1) /
s^2.

References: Karras et al. (2022), elucidating the design space, table 1 and equation 7; Salimans &
Ho (2022), v; Blattmann et al. (2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Latents = Float[Tensor, "batch frames channels height width"]
Levels = Float[Tensor, " batch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Noise levels of training: ln sigma is normal with `mean` and `deviation` (SVD: 0.7 and 1.6 at
    high resolution).
    """

    mean: float = 0.0
    deviation: float = 1.4

    def draw(self, count: int, generator: torch.Generator) -> Levels:
        """One level for each window."""
        return (self.mean + self.deviation * torch.randn(count, generator=generator)).exp()


def noised(clean: Latents, noise: Latents, sigma: Levels) -> Latents:
    """The noisy latent x = clean + sigma noise."""
    return clean + _wide(sigma, clean) * noise


def scaled(x: Latents, sigma: Levels) -> Latents:
    """The network's input, c_in x: of unit deviation when the clean latent is."""
    return x / (_wide(sigma, x).square() + 1).sqrt()


def v_target(clean: Latents, noise: Latents, sigma: Levels) -> Latents:
    """What the network should say: v = (noise - sigma clean) / sqrt(sigma^2 + 1)."""
    s = _wide(sigma, clean)
    return (noise - s * clean) / (s.square() + 1).sqrt()


def clean_of(x: Latents, v: Latents, sigma: Levels) -> Latents:
    """The clean latent that a v means: c_skip x + c_out v."""
    s = _wide(sigma, x)
    return x / (s.square() + 1) - v * s / (s.square() + 1).sqrt()


def v_loss(
    v: Latents,
    target: Latents,
    *,
    free: Bool[Tensor, "batch frames"] | None = None,
    places: Float[Tensor, "batch height width"] | None = None,
) -> Float[Tensor, ""]:
    """Mean squared error of v. Frames that are not `free` count as right, so that slices of a batch
    add up to the whole.

    `places`: how much each place of the latent counts, 1 on average.
    """
    squares = (v.float() - target).square()
    if places is not None:
        squares = squares * places[:, None, None]
    errors = squares.mean((2, 3, 4))
    return errors.mean() if free is None else (errors * free.to(errors)).mean()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropout:
    """Shares of windows whose conditions are dropped, so that one network is every branch of
    guidance.

    `everything`: sound and emotion; `emotion`, `sound`: that one alone. They exclude each other.
    """

    everything: float = 0.1
    emotion: float = 0.1
    sound: float = 0.05

    def draw(
        self, count: int, generator: torch.Generator
    ) -> tuple[Bool[Tensor, " batch"], Bool[Tensor, " batch"]]:
        """Which windows lose their sound, and which their emotion."""
        chance = torch.rand(count, generator=generator)
        first, second = self.everything, self.everything + self.emotion
        emotion = chance < second
        sound = (chance < first) | ((chance >= second) & (chance < second + self.sound))
        return sound, emotion


def _wide(sigma: Levels, like: Tensor) -> Tensor:
    return sigma.to(like).reshape(-1, *([1] * (like.ndim - 1)))
