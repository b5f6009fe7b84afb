# SPDX-License-Identifier: Apache-2.0
"""Probe features with plain classifiers: nothing is tuned, each is solved in one step.

A linear discriminant on the eight prosody numbers is the baseline of the embedder's audio. Ridge
regression looks for identities.

References: Fisher (1936); Hoerl & Kennard (1970).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

RIDGE = 0.01  # of the number of examples
SHRUNK = 0.05  # share of the covariance that is replaced by its diagonal

Features = Float[np.ndarray, "examples features"]
Labels = Int[np.ndarray, " examples"]


def classify_by_discriminant(features: Features, labels: Labels, asked: Features) -> Labels:
    """Classify `asked` by Fisher's linear discriminant with even priors, fitted to `features`."""
    scaled, shown = _standardise(features, asked)
    classes = np.unique(labels)
    means = np.stack([scaled[labels == label].mean(axis=0) for label in classes])
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


def classify_by_ridge(features: Features, labels: Labels, asked: Features) -> Labels:
    """Classify `asked` by least squares to one number a class, with a small ridge."""
    scaled, shown = _standardise(features, asked)
    classes = np.unique(labels)
    wanted = (labels[:, None] == classes) - 1 / len(classes)
    gram = scaled.T @ scaled + RIDGE * len(scaled) * np.eye(scaled.shape[1])
    return np.asarray(classes[(shown @ np.linalg.solve(gram, scaled.T @ wanted)).argmax(axis=1)])


def split_halves(groups: Sequence[Labels], *, seed: int) -> tuple[Labels, Labels]:
    """Split examples into two halves; each combination of the groups' values is split evenly."""
    chance = np.random.default_rng(seed)
    keys = np.unique(np.stack(groups, axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((chance.random(len(keys)), keys))
    return np.sort(order[::2]), np.sort(order[1::2])


def probe_identity(features: Features, identities: Labels, emotions: Labels, *, seed: int) -> float:
    """Measure how often a linear probe, fitted on one half, names identities in the other."""
    taught, asked = split_halves([identities, emotions], seed=seed)
    found = classify_by_ridge(features[taught], identities[taught], features[asked])
    return float((found == identities[asked]).mean())


def probe_shuffled_identities(
    features: Features, identities: Labels, emotions: Labels, *, seed: int, times: int = 200
) -> Float[np.ndarray, " times"]:
    """Repeat the probe with identities shuffled within each emotion: the chance level."""
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(times):
        dealt = identities.copy()
        for emotion in np.unique(emotions):
            own = np.flatnonzero(emotions == emotion)
            dealt[own] = identities[chance.permutation(own)]
        found.append(probe_identity(features, dealt, emotions, seed=seed))
    return np.array(found)


def _standardise(features: Features, asked: Features) -> tuple[Features, Features]:
    mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    return (features - mean) / spread, (asked - mean) / spread
