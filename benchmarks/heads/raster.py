# SPDX-License-Identifier: Apache-2.0
"""A rasteriser in numpy: which triangle each pixel sees, and where in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoveredPixels:
    """The covered pixels.

    `rows`, `columns`, the triangle of each, its weights [n, 3] there, and the depth.
    """

    rows: np.ndarray
    columns: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray
    depth: np.ndarray

    def of(self, values: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Interpolate values of the vertices at the pixels."""
        corners = values[faces[self.triangle]]
        return np.einsum("nc,nc...->n...", self.weights, corners)


def rasterise(screen: np.ndarray, faces: np.ndarray, size: int) -> CoveredPixels:
    """Find the nearest triangle of each pixel. Triangles are visible from both sides.

    `screen`: vertices as (column, row, nearness), larger is nearer.
    """
    corners = screen[faces]
    flat = corners[..., :2]
    low = np.clip(np.ceil(flat.min(axis=1) - 0.5).astype(int), 0, size)
    high = np.clip(np.floor(flat.max(axis=1) - 0.5).astype(int) + 1, 0, size)
    spans = np.maximum(high - low, 0)
    counts = spans.prod(axis=1)
    triangle = np.repeat(np.arange(len(faces)), counts)
    step = np.arange(len(triangle)) - np.repeat(np.cumsum(counts) - counts, counts)
    columns = low[triangle, 0] + step % spans[triangle, 0]
    rows = low[triangle, 1] + step // spans[triangle, 0]
    weights = _weights(flat, triangle, np.stack([columns, rows], axis=1) + 0.5)
    inside = (weights >= 0).all(axis=1)
    triangle, columns, rows, weights = (
        triangle[inside],
        columns[inside],
        rows[inside],
        weights[inside],
    )
    depth = np.einsum("nc,nc->n", weights, corners[triangle, :, 2])
    near = _nearest(rows * size + columns, depth)
    return CoveredPixels(
        rows=rows[near],
        columns=columns[near],
        triangle=triangle[near],
        weights=weights[near],
        depth=depth[near],
    )


def _weights(flat: np.ndarray, triangle: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Compute barycentric weights of points in their triangles.

    No point is inside a triangle without area.
    """
    a, b, c = flat[:, 0], flat[:, 1], flat[:, 2]
    area = _cross(b - a, c - a)
    area = np.where(np.abs(area) < 1e-9, np.nan, area)
    to_point = points - a[triangle]
    second = _cross(to_point, (c - a)[triangle]) / area[triangle]
    third = _cross((b - a)[triangle], to_point) / area[triangle]
    return np.nan_to_num(np.stack([1 - second - third, second, third], axis=1), nan=-1.0)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _nearest(pixel: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Find the index of the nearest candidate of each pixel."""
    order = np.lexsort((depth, pixel))
    last = np.flatnonzero(np.append(np.diff(pixel[order]) != 0, len(pixel) > 0))
    return order[last]
