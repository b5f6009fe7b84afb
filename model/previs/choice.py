# SPDX-License-Identifier: Apache-2.0
"""Choose the frame of a film that makes the best portrait: frontal, mouth closed, eyes open."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from model.previs.landmarks import Face, Landmarker, Rgb

LIDS = ((159, 145), (386, 374))


def measure_unrest(face: Face) -> float:
    """Measure how far a face is from a frontal one at rest, about 0 to 5.

    It adds up turn, tilt, parted lips and closed eyes.
    """
    local = face.local
    gap = float(local[14, 1] - local[13, 1])
    opening = min(float(local[lower, 1] - local[upper, 1]) for upper, lower in LIDS)
    roll = abs(float(np.arctan2(face.axes[1, 0], face.axes[0, 0])))
    return (
        abs(face.yaw_degrees) / 15
        + roll / 0.3
        + 8 * max(gap - 0.04, 0)
        + 10 * max(0.11 - opening, 0)
    )


def choose_frame(frames: Iterable[Rgb], landmarker: Landmarker) -> tuple[Rgb | None, float]:
    """Choose the frame whose largest face is most at rest; return it with its unrest.

    The frame is None when no frame shows a face.
    """
    kept: Rgb | None = None
    least = float("inf")
    for frame in frames:
        detections = landmarker.detect(frame)
        if not detections:
            continue
        face = landmarker.fit_mesh(frame, max(detections, key=lambda detection: detection.size))
        value = measure_unrest(face)
        if face.confidence > 0.5 and value < least:
            kept, least = frame.copy(), value
    return kept, least
