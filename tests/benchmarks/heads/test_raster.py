# SPDX-License-Identifier: Apache-2.0
"""The rasteriser that draws the corpus' portraits covers what a triangle covers, nearest first."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.heads.mesh import compute_normals
from benchmarks.heads.raster import rasterise

SIZE = 48
PLACES = st.floats(0, SIZE, allow_nan=False)
FACE = np.array([[0, 1, 2]])


@given(st.tuples(PLACES, PLACES, PLACES, PLACES, PLACES, PLACES))
def test_a_triangle_covers_about_its_area(places: tuple[float, ...]) -> None:
    flat = np.array(places).reshape(3, 2)
    (ax, ay), (bx, by) = flat[1] - flat[0], flat[2] - flat[0]
    edges = np.linalg.norm(flat - np.roll(flat, 1, axis=0), axis=1).sum()
    seen = rasterise(np.column_stack([flat, np.zeros(3)]), FACE, SIZE)
    assert abs(len(seen.rows) - abs(ax * by - ay * bx) / 2) <= edges + 1
    assert np.allclose(seen.weights.sum(axis=1), 1)


@given(st.tuples(PLACES, PLACES, PLACES, PLACES, PLACES, PLACES))
def test_what_is_interpolated_over_a_triangle_is_where_the_pixel_is(
    places: tuple[float, ...],
) -> None:
    screen = np.column_stack([np.array(places).reshape(3, 2), np.zeros(3)])
    seen = rasterise(screen, FACE, SIZE)
    found = seen.of(screen[:, :2], FACE)
    assert np.allclose(found, np.column_stack([seen.columns, seen.rows]) + 0.5, atol=1e-3)


def test_the_nearer_triangle_is_seen() -> None:
    square = np.array([[0, 0], [SIZE, 0], [0, SIZE], [SIZE, SIZE]], dtype=float)
    screen = np.concatenate(
        [np.column_stack([square, np.full(4, depth)]) for depth in (0.3, 0.7, 0.1)]
    )
    faces = np.concatenate([np.array([[0, 1, 2], [1, 3, 2]]) + 4 * layer for layer in range(3)])
    seen = rasterise(screen, faces, SIZE)
    assert len(seen.rows) == SIZE * SIZE
    assert set(seen.triangle) == {2, 3}


def test_normals_of_a_plane_stand_on_it() -> None:
    plane = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], dtype=float)
    assert np.allclose(compute_normals(plane, np.array([[0, 1, 2], [1, 3, 2]])), [0, 0, 1])
