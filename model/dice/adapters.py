# SPDX-License-Identifier: Apache-2.0
"""Decoupled cross-attention: attend to the image token, then to the tokens of each adapter.

The adapters are audio and emotion; the face mask gates what they add. `BatchConditioning` travels
through diffusers' stock blocks in the place of `encoder_hidden_states`. Nothing is computed twice:
keys and values of token sets that do not change are kept for the clip, temporal ones are computed
once per window instead of per pixel, and the image branch needs no attention, since the softmax
over its single token is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

Grid = tuple[int, int]


@dataclass(slots=True, eq=False)
class TokenTable:
    """Token sets of one clip, and their projections by the layers.

    `keep=False`: project the sets of a window anew each time.
    """

    sets: Float[Tensor, "sets tokens dim"]
    keep: bool = True
    kept: dict[int, Tensor] = field(default_factory=dict)

    def project(
        self, layer: nn.Module, chosen: Int64[Tensor, " rows"]
    ) -> Float[Tensor, "rows tokens channels"]:
        """Apply `layer` to the chosen sets; if the table keeps, project the whole table once."""
        if not self.keep:
            projected: Tensor = layer(self.sets[chosen])
            return projected
        if id(layer) not in self.kept:
            self.kept[id(layer)] = layer(self.sets)
        return self.kept[id(layer)][chosen]


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """The sets of a table that the frames of a window use.

    The set of a frame is row `index[branch, frame]` of `chosen`, which are rows of the table.
    """

    table: TokenTable
    chosen: Int64[Tensor, " rows"]
    index: Int64[Tensor, "branches frames"]

    @classmethod
    def of(cls, table: TokenTable, rows: Int64[Tensor, "branches frames"]) -> Tokens:
        """Point at `rows` of the table; project sets that are used more than once only once."""
        chosen, index = torch.unique(rows, return_inverse=True)
        device = table.sets.device
        return cls(table, chosen.to(device), index.to(device))

    @classmethod
    def dense(cls, tokens: Float[Tensor, "branches frames tokens dim"]) -> Tokens:
        """Give every branch and frame a set of its own."""
        rows = torch.arange(tokens.shape[0] * tokens.shape[1])
        table = TokenTable(tokens.flatten(0, 1), keep=False)
        return cls.of(table, rows.reshape(tokens.shape[:2]))

    def per_frame(self, layer: nn.Module) -> Float[Tensor, "images tokens channels"]:
        """Project the tokens of every frame."""
        return self.table.project(layer, self.chosen)[self.index.flatten()]

    def per_window(self, layer: nn.Module) -> Float[Tensor, "branches tokens channels"]:
        """Project the mean of the tokens over the window's frames."""
        mean = self.table.sets[self.chosen][self.index].mean(1)
        projected: Tensor = layer(mean)
        return projected


@dataclass(frozen=True, slots=True, eq=False)
class FaceGate:
    """The face mask, resampled once to each grid of the UNet."""

    mask: Float[Tensor, "1 1 height width"]
    kept: dict[Grid, Tensor] = field(default_factory=dict)

    def at(self, grid: Grid) -> Float[Tensor, "1 pixels 1"]:
        """Resample the mask to a grid, bicubic without antialiasing.

        Values may stray a little outside [0, 1], as in the reference.
        """
        if grid not in self.kept:
            self.kept[grid] = resample_mask(self.mask, grid).flatten(1)[..., None]
        return self.kept[grid]


@dataclass(frozen=True, slots=True, eq=False)
class WindowConditioning:
    """Conditions of one window: the image token, the adapters' tokens, and the face mask.

    `gate` None: the adapters act everywhere.
    """

    clip: Tokens
    adapters: tuple[Tokens, ...]
    gate: FaceGate | None


@dataclass(frozen=True, slots=True, eq=False)
class BatchConditioning:
    """Conditions of a batch: the branches of one window after those of another.

    `scales`: strength of each adapter.
    """

    parts: Sequence[WindowConditioning]
    scales: tuple[float, ...]

    @property
    def frames(self) -> int:
        """Frames of every window in the batch."""
        return int(self.parts[0].clip.index.shape[1])

    def gate(self, grid: Grid) -> Float[Tensor, "images pixels 1"] | None:
        """Gate every image of the batch; None if no window has a gate."""
        if all(part.gate is None for part in self.parts):
            return None
        gates = [(part.gate.at(grid), part.clip.index.numel()) for part in self.parts if part.gate]
        return torch.cat([gate.expand(images, -1, -1) for gate, images in gates])


