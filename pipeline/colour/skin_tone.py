# SPDX-License-Identifier: Apache-2.0
"""Skin: weigh pixels by how likely they are skin, and measure the colour cast on it.

Colours are gamma-encoded R'G'B' in [0, 1]; see `colour`.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from pipeline.colour import colour

# Median sRGB of the light and dark skin patches of the ColorChecker chart: complexion runs along
# the difference of their logs.
LIGHT_SKIN, DARK_SKIN = np.array([194.0, 150.0, 130.0]), np.array([115.0, 82.0, 68.0])
# Where skin lies in neutral light along the axes of `build_skin_axes` (log of R'G'B', from the
# light patch): darker skin is ruddier, tint is constant. Fitted to tones 1 to 6 of the Monk scale
# (2022) and six portraits, which lie within 0.035; darker tones scatter widely.
WARMTH, WARMTH_PER_DEPTH, TINT = 0.02, -0.21, 0.01
SPREAD = np.array([0.035, 0.02])
DARK_DEPTH, WARMTH_SPREAD_OF_DARK = -0.5, 0.25
Pair = Float64[np.ndarray, "2"]
# left, top, right, bottom as fractions of the picture
FaceBox = tuple[float, float, float, float]


def measure_cast(skin: colour.Vector) -> tuple[Pair, Pair]:
    """Measure the warmth and tint that skin of this depth does not explain.

    The second result is how far each of the two spreads from person to person.
    """
    depth, warmth, tint = build_skin_axes() @ np.log(np.maximum(skin, 0.01) * 255 / LIGHT_SKIN)
    wide = WARMTH_SPREAD_OF_DARK * max(0.0, DARK_DEPTH - depth)
    return np.array([warmth - WARMTH - WARMTH_PER_DEPTH * depth, tint - TINT]), SPREAD + np.array(
        [wide, 0.0]
    )


def build_skin_axes() -> colour.Matrix:
    """Build three unit vectors in log R'G'B', one a row.

    They lead from light to dark skin, from pale to ruddy (red against blue), and from magenta to
    green across both.
    """
    depth = np.log(LIGHT_SKIN / DARK_SKIN)
    depth /= np.linalg.norm(depth)
    warmth = np.array([1.0, 0.0, -1.0])
    warmth -= (warmth @ depth) * depth
    warmth /= np.linalg.norm(warmth)
    return np.stack([depth, warmth, np.cross(depth, warmth)])


def weigh_skin(
    rgb: Float64[np.ndarray, "frames height width 3"], face: FaceBox
) -> Float64[np.ndarray, "frames height width"]:
    """Weigh pixels by how likely they are skin.

    Skin lies inside the face's ellipse and near the median chromaticity there, which excludes hair,
    eyes and lips.
    """
    height, width = rgb.shape[1:3]
    left, top, right, bottom = face
    y, x = np.mgrid[0:height, 0:width]
    across = ((x + 0.5) / width - (left + right) / 2) / max((right - left) * 0.42, 1e-6)
    down = ((y + 0.5) / height - (top + bottom) / 2) / max((bottom - top) * 0.42, 1e-6)
    inside = across**2 + down**2 < 1
    if not inside.any():
        return np.zeros(rgb.shape[:3])
    logs = np.log(rgb + 0.02)
    chroma = logs - logs.mean(axis=-1, keepdims=True)
    middle = np.median(chroma[:, inside], axis=(0, 1))
    near = np.exp(-((chroma - middle) ** 2).sum(axis=-1) / (2 * 0.1**2))
    weights: Float64[np.ndarray, "frames height width"] = near * inside
    return weights
