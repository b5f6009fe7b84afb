# SPDX-License-Identifier: Apache-2.0
"""The emotion discriminator: classify emotion from the denoiser's deepest features.

It keeps predicted latents in the wanted emotion. Published are a classifier over 1280 channels of
UNet features and that emotion is classified during training; which feature, which inputs and which
weights is open. Chosen here: the features in the middle of the UNet, of windows without the emotion
condition (else the features would repeat the condition). Two losses share the classifier:

- reading: real latents at their noise level; it moves the classifier and the UNet's way down
  ("co-trained");
- keeping: the clean latents that the UNet predicted, seen at a low noise level through the UNet as
  it is; it moves the prediction only.

Both are weighted by 1 / (1 + sigma^2): at high noise a latent shows no emotion, so a mistake there
says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int64
from torch import nn
from torch.nn import functional

from model.emotion import LABELS

Features = Float[torch.Tensor, "batch frames channels height width"]


class EmotionDiscriminator(nn.Module):
    """Computes logits over the eight labels from features of a window.

    Features are averaged over frames, place by place; two layers follow. The published classifier
    averages over places; in so small a UNet that average hardly knows the emotion
    (docs/how-it-works/measurements/training.md).
    """

    def __init__(self, channels: int, places: int, *, hidden: int = 64) -> None:
        """Create fresh weights. `channels` of the features, `places`: their height times width."""
        super().__init__()
        self.norm = nn.LayerNorm(channels * places)
        self.first = nn.Linear(channels * places, hidden)
        self.second = nn.Linear(hidden, len(LABELS))

    def forward(self, features: Features) -> Float[torch.Tensor, "batch 8"]:
        """Compute one row of logits a window."""
        placed = features.float().mean(1).flatten(1)
        logits: torch.Tensor = self.second(functional.silu(self.first(self.norm(placed))))
        return logits


def weight(sigma: Float[torch.Tensor, " batch"]) -> Float[torch.Tensor, " batch"]:
    """Weigh a window by its noise level: the share of its variance that is signal.

    >>> weight(torch.tensor([0.0, 1.0, 3.0])).tolist()
    [1.0, 0.5, 0.10000000149011612]
    """
    return 1 / (1 + sigma.square())


def loss(
    logits: Float[torch.Tensor, "batch 8"],
    labels: Int64[torch.Tensor, " batch"],
    sigma: Float[torch.Tensor, " batch"],
    *,
    of: float,
) -> Float[torch.Tensor, ""]:
    """Compute the cross-entropy, weighted by each window's noise level, summed and divided by `of`.

    `of`: how many windows are examined on average, so that slices of a batch add up to the whole.
    """
    return (functional.cross_entropy(logits, labels, reduction="none") * weight(sigma)).sum() / of


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Keep the module's parameters from taking gradients; what flows through them still does."""
    wanted = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in wanted:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in wanted:
            parameter.requires_grad_(True)
