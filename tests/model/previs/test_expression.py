# SPDX-License-Identifier: Apache-2.0
"""Emotions as movements of a face."""

from __future__ import annotations

import numpy as np

from model.emotion import LABELS
from model.previs import expression


def test_every_emotion_moves_something_and_neutral_nothing() -> None:
    moved = np.abs(expression.build_emotion_matrix()).sum(axis=1)
    assert all(
        (value > 0) == (label != "neutral") for label, value in zip(LABELS, moved, strict=True)
    )


def test_contempt_moves_one_corner_only() -> None:
    moved = {corner: np.zeros(2) for corner in (61, 291)}
    for unit, weight in expression.EMOTIONS["contempt"].items():
        made = expression.build_controls(unit).upper
        for corner in moved:
            moved[corner] += weight * np.array(made.get(corner, (0.0, 0.0)))
    assert np.hypot(*moved[61]) < 0.02
    assert moved[291][0] > 0.05
    assert moved[291][1] < -0.05


def test_both_sides_of_the_mouth_line_agree_at_the_corners() -> None:
    for unit in expression.MOUTH:
        made = expression.build_controls(unit)
        assert all(made.upper[corner] == made.lower[corner] for corner in (61, 291, 78, 308))
