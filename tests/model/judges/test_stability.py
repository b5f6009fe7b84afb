# SPDX-License-Identifier: Apache-2.0
"""Steadiness: stills, fades, flicker of known size, and movement that is no flicker."""

from __future__ import annotations

import numpy as np
import pytest

from model.judges import stability


def clip(levels: np.ndarray) -> np.ndarray:
    """Grey pictures of the given levels."""
    return np.broadcast_to(levels[:, None, None, None], (len(levels), 64, 64, 3)).astype(np.uint8)


def test_a_still_does_not_flicker_and_nothing_moves_in_it() -> None:
    still = np.repeat(
        np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.uint8), 10, axis=0
    )
    assert stability.measure_flicker(still) == 0
    assert stability.measure_mouth_motion(still) == 0


def test_a_steady_fade_does_not_flicker() -> None:
    assert stability.measure_flicker(clip(100 + 2 * np.arange(12))) == pytest.approx(0, abs=1e-9)


def test_a_picture_that_alternates_in_brightness_flickers_by_that_much_and_does_not_move() -> None:
    flickering = clip(np.array([100, 110] * 6))
    assert stability.measure_flicker(flickering) == pytest.approx(5)
    assert stability.measure_mouth_motion(flickering) == pytest.approx(0, abs=1e-9)


def test_only_what_moves_in_the_mouths_part_counts_as_its_movement() -> None:
    opening = clip(np.full(12, 100)).copy()
    elsewhere = opening.copy()
    for frame in range(12):
        opening[frame, 42 : 42 + frame // 3, 26:38] = 20
        elsewhere[frame, 4 : 4 + frame // 3, 26:38] = 20
    assert stability.measure_mouth_motion(opening) > 0.3
    assert stability.measure_mouth_motion(elsewhere) == 0


def test_unrest_is_told_in_distances_of_the_eyes_and_steady_movement_is_none() -> None:
    chance = np.random.default_rng(0)
    face = chance.uniform(0.2, 0.8, (468, 2))
    gliding = face + np.linspace(0, 0.1, 40)[:, None, None]
    shaken = np.repeat(face[None], 40, axis=0) + chance.normal(0, 0.01, (40, 468, 2))
    assert stability.measure_jitter(gliding) < 0.1 * stability.measure_jitter(shaken)
    assert stability.measure_jitter(2 * shaken) == pytest.approx(stability.measure_jitter(shaken))