@dataclass(frozen=True, slots=True, eq=False)
class SpatialView:
    """Attention inside a frame: tokens per frame, gated by the face mask."""

    conditioning: BatchConditioning
    grid: Grid

    def fold(
        self, queries: Float[Tensor, "images pixels channels"]
    ) -> Float[Tensor, "images pixels channels"]:
        """Return the queries as they are: frames are the batch already."""
        return queries

    def unfold(
        self, values: Float[Tensor, "images pixels channels"]
    ) -> Float[Tensor, "images pixels channels"]:
        """Return the values as they are: frames are the batch already."""
        return values

    def project(
        self, slot: int | None, layer: nn.Module
    ) -> Float[Tensor, "images tokens channels"]:
        """Project tokens per frame."""
        return torch.cat([_tokens(part, slot).per_frame(layer) for part in self.conditioning.parts])

    def gate(self) -> Tensor | None:
        """Resample the face mask to this level's grid."""
        return self.conditioning.gate(self.grid)


@dataclass(frozen=True, slots=True, eq=False)
class TemporalView:
    """Attention along time, without a gate.

    All pixels and frames of a window attend to the mean tokens of the window.
    """

    conditioning: BatchConditioning
    grid: Grid

    def fold(
        self, queries: Float[Tensor, "columns frames channels"]
    ) -> Float[Tensor, "branches places channels"]:
        """Fold all pixels and frames of a branch into one row, since they share its tokens."""
        return rearrange(queries, "(b pixels) frames c -> b (pixels frames) c", pixels=self._pixels)

    def unfold(
        self, values: Float[Tensor, "branches places channels"]
    ) -> Float[Tensor, "columns frames channels"]:
        """Return to one row of frames per pixel."""
        return rearrange(values, "b (pixels frames) c -> (b pixels) frames c", pixels=self._pixels)

    def project(
        self, slot: int | None, layer: nn.Module
    ) -> Float[Tensor, "branches tokens channels"]:
        """Project the mean tokens of each branch."""
        return torch.cat(
            [_tokens(part, slot).per_window(layer) for part in self.conditioning.parts]
        )

    def gate(self) -> None:
        """Return None: the reference does not gate attention along time."""

    @property
    def _pixels(self) -> int:
        return self.grid[0] * self.grid[1]


View = SpatialView | TemporalView
"""How one kind of block looks at the conditioning: what it folds into a batch, and which tokens
stand beside it."""


class AdapterProcessor(nn.Module):
    """An attention processor for diffusers' `Attention`.

    It holds the released keys `to_k_ip.N.weight` and `to_v_ip.N.weight`.
    """

    def __init__(self, channels: int, *, dim: int, adapters: int = 2) -> None:
        """Create fresh weights. `channels`: width of the attention; `dim`: width of the tokens."""
        super().__init__()
        self.width = channels
        self.to_k_ip = nn.ModuleList(nn.Linear(dim, channels, bias=False) for _ in range(adapters))
        self.to_v_ip = nn.ModuleList(nn.Linear(dim, channels, bias=False) for _ in range(adapters))

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: View,
        attention_mask: None = None,
    ) -> Tensor:
        """Attend to the image token and to every adapter's tokens.

        The names of the arguments are those that diffusers passes.
        """
        del attention_mask
        view = encoder_hidden_states
        queries = view.fold(attn.to_q(hidden_states))
        found = _image_branch(attn, view, queries).expand_as(queries)
        gate = view.gate()
        for slot, scale in enumerate(view.conditioning.scales):
            if scale:
                keys, values = (
                    view.project(slot, self.to_k_ip[slot]),
                    view.project(slot, self.to_v_ip[slot]),
                )
                attended = scale * attend(queries, keys, values, heads=attn.heads)
                found = found + (attended if gate is None else attended * gate.to(attended.dtype))
        projected: Tensor = attn.to_out[0](view.unfold(found))
        return projected


def attend(
    queries: Float[Tensor, "batch queries channels"],
    keys: Float[Tensor, "batch tokens channels"],
    values: Float[Tensor, "batch tokens channels"],
    *,
    heads: int,
) -> Float[Tensor, "batch queries channels"]:
    """Compute multi-head scaled dot-product attention."""
    q, k, v = (
        rearrange(x, "b n (heads c) -> b heads n c", heads=heads) for x in (queries, keys, values)
    )
    return rearrange(
        functional.scaled_dot_product_attention(q, k, v), "b heads n c -> b n (heads c)"
    )


def resample_mask(
    mask: Float[Tensor, "batch 1 height width"], grid: Grid
) -> Float[Tensor, "batch h w"]:
    """Resample the face mask to a latent grid as the reference does.

    Bicubic, half-pixel centres, no antialiasing.
    """
    return functional.interpolate(mask, size=grid, mode="bicubic", align_corners=False)[:, 0]


def _image_branch(attn: Any, view: View, queries: Tensor) -> Tensor:
    values = view.project(None, attn.to_v)
    if values.shape[1] == 1:
        return repeat(values, "b 1 c -> b n c", n=queries.shape[1])
    return attend(queries, view.project(None, attn.to_k), values, heads=attn.heads)


def _tokens(part: WindowConditioning, slot: int | None) -> Tokens:
    return part.clip if slot is None else part.adapters[slot]
