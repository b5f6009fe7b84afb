# SPDX-License-Identifier: Apache-2.0
"""Building blocks of the small talker's networks: residual blocks, mixing in time, attention.

Tensors are images: a batch of windows with their frames flattened into it, window after window.
"""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

GROUPS = 8
SMALL = 0.3  # zero, as is usual, loses steps that a short training does not have

Images = Float[Tensor, "images channels height width"]
Context = Float[Tensor, "images told"]


class Residual(nn.Module):
    """Two convolutions beside a shortcut.

    `context`: width of a context vector of each image, which scales and shifts the second norm
    (FiLM); 0 for none.
    """

    def __init__(self, channels: int, out: int, *, context: int = 0) -> None:
        """Create weights; the last convolution is small, so a fresh block passes its input on."""
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, channels)
        self.conv1 = nn.Conv2d(channels, out, 3, padding=1)
        self.norm2 = nn.GroupNorm(GROUPS, out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)
        self.shortcut = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()
        self.film = nn.Linear(context, 2 * out) if context else None
        with torch.no_grad():
            self.conv2.weight.mul_(SMALL)

    def forward(self, x: Images, context: Context | None = None) -> Images:
        """Return features on the same grid."""
        hidden = self.norm2(self.conv1(functional.silu(self.norm1(x))))
        if self.film is not None:
            scale, shift = self.film(context)[..., None, None].chunk(2, dim=1)
            hidden = torch.addcmul(hidden + shift, hidden, scale)
        summed: Tensor = self.shortcut(x) + self.conv2(functional.silu(hidden))
        return summed


class TemporalMixing(nn.Module):
    """Mixes every frame with the one before and the one after, place by place.

    It starts as the identity.
    """

    def __init__(self, channels: int) -> None:
        """Create one 1x1 convolution over three frames' channels."""
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.mix = nn.Conv2d(3 * channels, channels, 1)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)  # type: ignore[arg-type]

    def forward(self, x: Images, frames: int) -> Images:
        """Mix frames. `frames`: of each window in the batch; a window's end frames repeat."""
        hidden = rearrange(functional.silu(self.norm(x)), "(b f) c h w -> b f c h w", f=frames)
        before = torch.cat((hidden[:, :1], hidden[:, :-1]), 1)
        after = torch.cat((hidden[:, 1:], hidden[:, -1:]), 1)
        beside = torch.cat((before, hidden, after), 2).flatten(0, 1)
        summed: Tensor = x + self.mix(beside.contiguous(memory_format=torch.channels_last))
        return summed


class Attention(nn.Module):
    """Attends along time at each place, then to the tokens of the frame."""

    def __init__(self, channels: int, *, context: int, heads: int) -> None:
        """Create fresh weights. `context`: width of the tokens."""
        super().__init__()
        self.heads = heads
        self.norm1 = nn.GroupNorm(GROUPS, channels)
        self.along = nn.Linear(channels, 3 * channels)
        self.along_out = nn.Linear(channels, channels)
        self.norm2 = nn.GroupNorm(GROUPS, channels)
        self.ask = nn.Linear(channels, channels)
        self.tell = nn.Linear(context, 2 * channels)
        self.tell_out = nn.Linear(channels, channels)
        for layer in (self.along_out, self.tell_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self, x: Images, frames: int, tokens: Float[Tensor, "images tokens context"]
    ) -> Images:
        """Attend. `frames`: of each window. Waves added to the channels encode places in time."""
        height = x.shape[-2]
        columns = rearrange(self.norm1(x), "(b f) c h w -> (b h w) f c", f=frames)
        columns = columns + waves(frames, columns.shape[-1]).to(columns)
        along = self.along_out(self._attend(*self.along(columns).chunk(3, dim=-1)))
        x = x + rearrange(along, "(b h w) f c -> (b f) c h w", h=height, w=x.shape[-1])
        places = rearrange(self.norm2(x), "n c h w -> n (h w) c")
        attended = self.tell_out(
            self._attend(self.ask(places), *self.tell(tokens).chunk(2, dim=-1))
        )
        summed: Tensor = x + rearrange(attended, "n (h w) c -> n c h w", h=height)
        return summed

    def _attend(self, *three: Tensor) -> Tensor:
        q, k, v = (rearrange(x, "b n (heads c) -> b heads n c", heads=self.heads) for x in three)
        # short rows: written out it is faster than the fused kernel
        shares = (q * q.shape[-1] ** -0.5) @ k.mT
        joined: Tensor = rearrange(shares.softmax(-1) @ v, "b heads n c -> b n (heads c)")
        return joined


def waves(count: int, width: int, *, longest: float = 100.0) -> Float[Tensor, "count width"]:
    """Return sines and cosines of the numbers 0 to count - 1 (Vaswani et al. 2017)."""
    rates = longest ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(count)[:, None] * rates
    return torch.cat((angles.sin(), angles.cos()), 1)
