# SPDX-License-Identifier: Apache-2.0
"""Match the neutral portrait to a clip in place, size, tilt and light, as its reference face.

A corpus has one portrait an identity, while clips differ in crop, pose and light. Without this step
the difference of frame and portrait would mostly be those, and little of it would be acting. Only
points that do not act are used, so the portrait keeps its neutral face.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from model.affect.prepared_corpus import FACE_PX, PreparedClip, PreparedPortrait

STEADY = (33, 133, 362, 263, 168, 6, 197, 195, 5, 98, 327, 10, 109, 338, 234, 454)
"""Mesh points that expressions hardly move: corners of the eyes, nose, forehead, temples."""
GAINS = (0.5, 2.0)

Face = UInt8[np.ndarray, "64 64 3"]


def match_portrait(portrait: PreparedPortrait, clip: PreparedClip) -> Face:
    """Match the portrait to the clip's mean place, size and tilt, and to its colours."""
    matrix = fit_similarity(
        np.asarray(portrait.points, np.float64)[list(STEADY)],
        np.asarray(clip.points, np.float64).mean(0)[list(STEADY)],
    )
    matrix[:, 2] *= FACE_PX
    moved = cv2.warpAffine(
        portrait.face,
        matrix,
        (FACE_PX, FACE_PX),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return match_light(moved, clip.faces.astype(np.float32).mean(0))


def fit_similarity(
    source: Float64[np.ndarray, "points 2"], target: Float64[np.ndarray, "points 2"]
) -> Float64[np.ndarray, "2 3"]:
    """Fit the rotation, scale and shift from `source` to `target` by least squares.

    >>> fit_similarity(np.array([[0.0, 0], [1, 0]]), np.array([[1.0, 1], [1, 3]])).round(6).tolist()
    [[0.0, -2.0, 1.0], [2.0, 0.0, 1.0]]
    """
    points, wanted = source @ (1, 1j), target @ (1, 1j)
    spread = points - points.mean()
    turn = np.vdot(spread, wanted - wanted.mean()) / max(float(np.vdot(spread, spread).real), 1e-12)
    shift = wanted.mean() - turn * points.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def match_light(face: Face, like: Float32[np.ndarray, "64 64 3"]) -> Face:
    """Give the face the mean and deviation of each colour in `like`."""
    levels = face.astype(np.float32)
    gain = like.std((0, 1)) / np.maximum(levels.std((0, 1)), 1.0)
    adapted = (levels - levels.mean((0, 1))) * np.clip(gain, *GAINS) + like.mean((0, 1))
    return np.asarray(np.rint(np.clip(adapted, 0, 255)), np.uint8)
