# SPDX-License-Identifier: Apache-2.0
"""The emotion model: a prior queries a bank of learned emotions and becomes tokens.

A prior is the mean embedding of a class. Without retrieval (the released setting) its query tokens
attend to the tokens of the whole bank; with retrieval, only to those of the nearest entry. The
result is a convex combination of bank values: the prior steers the attention, nothing else.
"""

from __future__ import annotations

import torch
from einops import rearrange, reduce
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from model.dice.config import EmotionSizes
from model.dice.tokens import TokenProjection

COMMITMENT = 0.25
CLASSES = 22
"""MEAD's seven emotions at three levels, and neutral (our reading; the checkpoint only shows 22
outputs)."""

Bank = tuple[Tensor, Tensor]
"""Keys and values of all tokens of the bank: a constant of the checkpoint, (tokens, dim) each."""


class Codebook(nn.Module):
    """The bank, and the way from a prior to its nearest entry."""

    def __init__(self, sizes: EmotionSizes) -> None:
        """Create entries, uniform in +-1/size."""
        super().__init__()
        self.fc = nn.Linear(sizes.prior, sizes.dim)
        self.codebook = nn.Embedding(sizes.bank, sizes.dim)
        nn.init.uniform_(self.codebook.weight, -1 / sizes.bank, 1 / sizes.bank)

    def forward(
        self, prior: Float[Tensor, "*batch prior"]
    ) -> tuple[Float[Tensor, "*batch dim"], Int[Tensor, " *batch"], Float[Tensor, ""]]:
        """Return the nearest entry, its index, and the vector-quantisation loss.

        The gradient of the entry passes straight to `fc`.
        """
        wanted: Tensor = self.fc(prior)
        bank = self.codebook.weight
        distance = (
            wanted.square().sum(-1, keepdim=True) + bank.square().sum(-1) - 2 * wanted @ bank.T
        )
        index = distance.argmin(-1)
        entry = self.codebook(index)
        loss = functional.mse_loss(entry, wanted.detach()) + COMMITMENT * functional.mse_loss(
            wanted, entry.detach()
        )
        return wanted + (entry - wanted).detach(), index, loss


class BankAttention(nn.Module):
    """Multi-head attention without output projection, residual or norm."""

    def __init__(self, sizes: EmotionSizes) -> None:
        """Create three biased projections of `dim`."""
        super().__init__()
        self.heads = sizes.heads
        self.fc_q = nn.Linear(sizes.dim, sizes.dim)
        self.fc_k = nn.Linear(sizes.dim, sizes.dim)
        self.fc_v = nn.Linear(sizes.dim, sizes.dim)

    def keys_values(self, tokens: Float[Tensor, "*batch tokens dim"]) -> Bank:
        """Project the attended tokens to keys and values."""
        return self.fc_k(tokens), self.fc_v(tokens)

    def forward(
        self, queries: Float[Tensor, "*batch tokens dim"], keys: Tensor, values: Tensor
    ) -> Float[Tensor, "*batch tokens dim"]:
        """Attend; keys and values may lack the batch dimensions when all share them."""
        q, k, v = (
            rearrange(x, "... tokens (heads width) -> ... heads tokens width", heads=self.heads)
            for x in (self.fc_q(queries), keys, values)
        )
        lead = q.shape[:-3]
        k, v = (x.expand(*lead, *x.shape[-3:]) for x in (k, v))
        found = functional.scaled_dot_product_attention(q, k, v)
        return rearrange(found, "... heads tokens width -> ... tokens (heads width)")


class EmotionClassifier(nn.Module):
    """Classifies the emotion from a deep UNet feature.

    It is part of the checkpoint; only training uses it.
    """

    def __init__(self, channels: int) -> None:
        """Create fresh weights. `channels`: of the feature map."""
        super().__init__()
        self.fc1 = nn.Linear(channels, 512)
        self.fc2 = nn.Linear(512, 256)
        self.fc3 = nn.Linear(256, CLASSES)
        self.dropout = nn.Dropout(0.1)

    def forward(
        self, feature: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes"]:
        """Compute the logits of each map."""
        pooled = reduce(feature, "batch channels height width -> batch channels", "mean")
        hidden = self.dropout(functional.relu(self.fc1(pooled)))
        hidden = self.dropout(functional.relu(self.fc2(hidden)))
        logits: Tensor = self.fc3(hidden)
        return logits


class EmotionModel(nn.Module):
    """Turns priors into tokens.

    Released keys: `emo_linear`, `kv_tokens_linear`, `codebook`, `attention`, `classifier`.
    """

    def __init__(self, sizes: EmotionSizes) -> None:
        """Build at the given sizes."""
        super().__init__()
        shape = {"hidden": sizes.hidden, "tokens": sizes.tokens, "dim": sizes.dim}
        self.emo_linear = TokenProjection(sizes.prior, **shape)
        self.kv_tokens_linear = TokenProjection(sizes.dim, **shape)
        self.codebook = Codebook(sizes)
        self.attention = BankAttention(sizes)
        self.classifier = EmotionClassifier(sizes.feature)

    def bank(self) -> Bank:
        """Compute keys and values of the whole bank.

        The bank itself gets no gradient on this path, as in the reference.
        """
        tokens = self.kv_tokens_linear(self.codebook.codebook.weight.detach())
        return self.attention.keys_values(
            rearrange(tokens, "entries tokens dim -> (entries tokens) dim")
        )

    def forward(
        self,
        prior: Float[Tensor, "*batch prior"],
        *,
        dropped: Bool[Tensor, "*batch 1"] | None = None,
        bank: Bank | None = None,
    ) -> Float[Tensor, "*batch tokens dim"]:
        """Compute tokens without retrieval.

        `dropped` zeroes priors (training's emotion dropout); `bank` saves computing it again.
        """
        keys, values = bank if bank is not None else self.bank()
        found: Tensor = self.attention(self.emo_linear(_drop(prior, dropped)), keys, values)
        return found

    def retrieve(
        self,
        prior: Float[Tensor, "*batch prior"],
        *,
        dropped: Bool[Tensor, "*batch 1"] | None = None,
    ) -> tuple[Float[Tensor, "*batch tokens dim"], Float[Tensor, ""]]:
        """Compute tokens with retrieval, and the bank's loss.

        The tokens of the nearest entry are the only keys and values.
        """
        entry, _, loss = self.codebook(prior)
        keys, values = self.attention.keys_values(self.kv_tokens_linear(_drop(entry, dropped)))
        return self.attention(self.emo_linear(_drop(prior, dropped)), keys, values), loss


def _drop(values: Tensor, dropped: Tensor | None) -> Tensor:
    return values if dropped is None else torch.where(dropped, torch.zeros_like(values), values)
