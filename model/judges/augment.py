# SPDX-License-Identifier: Apache-2.0
"""Vary pictures while a judge learns.

A judge should not learn how a generator frames, lights, blurs or compresses. All frames of a clip
share a draw: what changes within a clip is the acting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

SHIFT = 0.08  # of the picture, either way
ZOOM = 0.08
TURN = 0.10  # radians
NOISE = 0.15  # deviations
CONTRAST = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """A draw for each clip: an affine map, whether it is blurred, contrast and noise."""

    maps: Float[Tensor, "clips 2 3"]
    blurred: Bool[Tensor, " clips"]
    contrast: Float[Tensor, " clips"]
    noise: Float[Tensor, " clips"]
    seed: int

    @staticmethod
    def draw(chance: np.random.Generator, clips: int, mirrored: np.ndarray) -> Variation:
        """Draw for `clips` clips; `mirrored` says which are seen in a mirror."""
        scale = np.exp(chance.uniform(-ZOOM, ZOOM, clips))
        turn = chance.uniform(-TURN, TURN, clips)
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        side = np.where(mirrored, -1.0, 1.0)
        # a picture is 2 wide in these coordinates
        shift = chance.uniform(-2 * SHIFT, 2 * SHIFT, (2, clips))
        rows = [[side * cos, -side * sin, shift[0]], [sin, cos, shift[1]]]
        return Variation(
            maps=torch.from_numpy(np.moveaxis(np.array(rows), -1, 0)).float(),
            blurred=torch.from_numpy(chance.random(clips) < 0.4),
            contrast=torch.from_numpy(np.exp(chance.uniform(-CONTRAST, CONTRAST, clips))).float(),
            noise=torch.from_numpy(chance.uniform(0, NOISE, clips)).float(),
            seed=int(chance.integers(2**31)),
        )


def vary_frames(
    frames: Float[Tensor, "clips frames height width"], variation: Variation
) -> Float[Tensor, "clips frames height width"]:
    """Apply a variation to frames; what comes in from outside repeats the edge."""
    grid = functional.affine_grid(variation.maps, list(frames.shape), align_corners=False)
    moved = functional.grid_sample(frames, grid, padding_mode="border", align_corners=False)
    soft = functional.avg_pool2d(moved, 3, stride=1, padding=1, count_include_pad=False)
    graded = (
        torch.where(variation.blurred[:, None, None, None], soft, moved)
        * variation.contrast[:, None, None, None]
    )
    grain = torch.randn(graded.shape, generator=torch.Generator().manual_seed(variation.seed))
    return graded + grain * variation.noise[:, None, None, None]
