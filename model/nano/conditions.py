# SPDX-License-Identifier: Apache-2.0
"""Encode the conditions of the small talker: sound around each frame, and emotion weights.

Sound is encoder states and prosody. An emotion is its prior moved from neutral by its intensity,
blends are sums of such moves; a prior becomes tokens as in DICE-Talk. The unconditioned branch
hears a learned vector and has the tokens of a zero prior.
"""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from model.dice.config import EmotionSizes
from model.dice.emotion import EmotionModel
from model.dice.tokens import TokenProjection
from model.emotion import LABELS
from model.nano.sizes import NanoSizes

# sizes of `affect.bank.EmotionBank`
BANK = EmotionSizes(prior=256, hidden=128, tokens=4, dim=256, bank=64, heads=8, feature=1)
NEUTRAL = LABELS.index("neutral")


class SoundEncoder(nn.Module):
    """Encodes the sound at each frame as `told` numbers.

    `middle` and `spread`: mean and deviation of each prosody column in the corpus.
    """

    middle: Tensor
    spread: Tensor

    def __init__(self, sizes: NanoSizes) -> None:
        """Create fresh weights; prosody is not scaled until a stage sets `middle` and `spread`."""
        super().__init__()
        self.squeeze = nn.Linear(sizes.heard, sizes.squeezed)
        inputs = sizes.rows * sizes.squeezed + sizes.prosody_frames * sizes.prosody
        self.first = nn.Linear(inputs, sizes.told)
        self.second = nn.Linear(sizes.told, sizes.told)
        self.nothing = nn.Parameter(torch.zeros(sizes.told))
        self.register_buffer("middle", torch.zeros(sizes.prosody))
        self.register_buffer("spread", torch.ones(sizes.prosody))

    def forward(
        self,
        states: Float[Tensor, "batch frames rows heard"],
        prosody: Float[Tensor, "batch frames prosody_frames prosody"],
        *,
        dropped: Bool[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch frames told"]:
        """Encode windows; those that are `dropped` hear nothing."""
        squeezed = rearrange(functional.silu(self.squeeze(states)), "b f rows c -> b f (rows c)")
        beside = ((prosody - self.middle) / self.spread).clamp(-4, 4).flatten(2)
        encoded: Tensor = self.second(
            functional.silu(self.first(torch.cat((squeezed, beside), -1)))
        )
        return (
            encoded
            if dropped is None
            else torch.where(dropped[:, None, None], self.nothing, encoded)
        )

    def silence(self, batch: int, frames: int) -> Float[Tensor, "batch frames told"]:
        """Return the sound of an unconditioned branch."""
        return self.nothing.expand(batch, frames, -1)


class EmotionEncoder(nn.Module):
    """Encodes weights of the eight labels as tokens.

    `priors`: the mean embedding of each label, standardised by `centre` and `size`. Tokens are a
    learnt projection of the prior, or (`NanoSizes.banked`) what the prior retrieves from an emotion
    bank, projected to the width.
    """

    priors: Tensor
    centre: Tensor
    size: Tensor

    def __init__(self, sizes: NanoSizes) -> None:
        """Create fresh weights.

        Until an embedder's priors are adopted, priors are random directions of length 1 per number;
        they are not trained here.
        """
        super().__init__()
        directions = torch.randn(
            sizes.prior, len(LABELS), generator=torch.Generator().manual_seed(0)
        )
        self.register_buffer("priors", torch.linalg.qr(directions)[0].T * sizes.prior**0.5)
        self.register_buffer("centre", torch.zeros(sizes.prior))
        self.register_buffer("size", torch.ones(()))
        if sizes.banked:
            self.bank = EmotionModel(BANK)
            del self.bank.classifier
            self.bank.requires_grad_(False)
            self.fit = nn.Linear(BANK.dim, sizes.told)
        else:
            self.project = TokenProjection(
                sizes.prior, hidden=sizes.told, tokens=sizes.tokens, dim=sizes.told
            )

    @torch.no_grad()
    def adopt(self, priors: Float[Tensor, "8 prior"]) -> None:
        """Take an embedder's class means as priors."""
        self.priors.copy_(priors)
        self.centre.copy_(priors.mean(0))
        self.size.copy_((priors - priors.mean(0)).std())

    def blend(self, weights: Float[Tensor, "*batch 8"]) -> Float[Tensor, "*batch prior"]:
        """Blend priors: neutral, moved by each label's difference from it times its weight."""
        neutral = self.priors[NEUTRAL]
        return neutral + weights.to(self.priors) @ (self.priors - neutral)

    def forward(
        self,
        weights: Float[Tensor, "batch frames 8"],
        *,
        dropped: Bool[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch frames tokens told"]:
        """Compute tokens; windows that are `dropped` have a zero prior."""
        return self.tokens(self.blend(weights), dropped=dropped)

    def tokens(
        self,
        priors: Float[Tensor, "batch frames prior"],
        *,
        dropped: Bool[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch frames tokens told"]:
        """Compute the tokens of embeddings in the priors' space (a class, a blend, a sample)."""
        banked = hasattr(self, "bank")
        queries = priors if banked else (priors - self.centre) / self.size
        if dropped is not None:
            queries = queries.masked_fill(dropped[:, None, None], 0)
        tokens: Tensor = self.fit(self.bank(queries)) if banked else self.project(queries)
        return tokens

    def no_emotion(self, batch: int, frames: int) -> Float[Tensor, "batch frames tokens told"]:
        """Return the tokens of an unconditioned branch."""
        none = torch.zeros(1, 1, self.priors.shape[1])
        return self.tokens(none, dropped=torch.ones(1, dtype=torch.bool)).expand(
            batch, frames, -1, -1
        )


def gather_context(
    track: Float[Tensor, "rows width"], *, frames: range, size: int, stride: int
) -> Float[Tensor, "frames size width"]:
    """Gather for each frame the `size` rows around its middle.

    A frame has `stride` rows; beyond the ends the end rows repeat.
    """
    before = (size - stride) // 2
    starts = torch.arange(frames.start, frames.stop)[:, None] * stride - before
    rows = (starts + torch.arange(size)).clamp(0, len(track) - 1)
    return track[rows]
