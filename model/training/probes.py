# SPDX-License-Identifier: Apache-2.0
"""Plain classifiers that say what can be read from features: nothing is tuned, all are solved in
one step.

The eight prosody numbers have a linear discriminant, against which what the embedder hears is held;
who performs is looked for by ridge regression. Method: Fisher 1936; Hoerl & Kennard 1970.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

RIDGE = 0.01  # of the number of examples
SHRUNK = 0.05  # share of the covariance that is replaced by its diagonal

Features = Float[np.ndarray, "examples features"]
Labels = Int[np.ndarray, " examples"]


def discriminant(features: Features, labels: Labels, asked: Features) -> Labels:
    """Fisher's linear discriminant with even priors, taught on `features`: the class of each row of
    `asked`.
    """
    scaled, shown = _standardised(features, asked)
    classes = np.unique(labels)
    means = np.stack([scaled[labels == one].mean(axis=0) for one in classes])
    within = scaled - means[np.searchsorted(classes, labels)]
    covariance = within.T @ within / max(len(scaled) - len(classes), 1)
    covariance = (
        (1 - SHRUNK) * covariance
        + SHRUNK * np.diag(np.diag(covariance))
        + 1e-6 * np.eye(len(covariance))
    )
    weights = np.linalg.solve(covariance, means.T)
    scores = shown @ weights - 0.5 * (means.T * weights).sum(axis=0)
    return np.asarray(classes[scores.argmax(axis=1)])


def ridge(features: Features, labels: Labels, asked: Features) -> Labels:
    """A linear probe: least squares to one number a class, with a small ridge; the class of each
    row of `asked`.
    """
    scaled, shown = _standardised(features, asked)
    classes = np.unique(labels)
    wanted = (labels[:, None] == classes) - 1 / len(classes)
    gram = scaled.T @ scaled + RIDGE * len(scaled) * np.eye(scaled.shape[1])
    return np.asarray(classes[(shown @ np.linalg.solve(gram, scaled.T @ wanted)).argmax(axis=1)])


def halves(groups: Sequence[Labels], *, seed: int) -> tuple[Labels, Labels]:
    """Places of two halves of examples; each combination of the groups' values is split evenly
    between them.
    """
    chance = np.random.default_rng(seed)
    keys = np.unique(np.stack(groups, axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((chance.random(len(keys)), keys))
    return np.sort(order[::2]), np.sort(order[1::2])


def identity_probe(features: Features, identities: Labels, emotions: Labels, *, seed: int) -> float:
    """How often a linear probe names who performs: taught on half of the clips, asked of the other
    half.
    """
    taught, asked = halves([identities, emotions], seed=seed)
    found = ridge(features[taught], identities[taught], features[asked])
    return float((found == identities[asked]).mean())


def shuffled_identity_probes(
    features: Features, identities: Labels, emotions: Labels, *, seed: int, times: int = 200
) -> Float[np.ndarray, " times"]:
    """The same probe of identities dealt out anew among the clips of each emotion: what nothing to
    be read looks like.
    """
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(times):
        dealt = identities.copy()
        for emotion in np.unique(emotions):
            own = np.flatnonzero(emotions == emotion)
            dealt[own] = identities[chance.permutation(own)]
        found.append(identity_probe(features, dealt, emotions, seed=seed))
    return np.array(found)


def _standardised(features: Features, asked: Features) -> tuple[Features, Features]:
    mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    return (features - mean) / spread, (asked - mean) / spread
