# SPDX-License-Identifier: Apache-2.0
"""Measure how far two sets of pictures or clips are apart: the Frechet distance of their features.

The distance is that of FID and FVD (Heusel et al. 2017, Unterthiner et al. 2018) between Gaussians
fitted to the features: d^2 = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). A number means something
only with the name of the features beside it, and only against other numbers of the same features
and counts, because it grows when clips are few. The trace of the root is taken as a sum of singular
values, so nothing is ever negative or complex: with S = R^T R, tr (S1 S2)^(1/2) = |R1 R2^T|_*.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

Features = Float64[np.ndarray, "samples width"]
Mean = Float64[np.ndarray, " width"]
Root = Float64[np.ndarray, "rows width"]


def measure_frechet(features: Features, other_features: Features) -> float:
    """Return the squared Frechet distance of two sets of features.

    Raises:
        ValueError: A set has fewer than two rows, or values that are not finite.
    """
    (mean, root), (other_mean, other_root) = fit_gaussian(features), fit_gaussian(other_features)
    return compare_gaussians(mean, root, other_mean, other_root)


def fit_gaussian(features: Features) -> tuple[Mean, Root]:
    """Return the mean and a root R of the sample covariance (R^T R) of a set of features."""
    if features.ndim != 2 or len(features) < 2 or not np.isfinite(features).all():
        raise ValueError(
            f"no Gaussian fits features of shape {features.shape}: it needs two finite rows"
        )
    wide = features.astype(np.float64)
    mean = wide.mean(axis=0)
    root = np.linalg.qr((wide - mean) / np.sqrt(len(wide) - 1), mode="r")
    return mean, np.asarray(root)


def compare_gaussians(mean: Mean, root: Root, other_mean: Mean, other_root: Root) -> float:
    """Return the squared Frechet distance of two Gaussians by means and roots of covariances.

    >>> root = np.eye(2)
    >>> compare_gaussians(np.zeros(2), root, np.array([3.0, 4.0]), 2 * root)
    27.0
    """
    shared = np.linalg.svd(root @ other_root.T, compute_uv=False).sum()
    spread = (root**2).sum() + (other_root**2).sum() - 2 * shared
    return float(((mean - other_mean) ** 2).sum() + max(spread, 0.0))
