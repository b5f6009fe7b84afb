# SPDX-License-Identifier: Apache-2.0
"""The square around a face: it holds the face, and points in it come back to where they were."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.affect import face_crop

CORNERS = st.tuples(
    st.floats(-50, 200), st.floats(-50, 200), st.floats(20, 150), st.floats(20, 150)
)


def points_of(corners: tuple[float, float, float, float]) -> np.ndarray:
    left, top, width, height = corners
    return np.random.default_rng(0).random((468, 2)) * (width, height) + (left, top)


@given(CORNERS)
def test_the_face_lies_in_the_middle_of_its_square(
    corners: tuple[float, float, float, float],
) -> None:
    points = points_of(corners)
    inside = face_crop.normalize_points(points, face_crop.find_square(points))
    assert inside.min() > 0.1 and inside.max() < 0.9
    assert abs(np.ptp(inside, axis=0).max() - 1 / face_crop.ROOM) < 0.05


@given(CORNERS, st.floats(0.5, 2))
def test_points_of_the_square_are_points_of_the_picture(
    corners: tuple[float, float, float, float], scale: float
) -> None:
    points = points_of(corners)
    left, top, side = face_crop.find_square(points, scale=scale)
    assert np.allclose(
        face_crop.normalize_points(points, (left, top, side)) * side + (left, top), points
    )


@given(st.integers(-40, 60), st.integers(-40, 60), st.integers(1, 90))
def test_a_cut_is_square_and_shows_what_is_there(left: int, top: int, side: int) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    cut = face_crop.cut_square(picture, (left, top, side))
    assert cut.shape == (side, side, 3)
    for row, column in ((0, 0), (side - 1, side - 1), (side // 2, 0)):
        expected = picture[np.clip(top + row, 0, 47), np.clip(left + column, 0, 63)]
        assert np.array_equal(cut[row, column], expected)
