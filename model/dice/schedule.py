# SPDX-License-Identifier: Apache-2.0
"""The order of denoising: noise levels, Euler steps, which frames are denoised together, and how
branches are mixed.

Pure arithmetic, no networks. Noise levels: Karras et al. 2022, equation 5, with SVD's v-prediction.
Windows: the reference's shifted circular ones, and open-ended ones that compute no frame twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from model.dice.config import Config

RHO = 7
EXPECTED = {
    "prediction_type": "v_prediction",
    "timestep_type": "continuous",
    "use_karras_sigmas": True,
}
"""What a scheduler configuration must say for this arithmetic to be its."""
SHORTEST = 8
"""Open-ended windows have at least this many frames: shorter ones were never seen by the temporal
layers."""
Window = tuple[int, ...]
"""Frame numbers that are denoised together, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Noise levels `sigmas` (one more than steps, the last is 0) and the UNet's time input for each
    step.
    """

    sigmas: Float32[Tensor, " levels"]
    timesteps: Float32[Tensor, " steps"]

    @classmethod
    def of(cls, config: Config, steps: int) -> Schedule:
        """The levels of a published scheduler configuration. Raises ValueError when it asks for
        another kind of scheduler.

        The time input is 0.25 ln sigma, taken in float64 and rounded: float32 logarithms differ
        between processors.
        """
        strange = {
            name: config.get(name) for name, value in EXPECTED.items() if config.get(name) != value
        }
        if strange:
            raise ValueError(
                f"not the Euler scheduler of this model: {strange}, expected {EXPECTED}"
            )
        ends = torch.tensor([config["sigma_max"], config["sigma_min"]], dtype=torch.float64) ** (
            1 / RHO
        )
        ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
        sigmas = (ends[0] + ramp * (ends[1] - ends[0])) ** RHO
        levels = torch.cat((sigmas, torch.zeros(1))).float()
        return cls(levels, (0.25 * levels[:-1].double().log()).float())

    def __len__(self) -> int:
        """Steps."""
        return len(self.timesteps)

    def last(self, strength: float) -> Schedule:
        """Only the last part of the steps: `strength` 1 keeps all, 0.6 of seven keeps four."""
        kept = min(int(len(self) * strength), len(self))
        return Schedule(self.sigmas[len(self) - kept :], self.timesteps[len(self) - kept :])

    @property
    def init_noise_sigma(self) -> Float32[Tensor, ""]:
        """The deviation of unit data at the first level (stock pipelines scale pure noise by it;
        this model does not).
        """
        return (self.sigmas[0] ** 2 + 1).sqrt()


def noised(
    clean: Float[Tensor, "*#frames channels height width"],
    noise: Float[Tensor, "*frames channels height width"],
    sigma: Float[Tensor, ""],
) -> Float[Tensor, "*frames channels height width"]:
    """The clean latent with noise added (not unit data scaled down): where denoising starts."""
    return clean + sigma * noise


def scaled_input(x: Float[Tensor, ...], sigma: Float[Tensor, ""]) -> Float[Tensor, ...]:
    """The noisy latent at unit deviation, as the UNet takes it."""
    return x / (sigma**2 + 1).sqrt()


def euler_step(
    x: Float[Tensor, ...],
    v: Float[Tensor, ...],
    sigma: Float[Tensor, ""],
    following: Float[Tensor, ""],
) -> Float[Tensor, ...]:
    """From one noise level to the next, given the predicted v."""
    clean = v * (-sigma / (sigma**2 + 1).sqrt()) + x / (sigma**2 + 1)
    return x + (x - clean) / sigma * (following - sigma)


def circular_windows(frames: int, *, window: int, shift: int, overlap: int = 0) -> list[Window]:
    """The reference's windows: equal, wrapping round the end, shifted back by `shift`.

    >>> circular_windows(5, window=4, shift=1)
    [(4, 0, 1, 2), (3, 4, 0, 1)]
    """
    starts = range(0, frames, window - overlap)
    return [tuple((start - shift + i) % frames for i in range(window)) for start in starts]


def open_windows(frames: int, *, window: int, shift: int) -> list[Window]:
    """Every frame once: windows that end where the clip ends. An edge window below `SHORTEST` takes
    frames from its neighbour.

    >>> [(w[0], w[-1]) for w in open_windows(60, window=25, shift=21)]
    [(0, 7), (8, 28), (29, 51), (52, 59)]
    """
    if frames <= window:
        return [tuple(range(frames))]
    first = window - shift % window
    cuts = [0, *range(first, frames, window), frames]
    cuts[1] = max(cuts[1], min(SHORTEST, frames // 2))
    cuts[-2] = min(cuts[-2], frames - min(SHORTEST, frames // 2))
    return [tuple(range(start, end)) for start, end in pairwise(cuts) if end > start]


class Branch(NamedTuple):
    """What one branch of guidance is told."""

    image: bool
    audio: bool
    emotion: bool


NOTHING = Branch(False, False, False)
FACE = Branch(True, False, False)
FACE_AUDIO = Branch(True, True, False)
EVERYTHING = Branch(True, True, True)
Ramp = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """How strongly appearance, audio and emotion are followed; a ramp goes from its first to its
    second value over the steps.
    """

    appearance: Ramp = (3.0, 3.0)
    audio: Ramp = (6.0, 6.0)
    emotion: Ramp = (6.0, 6.0)

    def weights(self, step: int, steps: int) -> dict[Branch, float]:
        """The weight of every branch at a step; they sum to 1. Branches that cancel are left out.

        v = nothing + appearance (face - nothing) + audio (face_audio - face) + emotion (everything
        - face_audio)

        >>> Guidance().weights(0, 25)
        {Branch(image=False, audio=False, emotion=False): -2.0, \
Branch(image=True, audio=False, emotion=False): -3.0, Branch(image=True, audio=True, emotion=True):
        6.0}
        """
        appearance, audio, emotion = (
            _on(ramp, step, steps) for ramp in (self.appearance, self.audio, self.emotion)
        )
        shares = {
            NOTHING: 1 - appearance,
            FACE: appearance - audio,
            FACE_AUDIO: audio - emotion,
            EVERYTHING: emotion,
        }
        return {branch: share for branch, share in shares.items() if share}


def _on(ramp: Ramp, step: int, steps: int) -> float:
    return ramp[0] + (ramp[1] - ramp[0]) * (step / (steps - 1) if steps > 1 else 0)
