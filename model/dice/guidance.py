# SPDX-License-Identifier: Apache-2.0
"""Classifier-free guidance of DICE-Talk: which branches run, and how their predictions are mixed.

A branch is one prediction of v under some of the conditions. Portrait, sound and emotion are
followed with a strength each:

    v = nothing + appearance (face - nothing) + audio (face_audio - face)
        + emotion (everything - face_audio)

Reference: Ho & Salimans (2022), classifier-free diffusion guidance; nested conditions as in Brooks
et al. (2023), equation 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Branch(NamedTuple):
    """The conditions that one branch knows."""

    image: bool
    audio: bool
    emotion: bool


NOTHING = Branch(False, False, False)
FACE = Branch(True, False, False)
FACE_AUDIO = Branch(True, True, False)
EVERYTHING = Branch(True, True, True)
Ramp = tuple[float, float]
"""A strength at the first and at the last step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """Strengths of appearance, audio and emotion, each as a ramp over the steps."""

    appearance: Ramp = (3.0, 3.0)
    audio: Ramp = (6.0, 6.0)
    emotion: Ramp = (6.0, 6.0)

    def weights(self, step: int, steps: int) -> dict[Branch, float]:
        """Weigh the branches of a step.

        Weights sum to 1; branches that cancel are left out.

        >>> Guidance().weights(0, 25)
        {Branch(image=False, audio=False, emotion=False): -2.0, \
Branch(image=True, audio=False, emotion=False): -3.0, \
Branch(image=True, audio=True, emotion=True): 6.0}
        """
        appearance, audio, emotion = (
            _interpolate(ramp, step, steps) for ramp in (self.appearance, self.audio, self.emotion)
        )
        shares = {
            NOTHING: 1 - appearance,
            FACE: appearance - audio,
            FACE_AUDIO: audio - emotion,
            EVERYTHING: emotion,
        }
        return {branch: share for branch, share in shares.items() if share}


def mix_branches(
    weights: Mapping[Branch, float], predictions: Float[Tensor, "branches f c h w"]
) -> Float[Tensor, "f c h w"]:
    """Mix the branches' predictions of v, in the order of `weights`."""
    shares = torch.tensor(list(weights.values()), device=predictions.device)
    return torch.einsum("b, b f c h w -> f c h w", shares, predictions)


def _interpolate(ramp: Ramp, step: int, steps: int) -> float:
    return ramp[0] + (ramp[1] - ramp[0]) * (step / (steps - 1) if steps > 1 else 0)
