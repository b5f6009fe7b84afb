# SPDX-License-Identifier: Apache-2.0
"""Losses of the embedder: contrast emotions, limit information, forget identities.

References: van den Oord et al. (2018), InfoNCE; Robinson et al. (2021), hard negatives weigh more;
Kingma & Welling (2014), appendix B (KL).
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional


def info_nce(
    vectors: Float[Tensor, "batch dims"],
    emotions: Int[Tensor, " batch"],
    identities: Int[Tensor, " batch"],
    *,
    temperature: float,
    hard_weight: float,
) -> Float[Tensor, ""]:
    """Compute the contrastive loss, a mean over pairs of one emotion in different identities.

    Negatives are other emotions; those of the same identity are hard and count `hard_weight` times
    in the denominator. Another clip of the same emotion and identity is neither. 0 when the batch
    holds no pair.
    """
    unit = functional.normalize(vectors, dim=-1)
    alike = unit @ unit.T / temperature
    same_emotion = emotions[:, None] == emotions[None, :]
    same_identity = identities[:, None] == identities[None, :]
    positive = same_emotion & ~same_identity
    weight = (
        torch.where(same_identity, hard_weight, 1.0).log().masked_fill(same_emotion, -torch.inf)
    )
    others = torch.logsumexp(alike + weight, dim=1, keepdim=True)
    losses = torch.logaddexp(alike, others) - alike
    return (losses * positive).sum() / positive.sum().clamp(min=1)


def kl_to_unit(
    mean: Float[Tensor, "batch dims"], logvar: Float[Tensor, "batch dims"]
) -> Float[Tensor, ""]:
    """Compute the Kullback-Leibler divergence to the unit normal, in nats a clip."""
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(-1).mean()


def identity_share(
    means: Float[Tensor, "batch dims"],
    emotions: Int[Tensor, " batch"],
    identities: Int[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Compute the share of variance beside the emotions that lies between identities, in [0, 1].

    With k clips of each identity, chance gives about 1/k.
    """
    beside = means - _group_means(means, emotions)
    return _group_means(beside, identities).square().sum() / beside.square().sum().clamp(min=1e-8)


def _group_means(values: Tensor, groups: Tensor) -> Tensor:
    """Compute the mean of each row's group."""
    _, place = torch.unique(groups, return_inverse=True)
    member = functional.one_hot(place).to(values.dtype)
    return member @ (member.T @ values / member.sum(0)[:, None])
