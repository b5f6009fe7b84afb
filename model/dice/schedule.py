# SPDX-License-Identifier: Apache-2.0
"""The order of denoising: the noise levels of a run, and the windows of frames of each step.

Pure arithmetic, without networks. The step from one level to the next is in `model.v_prediction`.
There are two kinds of windows: the circular, shifting ones of the reference, and open-ended ones
that compute no frame twice.

Reference: Karras et al. (2022), elucidating the design space, equation 5 (noise levels).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float32
from torch import Tensor

from model.dice.config import Config
from model.v_prediction import encode_level

RHO = 7
EXPECTED = {
    "prediction_type": "v_prediction",
    "timestep_type": "continuous",
    "use_karras_sigmas": True,
}
"""Settings of a published scheduler to which this arithmetic applies."""
SHORTEST = 8
"""Frames of the shortest open-ended window: the temporal layers were never trained on fewer."""
Window = tuple[int, ...]
"""Numbers of the frames that are denoised together, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Noise levels (`sigmas`, one more than steps, the last is 0) and the UNet's input at each."""

    sigmas: Float32[Tensor, " levels"]
    timesteps: Float32[Tensor, " steps"]

    @classmethod
    def of(cls, config: Config, steps: int) -> Schedule:
        """Compute the levels of a published scheduler configuration.

        The time input is computed in float64 and rounded: float32 logarithms differ between
        processors.

        Raises:
            ValueError: The configuration asks for another kind of scheduler.
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
        return cls(levels, encode_level(levels[:-1].double()).float())

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.timesteps)

    def last(self, strength: float) -> Schedule:
        """Keep the last part of the steps: `strength` 1 keeps all, 0.6 of seven keeps four."""
        count = min(int(len(self) * strength), len(self))
        return Schedule(self.sigmas[len(self) - count :], self.timesteps[len(self) - count :])

    @property
    def init_noise_sigma(self) -> Float32[Tensor, ""]:
        """Deviation of unit data at the first level.

        Stock pipelines scale pure noise by it; this model does not.
        """
        return (self.sigmas[0] ** 2 + 1).sqrt()


def plan_circular_windows(
    frames: int, *, window: int, shift: int, overlap: int = 0
) -> list[Window]:
    """Plan the reference's windows: equal, wrapping round the end, shifted back by `shift`.

    >>> plan_circular_windows(5, window=4, shift=1)
    [(4, 0, 1, 2), (3, 4, 0, 1)]
    """
    starts = range(0, frames, window - overlap)
    return [tuple((start - shift + i) % frames for i in range(window)) for start in starts]


def plan_open_windows(frames: int, *, window: int, shift: int) -> list[Window]:
    """Plan windows that hold every frame once and end where the clip ends.

    A window at an edge with fewer than `SHORTEST` frames takes some from its neighbour.

    >>> [(w[0], w[-1]) for w in plan_open_windows(60, window=25, shift=21)]
    [(0, 7), (8, 28), (29, 51), (52, 59)]
    """
    if frames <= window:
        return [tuple(range(frames))]
    first = window - shift % window
    cuts = [0, *range(first, frames, window), frames]
    cuts[1] = max(cuts[1], min(SHORTEST, frames // 2))
    cuts[-2] = min(cuts[-2], frames - min(SHORTEST, frames // 2))
    return [tuple(range(start, end)) for start, end in pairwise(cuts) if end > start]
