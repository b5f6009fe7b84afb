# SPDX-License-Identifier: Apache-2.0
"""Classifier-free guidance of the small talker: two branches in one batch, mixed into one v.

One branch knows everything, the other knows only the portrait:

    v = nothing + guidance (everything - nothing)

Reference: Ho & Salimans (2022), classifier-free diffusion guidance.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model.nano.networks import NanoNetworks
from model.nano.unet import NanoConditions


def add_silent_branch(networks: NanoNetworks, conditions: NanoConditions) -> NanoConditions:
    """Append a branch that hears nothing and has no emotion."""
    batch, frames = conditions.is_known.shape
    return NanoConditions(
        conditions.look.repeat(2, 1, 1, 1),
        conditions.known.repeat(2, 1, 1, 1, 1),
        conditions.is_known.repeat(2, 1),
        torch.cat((conditions.sound, networks.hearing.silence(batch, frames))),
        torch.cat((conditions.emotion, networks.feeling.no_emotion(batch, frames))),
    )


def predict_guided(
    networks: NanoNetworks,
    sample: Tensor,
    sigma: Tensor,
    conditions: NanoConditions,
    *,
    guidance: float,
) -> Tensor:
    """Predict v of a window; with one branch in `conditions`, without guidance."""
    branches = len(conditions.is_known)
    predicted: Tensor = networks.unet(
        sample.expand(branches, *sample.shape[1:]), sigma.expand(branches), conditions
    )
    if branches == 1:
        return predicted
    everything, nothing = predicted.float().chunk(2)
    return torch.lerp(nothing, everything, guidance)
