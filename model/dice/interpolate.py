# SPDX-License-Identifier: Apache-2.0
"""RIFE's flow network (v3, "HDv3"): interpolate the frame half-way between two frames.

Other places come by halving again. `block_tea`, the teacher of the training, is in the checkpoint
and therefore here, but never runs.

Reference: Huang et al. (2022), Real-Time Intermediate Flow Estimation for Video Frame
Interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

SCALES = (4, 2, 1)
FINEST = 8
"""Places between frames are rounded to eighths (at most 5 ms at 12.5 fps)."""

Image = Float[Tensor, "batch 3 height width"]


class FlowBlock(nn.Module):
    """Estimates flow and blend mask at one scale; keys as in the checkpoint."""

    def __init__(self, inputs: int, width: int) -> None:
        """Create fresh weights. `inputs`: channels in; `width`: channels inside."""
        super().__init__()
        half = width // 2
        self.conv0 = nn.Sequential(_conv(inputs, half, 2), _conv(half, width, 2))
        self.convblock0 = nn.Sequential(_conv(width, width), _conv(width, width))
        self.convblock1 = nn.Sequential(_conv(width, width), _conv(width, width))
        self.convblock2 = nn.Sequential(_conv(width, width), _conv(width, width))
        self.convblock3 = nn.Sequential(_conv(width, width), _conv(width, width))
        self.conv1 = _head(width, half, 4)
        self.conv2 = _head(width, half, 1)

    def forward(
        self, pictures: Tensor, flow: Tensor, scale: int
    ) -> tuple[Float[Tensor, "batch 4 height width"], Float[Tensor, "batch 1 height width"]]:
        """Compute corrections of the flow (in pixels of the full picture) and of the mask."""
        size = pictures.shape[-2:]
        x = self.conv0(torch.cat((_shrink(pictures, scale), _shrink(flow, scale) / scale), 1))
        for block in (self.convblock0, self.convblock1, self.convblock2, self.convblock3):
            x = block(x) + x
        return _grow(self.conv1(x), size) * scale, _grow(self.conv2(x), size)


@dataclass(frozen=True, slots=True, eq=False)
class FlowEstimate:
    """How two frames meet after one scale.

    `flow`: to each frame; `warped`: both pictures warped by it; `weight`: share of the first.
    """

    flow: Tensor
    warped: tuple[Tensor, Tensor]
    weight: Tensor

    @property
    def picture(self) -> Image:
        """The frame between."""
        near, far = self.warped
        return near * self.weight + far * (1 - self.weight)


class Interpolator(nn.Module):
    """Three blocks from coarse to fine, each run in both directions and averaged."""

    def __init__(self, width: int = 90, scales: tuple[int, ...] = SCALES) -> None:
        """Create fresh weights.

        `width`: channels inside, 90 in the released network; `scales`: of the three blocks, coarse
        to fine.
        """
        super().__init__()
        self.scales = scales
        self.block0 = FlowBlock(11, width)
        self.block1 = FlowBlock(11, width)
        self.block2 = FlowBlock(11, width)
        self.block_tea = FlowBlock(14, width)

    def forward(self, first: Image, second: Image) -> Image:
        """Interpolate the frame half-way, RGB in [0, 1]. Sides must be multiples of 16."""
        return self.estimate_flows(first, second)[-1].picture

    def estimate_flows(self, first: Image, second: Image) -> tuple[FlowEstimate, ...]:
        """Estimate after each scale; the last estimate is the result."""
        flow = torch.zeros_like(first[:, :1]).expand(-1, 4, -1, -1)
        mask = torch.zeros_like(first[:, :1])
        near, far, found = first, second, []
        for block, scale in zip((self.block0, self.block1, self.block2), self.scales, strict=True):
            step, blend = _run_both_ways(block, (near, far, mask), flow, scale)
            flow, mask = flow + step, mask + blend
            near, far = warp(first, flow[:, :2]), warp(second, flow[:, 2:])
            found.append(FlowEstimate(flow, (near, far), torch.sigmoid(mask)))
        return tuple(found)


def interpolate_frame(network: Interpolator, first: Image, second: Image, place: Fraction) -> Image:
    """Interpolate the frame at `place` in [0, 1) between two frames.

    Places are rounded down to eighths. Each halving is one run: 1/2 costs one run, 1/8 three.
    """
    place = Fraction(int(place * FINEST), FINEST)
    if place == 0:
        return first
    middle: Tensor = network(first, second)
    if place < Fraction(1, 2):
        return interpolate_frame(network, first, middle, place * 2)
    return interpolate_frame(network, middle, second, place * 2 - 1)


def warp(picture: Image, flow: Float[Tensor, "batch 2 height width"]) -> Image:
    """Fetch each pixel from where the flow (x, y in pixels) points; edges repeat."""
    height, width = picture.shape[-2:]
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height, device=flow.device),
        torch.linspace(-1, 1, width, device=flow.device),
        indexing="ij",
    )
    across = x + flow[:, 0] / ((width - 1) / 2)
    down = y + flow[:, 1] / ((height - 1) / 2)
    grid = torch.stack((across, down), -1).to(picture.dtype)
    return functional.grid_sample(
        picture, grid, mode="bilinear", padding_mode="border", align_corners=True
    )


def _run_both_ways(
    block: FlowBlock, seen: tuple[Tensor, Tensor, Tensor], flow: Tensor, scale: int
) -> tuple[Tensor, Tensor]:
    near, far, mask = seen
    there, blend = block(torch.cat((near, far, mask), 1), flow, scale)
    back, unblend = block(torch.cat((far, near, -mask), 1), _swap_directions(flow), scale)
    return (there + _swap_directions(back)) / 2, (blend - unblend) / 2


def _swap_directions(flow: Tensor) -> Tensor:
    return torch.cat((flow[:, 2:], flow[:, :2]), 1)


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.PReLU(outputs))


def _head(width: int, half: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(width, half, 4, 2, 1),
        nn.PReLU(half),
        nn.ConvTranspose2d(half, outputs, 4, 2, 1),
    )


def _shrink(x: Tensor, scale: int) -> Tensor:
    return functional.interpolate(x, scale_factor=1 / scale, mode="bilinear", align_corners=False)


def _grow(x: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
