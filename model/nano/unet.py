# SPDX-License-Identifier: Apache-2.0
"""The small denoiser: a UNet of two levels over latents of a window of frames, predicting v.

Frames share convolutions and are mixed in time after every block; in the middle each place attends
along the window and to the emotion tokens of its frame. Sound, emotion and noise level reach every
block (FiLM). It is to DICE-Talk's UNet what a sketch is to a painting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from model.nano.layers import GROUPS, Attention, Context, Images, Residual, TemporalMixing
from model.nano.sizes import NanoSizes

NOISE_WAVES = 64

Window = Float[Tensor, "batch frames latent grid grid"]


@dataclass(frozen=True, slots=True, eq=False)
class NanoConditions:
    """What a batch of windows is told. `look`: the portrait on the latent grid. `known`: latents of
    frames that are `given` (the end of the window before); other frames of it are ignored. `heard`:
    the sound at each frame. `felt`: emotion tokens of each frame.
    """

    look: Float[Tensor, "batch look grid grid"]
    known: Window
    given: Bool[Tensor, "batch frames"]
    heard: Float[Tensor, "batch frames told"]
    felt: Float[Tensor, "batch frames tokens told"]

    def felt_as(self, felt: Tensor) -> NanoConditions:
        """The same scene in another mood."""
        return replace(self, felt=felt)


class _Block(nn.Module):
    """A residual block, then mixing of neighbouring frames."""

    def __init__(self, channels: int, out: int, *, told: int) -> None:
        super().__init__()
        self.inside = Residual(channels, out, told=told)
        self.beside = TemporalMixing(out)

    def forward(self, x: Images, told: Context, frames: int) -> Images:
        mixed: Tensor = self.beside(self.inside(x, told), frames)
        return mixed


class NanoUNet(nn.Module):
    """Predicts v of every frame of a window. `checkpointing`: recompute blocks in the backward pass
    instead of keeping activations.
    """

    def __init__(self, sizes: NanoSizes) -> None:
        """Fresh weights; the last convolution starts at zero."""
        super().__init__()
        wide, deep = sizes.channels
        self.checkpointing = False
        self.told = sizes.told
        self.noise = nn.Sequential(
            nn.Linear(NOISE_WAVES, sizes.told), nn.SiLU(), nn.Linear(sizes.told, sizes.told)
        )
        self.mood = nn.Linear(sizes.tokens * sizes.told, sizes.told)
        self.conv_in = nn.Conv2d(2 * sizes.latent + 1 + sizes.look, wide, 3, padding=1)
        self.down = nn.ModuleList(_Block(wide, wide, told=sizes.told) for _ in range(sizes.blocks))
        self.narrow = nn.Conv2d(wide, deep, 3, stride=2, padding=1)
        self.deep = nn.ModuleList(_Block(deep, deep, told=sizes.told) for _ in range(sizes.blocks))
        self.attention = Attention(deep, context=sizes.told, heads=sizes.heads)
        self.middle = _Block(deep, deep, told=sizes.told)
        self.rise = nn.ModuleList(
            _Block(2 * deep, deep, told=sizes.told) for _ in range(sizes.blocks)
        )
        self.widen = nn.Conv2d(deep, wide, 1)
        self.up = nn.ModuleList(
            _Block(2 * wide, wide, told=sizes.told) for _ in range(sizes.blocks)
        )
        self.norm = nn.GroupNorm(GROUPS, wide)
        self.conv_out = nn.Conv2d(wide, sizes.latent, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)  # type: ignore[arg-type]

    def forward(self, sample: Window, sigma: Float[Tensor, " batch"], scene: NanoConditions) -> Window:
        """`sample`: noisy latents at unit deviation; `sigma`: the noise level of each window."""
        x, skips, told = self._descend(sample, sigma, scene)
        frames = sample.shape[1]
        for block in self.rise:
            x = self._run(block, torch.cat((x, skips.pop()), 1), told, frames)
        x = self.widen(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        for block in self.up:
            x = self._run(block, torch.cat((x, skips.pop()), 1), told, frames)
        v: Tensor = self.conv_out(functional.silu(self.norm(x)))
        return rearrange(v, "(b f) c h w -> b f c h w", f=frames)

    def deepest(
        self, sample: Window, sigma: Float[Tensor, " batch"], scene: NanoConditions
    ) -> Float[Tensor, "batch frames deep half half"]:
        """The features in the middle, without the way up: what the discriminator reads."""
        return rearrange(
            self._descend(sample, sigma, scene)[0], "(b f) c h w -> b f c h w", f=sample.shape[1]
        )

    def _descend(
        self, sample: Window, sigma: Tensor, scene: NanoConditions
    ) -> tuple[Images, list[Images], Context]:
        frames = sample.shape[1]
        told = self._embed_conditions(sigma, scene)
        x = self.conv_in(_inputs(sample, scene))
        skips: list[Tensor] = []
        for block in self.down:
            x = self._run(block, x, told, frames)
            skips.append(x)
        x = self.narrow(x)
        for block in self.deep:
            x = self._run(block, x, told, frames)
            skips.append(x)
        x = self.attention(x, frames, scene.felt.flatten(0, 1))
        return self._run(self.middle, x, told, frames), skips, told

    def _embed_conditions(self, sigma: Tensor, scene: NanoConditions) -> Context:
        """One vector for every image: noise level, sound and mood."""
        rates = torch.exp(
            torch.linspace(math.log(0.5), math.log(50.0), NOISE_WAVES // 2, device=sigma.device)
        )
        angles = (0.25 * sigma.log())[:, None] * rates
        noise = self.noise(torch.cat((angles.sin(), angles.cos()), 1).to(scene.heard))
        mood = self.mood(scene.felt.flatten(2))
        return functional.silu(scene.heard + mood + noise[:, None]).flatten(0, 1)

    def _run(self, block: nn.Module, x: Images, told: Context, frames: int) -> Images:
        if self.checkpointing and torch.is_grad_enabled():
            shortened: Tensor = checkpoint(block, x, told, frames, use_reentrant=False)
            return shortened
        result: Tensor = block(x, told, frames)
        return result


def _inputs(sample: Window, scene: NanoConditions) -> Images:
    """Noisy latents, known ones, which of them are given, and the portrait, channel by channel."""
    given = scene.given[:, :, None, None, None].to(sample)
    flags = given.expand(*sample.shape[:2], 1, *sample.shape[3:])
    look = repeat(scene.look, "b c h w -> b f c h w", f=sample.shape[1]).to(sample)
    stacked = torch.cat((sample, scene.known.to(sample) * given, flags, look), 2)
    return stacked.flatten(0, 1).contiguous(memory_format=torch.channels_last)
