# SPDX-License-Identifier: Apache-2.0
"""The eight named emotions in the embedder's space: class means, blends, and the way back to names.

Intensity and blends work on differences from neutral: a prior is `neutral + sum w (mean -
neutral)`, since class means share one large common part and raw scaling would mostly change that.
The way back is the same sum, solved for non-negative weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from manifests.errors import InputError, Problem
from model.affect.embedder import Gaussian
from model.emotion import LABELS, MAXIMUM, EmotionCurve, parse_curve

NEUTRAL = LABELS.index("neutral")
FILE = "priors.safetensors"
LEAST_WEIGHT = 0.08  # of a decoded blend; less is noise that nobody would write in a script
MOST_LABELS = 3
# weights are rounded to twentieths, so that another machine's last digits make the same film
STEPS = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmotionPriors:
    """Class Gaussians in the order of `LABELS`.

    `intensity`: mean intensity of each class's performances (1 for neutral).
    """

    mean: Float[Tensor, "8 256"]
    logvar: Float[Tensor, "8 256"]
    intensity: Float[Tensor, " 8"]

    def at(self, weights: Float[Tensor, "*batch 8"]) -> Float[Tensor, "*batch 256"]:
        """Compute the prior of a mix of emotions (weights as in `model.emotion`).

        The weight of neutral adds nothing.
        """
        return self.mean[NEUTRAL] + (weights / self.intensity) @ self._ways()

    def nearest(self, means: Float[Tensor, "batch 256"]) -> Int[Tensor, " batch"]:
        """Find the nearest class mean of each embedding, by angle from the middle of all means."""
        middle = self.mean.mean(0)
        unit = torch.nn.functional.normalize
        return (unit(means - middle, dim=-1) @ unit(self.mean - middle, dim=-1).T).argmax(-1)

    def mix(self, gaussian: Gaussian, *, intensity: float | None = None) -> EmotionCurve:
        """Name a Gaussian as a blend of at most three labels.

        `intensity`: strength of the whole blend, read from the clip; None: as it lies.
        """
        found = self._solve_weights(gaussian.mean)
        strongest = np.argsort(found)[::-1][:MOST_LABELS]
        kept = {
            LABELS[i]: float(found[i])
            for i in strongest
            if i != NEUTRAL and found[i] >= LEAST_WEIGHT
        }
        total = sum(kept.values())
        if not kept or (intensity is not None and intensity < LEAST_WEIGHT):
            return parse_curve("neutral")
        factor = 1.0 if intensity is None else intensity / total
        words = {
            label: round(min(weight * factor, MAXIMUM) * STEPS) / STEPS
            for label, weight in kept.items()
        }
        return parse_curve(
            " + ".join(f"{label} {weight:g}" for label, weight in words.items() if weight)
            or "neutral"
        )

    def save(self, folder: Path) -> None:
        """Write the priors beside their embedder."""
        save_file(
            {"mean": self.mean, "logvar": self.logvar, "intensity": self.intensity}, folder / FILE
        )

    @classmethod
    def load(cls, folder: Path) -> EmotionPriors:
        """Read what `save` wrote. Raises InputError when it is missing or something else."""
        file = folder / FILE
        try:
            return cls(**load_file(file))
        except (SafetensorError, OSError, TypeError) as error:
            raise InputError(
                Problem(file=str(file), message=f"these are no emotion priors: {error}")
            ) from error

    def _solve_weights(self, mean: Float[Tensor, " 256"]) -> Float64[np.ndarray, " 8"]:
        """Solve for the non-negative weights whose mix is nearest to an embedding."""
        from scipy.optimize import nnls

        moved = (mean - self.mean[NEUTRAL]).double().numpy()
        solved = nnls(self._ways().double().numpy().T, moved)[0]
        return np.asarray(solved * self.intensity.double().numpy())

    def _ways(self) -> Tensor:
        """Compute the difference of each class from neutral."""
        return self.mean - self.mean[NEUTRAL]


def fit_class_priors(
    found: Gaussian, emotions: Int[Tensor, " batch"], intensities: Float[Tensor, " batch"]
) -> EmotionPriors:
    """Fit one Gaussian a class, with the mean and the variance of its clips' mixture.

    Raises InputError when a label has no clip.
    """
    missing = [label for index, label in enumerate(LABELS) if not bool((emotions == index).any())]
    if missing:
        message = f"no clip performs {', '.join(missing)}"
        expected = "clips of all eight emotions"
        raise InputError(Problem(file="corpus", message=message, expected=expected))
    means, logvars, strengths = [], [], []
    for index in range(len(LABELS)):
        own = emotions == index
        mean = found.mean[own].mean(0)
        variance = found.logvar[own].exp().mean(0) + found.mean[own].var(0, correction=0)
        means.append(mean)
        logvars.append(variance.log())
        strengths.append(intensities[own].mean() if index != NEUTRAL else torch.tensor(1.0))
    return EmotionPriors(
        mean=torch.stack(means),
        logvar=torch.stack(logvars),
        intensity=torch.stack(strengths).float(),
    )
