# SPDX-License-Identifier: Apache-2.0
"""Encode frames as latents beside a portrait, and decode them by moving and repainting it.

The latent says how a frame differs from its portrait, so a face is the same person by construction,
and diffusion only has to learn motion. The decoder warps the portrait by a flow and paints over it
where a mask says so, as in first-order motion models.

References: Kingma & Welling (2014), auto-encoding variational Bayes; Siarohin et al. (2019), first
order motion model; Ni et al. (2023), conditional image-to-video generation with latent flow
diffusion models.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from model.nano.layers import Residual
from model.nano.sizes import NanoSizes

FLOW_SCALE = 0.25  # of half the picture's side, for a flow of 1
MASK_BIAS = -2.0  # a fresh decoder shows the portrait

Picture = Float[Tensor, "images 3 side side"]
Latent = Float[Tensor, "images latent grid grid"]


@dataclass(frozen=True, slots=True, eq=False)
class PortraitFeatures:
    """A portrait as the decoder knows it.

    `picture`: in [-1, 1]; `features`: at a half, a quarter and an eighth of its side.
    """

    picture: Picture
    features: tuple[Tensor, Tensor, Tensor]

    def of(self, rows: Tensor | slice) -> PortraitFeatures:
        """Select the portraits of some rows; `rows` may repeat one portrait."""
        half, quarter, eighth = (feature[rows] for feature in self.features)
        return PortraitFeatures(self.picture[rows], (half, quarter, eighth))


class Autoencoder(nn.Module):
    """Encoder and decoder.

    `scale` and `shift` make latents of the training corpus zero-mean with unit deviation per
    channel.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, sizes: NanoSizes) -> None:
        """Create fresh weights; scale 1 and shift 0 until a stage sets them."""
        super().__init__()
        first, second, third = sizes.picture
        self.look_steps = _build_steps(12, sizes.picture)
        self.look_head = nn.Conv2d(third, sizes.look, 1)
        self.encode_steps = _build_steps(24, sizes.picture)
        self.encode_head = nn.Conv2d(third, 2 * sizes.latent, 1)
        self.decode_in = nn.Conv2d(sizes.latent + sizes.look, third, 3, padding=1)
        self.decode_eighth = Residual(third, third)
        self.decode_quarter = Residual(third + second, second)
        self.decode_half = Residual(second + first, first)
        self.decode_head = nn.Conv2d(first, 24, 3, padding=1)
        nn.init.zeros_(self.decode_head.weight)
        nn.init.zeros_(self.decode_head.bias)  # type: ignore[arg-type]
        self.register_buffer("scale", torch.ones(sizes.latent))
        self.register_buffer("shift", torch.zeros(sizes.latent))

    def encode_portrait(self, portrait: Picture) -> PortraitFeatures:
        """Compute the features of a portrait in [-1, 1], for the decoder and the denoiser."""
        half, quarter, eighth = _climb(self.look_steps, functional.pixel_unshuffle(portrait, 2))
        return PortraitFeatures(portrait, (half, quarter, self.look_head(eighth)))

    def encode(self, frames: Picture, portraits: Picture) -> tuple[Latent, Latent]:
        """Compute mean and log-variance of each frame's latent, not normalised."""
        both = functional.pixel_unshuffle(torch.cat((frames, portraits), 1), 2)
        mean, spread = self.encode_head(_climb(self.encode_steps, both)[-1]).chunk(2, dim=1)
        return mean, spread.clamp(-12, 6)

    def decode(self, latents: Latent, look: PortraitFeatures) -> Picture:
        """Decode latents (not normalised) to frames, with one portrait for each."""
        flow, mask, paint = self.decode_parts(latents, look)
        return torch.lerp(_warp(look.picture, flow), paint, mask)

    def decode_parts(
        self, latents: Latent, look: PortraitFeatures
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Decode latents to flow, mask and painting.

        Flow: where each place is read from the portrait (two channels, in halves of the side, added
        to the place itself). Mask: share of the painting (one channel). Painting: three channels in
        [-1, 1].
        """
        half, quarter, eighth = look.features
        x = self.decode_eighth(self.decode_in(torch.cat((latents, eighth), 1)))
        x = self.decode_quarter(torch.cat((_double(x), quarter), 1))
        x = self.decode_half(torch.cat((_double(x), half), 1))
        flow, mask, paint = self.decode_head(functional.silu(x)).float().split((8, 4, 12), dim=1)
        return (
            functional.pixel_shuffle(flow, 2) * FLOW_SCALE,
            torch.sigmoid(functional.pixel_shuffle(mask, 2) + MASK_BIAS),
            torch.tanh(functional.pixel_shuffle(paint, 2)),
        )

    def normalize(
        self, latents: Float[Tensor, "*batch latent grid grid"]
    ) -> Float[Tensor, "*batch latent grid grid"]:
        """Normalise latents for the denoiser."""
        return (latents - self.shift[:, None, None]) / self.scale[:, None, None]

    def denormalize(
        self, latents: Float[Tensor, "*batch latent grid grid"]
    ) -> Float[Tensor, "*batch latent grid grid"]:
        """Undo `normalize`."""
        return latents * self.scale[:, None, None] + self.shift[:, None, None]


def to_signed(pixels: Tensor) -> Picture:
    """Convert pictures `[images, height, width, 3]` of bytes to the networks' range and layout."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def to_levels(pictures: Picture) -> Tensor:
    """Undo `to_signed` and round: bytes `[images, height, width, 3]`."""
    return ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)


def _build_steps(inputs: int, channels: tuple[int, int, int]) -> nn.ModuleList:
    """Build three levels of a convolution and a residual block, each half as wide as the last."""
    steps = nn.ModuleList()
    for level, out in enumerate(channels):
        convolution = nn.Conv2d(inputs, out, 3, stride=2 if level else 1, padding=1)
        steps.append(nn.Sequential(convolution, Residual(out, out)))
        inputs = out
    return steps


def _climb(steps: nn.ModuleList, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    half = steps[0](x)
    quarter = steps[1](half)
    return half, quarter, steps[2](quarter)


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def _warp(pictures: Picture, flow: Float[Tensor, "images 2 side side"]) -> Picture:
    """Read each picture at its places plus the flow (in halves of the side); edges repeat."""
    side = pictures.shape[-1]
    ticks = (torch.arange(side, device=flow.device, dtype=flow.dtype) * 2 + 1) / side - 1
    places = torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"))
    grid = (places + flow).permute(0, 2, 3, 1)
    return functional.grid_sample(
        pictures, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
