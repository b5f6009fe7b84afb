# SPDX-License-Identifier: Apache-2.0
"""Undoing a movement: what the renderer samples is what the rig has moved there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from model.previs import warp
from model.previs.rig import WarpGrid


def bulge(grid: WarpGrid, stretch: float) -> np.ndarray:
    """A movement to the right that grows by `stretch` px for each px in the middle of the grid and
    dies away on both sides."""
    x, y = (grid.centres[..., axis] - 100 for axis in (0, 1))
    ridge = stretch * 25 * np.tanh(x / 25) * np.exp(-((y / 60) ** 2)) * np.exp(-((x / 80) ** 2))
    return np.stack([ridge, 0.2 * ridge], axis=-1).astype(np.float32)


def missed(field: np.ndarray, grid: WarpGrid, offset: np.ndarray) -> float:
    """The largest distance (px) by which what is sampled is moved past the place that it should
    come to."""
    index = (grid.centres + 0.5) / grid.step - 0.5 + offset / grid.step
    there = cv2.remap(
        field, index.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return float(np.abs(offset + there).max())


@pytest.mark.parametrize("stretch", [-0.6, 0.3, 1.0, 1.2])
def test_a_movement_that_doubles_the_distance_of_neighbours_is_undone(stretch: float) -> None:
    grid = WarpGrid.cover_box((0, 0, 200, 200), 4.0)
    field = bulge(grid, stretch)
    assert (
        missed(field, grid, warp.invert_field(field, grid, warp.MOUTH_STEPS))
        < 0.03 * np.abs(field).max()
    )


def test_whole_steps_would_swing_where_lips_are_stretched() -> None:
    grid = WarpGrid.cover_box((0, 0, 200, 200), 4.0)
    field = bulge(grid, 1.2)
    whole, halves = (warp.invert_field(field, grid, (share,) * 7) for share in (1.0, 0.5))
    assert missed(field, grid, whole) > 5 * missed(field, grid, halves)
