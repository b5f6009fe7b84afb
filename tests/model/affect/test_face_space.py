# SPDX-License-Identifier: Apache-2.0
"""Points of a face as coordinates."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.affect.face_space import fit_face_space


@given(
    angle=st.floats(-3, 3),
    size=st.floats(0.2, 5),
    x=st.floats(-2, 2),
    y=st.floats(-2, 2),
    seed=st.integers(0, 1000),
)
def test_coordinates_do_not_change_with_place_size_and_roll(
    angle: float, size: float, x: float, y: float, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    clips = [
        chance.normal(0, 0.02, (5, 30, 2)) + np.random.default_rng(7).normal(0, 1, (30, 2))
        for _ in range(6)
    ]
    space = fit_face_space(clips, ["a", "a", "b", "b", "c", "c"], axes=4)
    turn = size * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved = clips[0] @ turn + (x, y)
    np.testing.assert_allclose(space.coordinates(moved), space.coordinates(clips[0]), atol=1e-3)


def test_directions_that_few_clips_never_show_stay_small_in_other_faces() -> None:
    chance = np.random.default_rng(0)
    face = chance.uniform(0.2, 0.8, (468, 2))
    clips = [face + chance.normal(0, 0.01, (3, 468, 2)) for _ in range(2)]
    space = fit_face_space(clips, ["a", "b"], axes=40)
    other = (face + chance.normal(0, 0.01, (1, 468, 2))).astype(np.float32)
    assert np.abs(space.coordinates(other)).max() < 1000
