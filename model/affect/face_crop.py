# SPDX-License-Identifier: Apache-2.0
"""Crop the square of a picture that training sees of a face: 1.6 times the face, centred on it.

One square serves a whole clip.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, UInt8

ROOM = 1.6  # of the square over the face

Square = tuple[int, int, int]
"""Left, top and side in px; it may reach beyond the picture."""


def find_square(
    points: Float64[np.ndarray, "468 2"],
    *,
    scale: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> Square:
    """Find the square around landmarks in px.

    `scale` makes it larger, `shift` moves it by shares of its side (right, down).
    """
    low, high = points.min(axis=0), points.max(axis=0)
    side = float((high - low).max()) * ROOM * scale
    left, top = (low + high) / 2 + np.array(shift) * side - side / 2
    return round(left), round(top), max(1, round(side))


def cut_square(
    picture: UInt8[np.ndarray, "height width 3"], area: Square
) -> UInt8[np.ndarray, "side side 3"]:
    """Cut the square out of a picture; the picture's edge repeats beyond its sides."""
    left, top, side = area
    height, width = picture.shape[:2]
    inside = picture[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    if inside.shape[:2] == (side, side):
        return np.ascontiguousarray(inside)
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    return np.ascontiguousarray(picture[rows[:, None], columns[None, :]])


def normalize_points(
    points: Float64[np.ndarray, "468 2"], area: Square
) -> Float64[np.ndarray, "468 2"]:
    """Convert landmarks in px to shares of the square."""
    left, top, side = area
    return np.asarray((points - (left, top)) / side)
