# SPDX-License-Identifier: Apache-2.0
"""The small denoiser: a UNet of two levels over latents of a window of frames, predicting v.

Frames share convolutions and are mixed in time after every block. In the middle each place attends
along the window and to the emotion tokens of its frame. Sound, emotion and noise level reach every
block (FiLM).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from model.nano.layers import GROUPS, Attention, Context, Images, Residual, TemporalMixing
from model.nano.sizes import NanoSizes
from model.v_prediction import encode_level

NOISE_WAVES = 64

Window = Float[Tensor, "batch frames latent grid grid"]


@dataclass(frozen=True, slots=True, eq=False)
class NanoConditions:
    """Conditions of a batch of windows.

    `look`: the portrait on the latent grid. `known`: latents of the frames that are known (the end
    of the window before), marked by `is_known`; its other frames are ignored. `sound`: one vector a
    frame. `emotion`: tokens of each frame.
    """

    look: Float[Tensor, "batch look grid grid"]
    known: Window
    is_known: Bool[Tensor, "batch frames"]
    sound: Float[Tensor, "batch frames told"]
    emotion: Float[Tensor, "batch frames tokens told"]


class _Block(nn.Module):
    """A residual block, then mixing of neighbouring frames."""

    def __init__(self, channels: int, out: int, *, context: int) -> None:
        super().__init__()
        self.inside = Residual(channels, out, context=context)
        self.beside = TemporalMixing(out)

    def forward(self, x: Images, context: Context, frames: int) -> Images:
        mixed: Tensor = self.beside(self.inside(x, context), frames)
        return mixed


class NanoUNet(nn.Module):
    """Predicts v of every frame of a window.

    `checkpointing`: recompute blocks in the backward pass instead of keeping activations.
    """

    def __init__(self, sizes: NanoSizes) -> None:
        """Create fresh weights; the last convolution starts at zero."""
        super().__init__()
        wide, deep = sizes.channels
        self.checkpointing = False
        self.told = sizes.told
        self.noise = nn.Sequential(
            nn.Linear(NOISE_WAVES, sizes.told), nn.SiLU(), nn.Linear(sizes.told, sizes.told)
        )
        self.mood = nn.Linear(sizes.tokens * sizes.told, sizes.told)
        self.conv_in = nn.Conv2d(2 * sizes.latent + 1 + sizes.look, wide, 3, padding=1)
        self.down = nn.ModuleList(
            _Block(wide, wide, context=sizes.told) for _ in range(sizes.blocks)
        )
        self.narrow = nn.Conv2d(wide, deep, 3, stride=2, padding=1)
        self.deep = nn.ModuleList(
            _Block(deep, deep, context=sizes.told) for _ in range(sizes.blocks)
        )
        self.attention = Attention(deep, context=sizes.told, heads=sizes.heads)
        self.middle = _Block(deep, deep, context=sizes.told)
        self.rise = nn.ModuleList(
            _Block(2 * deep, deep, context=sizes.told) for _ in range(sizes.blocks)
        )
        self.widen = nn.Conv2d(deep, wide, 1)
        self.up = nn.ModuleList(
            _Block(2 * wide, wide, context=sizes.told) for _ in range(sizes.blocks)
        )
        self.norm = nn.GroupNorm(GROUPS, wide)
        self.conv_out = nn.Conv2d(wide, sizes.latent, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)  # type: ignore[arg-type]

    def forward(
        self, sample: Window, sigma: Float[Tensor, " batch"], conditions: NanoConditions
    ) -> Window:
        """Predict v.

        `sample`: noisy latents at unit deviation; `sigma`: the noise level of each window.
        """
        x, skips, context = self._descend(sample, sigma, conditions)
        frames = sample.shape[1]
        for block in self.rise:
            x = self._run(block, torch.cat((x, skips.pop()), 1), context, frames)
        x = self.widen(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        for block in self.up:
            x = self._run(block, torch.cat((x, skips.pop()), 1), context, frames)
        v: Tensor = self.conv_out(functional.silu(self.norm(x)))
        return rearrange(v, "(b f) c h w -> b f c h w", f=frames)

    def deepest(
        self, sample: Window, sigma: Float[Tensor, " batch"], conditions: NanoConditions
    ) -> Float[Tensor, "batch frames deep half half"]:
        """Compute the features in the middle, without the way up, for the discriminator."""
        return rearrange(
            self._descend(sample, sigma, conditions)[0],
            "(b f) c h w -> b f c h w",
            f=sample.shape[1],
        )

    def _descend(
        self, sample: Window, sigma: Tensor, conditions: NanoConditions
    ) -> tuple[Images, list[Images], Context]:
        frames = sample.shape[1]
        context = self._embed_conditions(sigma, conditions)
        x = self.conv_in(_stack_inputs(sample, conditions))
        skips: list[Tensor] = []
        for block in self.down:
            x = self._run(block, x, context, frames)
            skips.append(x)
        x = self.narrow(x)
        for block in self.deep:
            x = self._run(block, x, context, frames)
            skips.append(x)
        x = self.attention(x, frames, conditions.emotion.flatten(0, 1))
        return self._run(self.middle, x, context, frames), skips, context

    def _embed_conditions(self, sigma: Tensor, conditions: NanoConditions) -> Context:
        """Embed noise level, sound and emotion as one vector for every image."""
        rates = torch.exp(
            torch.linspace(math.log(0.5), math.log(50.0), NOISE_WAVES // 2, device=sigma.device)
        )
        angles = encode_level(sigma)[:, None] * rates
        noise = self.noise(torch.cat((angles.sin(), angles.cos()), 1).to(conditions.sound))
        mood = self.mood(conditions.emotion.flatten(2))
        return functional.silu(conditions.sound + mood + noise[:, None]).flatten(0, 1)

    def _run(self, block: nn.Module, x: Images, context: Context, frames: int) -> Images:
        if self.checkpointing and torch.is_grad_enabled():
            shortened: Tensor = checkpoint(block, x, context, frames, use_reentrant=False)
            return shortened
        result: Tensor = block(x, context, frames)
        return result


def _stack_inputs(sample: Window, conditions: NanoConditions) -> Images:
    """Stack noisy latents, known ones, the flags of known frames, and the portrait, by channel."""
    is_known = conditions.is_known[:, :, None, None, None].to(sample)
    flags = is_known.expand(*sample.shape[:2], 1, *sample.shape[3:])
    look = repeat(conditions.look, "b c h w -> b f c h w", f=sample.shape[1]).to(sample)
    stacked = torch.cat((sample, conditions.known.to(sample) * is_known, flags, look), 2)
    return stacked.flatten(0, 1).contiguous(memory_format=torch.channels_last)
