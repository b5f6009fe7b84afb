# SPDX-License-Identifier: Apache-2.0
"""Measure how steady a clip is and how much moves in it: flicker, mouth movement, jitter.

Plain arithmetic on decoded frames; no network. Levels are those of 8-bit luma (0 to 255).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, UInt8
from scipy.ndimage import gaussian_filter1d

from model.previs.landmarks import Face

Faces = UInt8[np.ndarray, "frames height width 3"]
Luma = Float64[np.ndarray, "frames height width"]
Points = Float64[np.ndarray, "frames 468 2"]

BT709 = np.array([0.2126, 0.7152, 0.0722])
MOUTH = (
    0.50,
    0.92,
    0.20,
    0.80,
)  # top, bottom, left, right of where a mouth moves, as shares of a prepared crop (1.6 x the face)
# nose and middle of the forehead: nothing moves them but the head
STABLE = (168, 6, 197, 195, 5, 4, 10, 151, 9, 8)
SMOOTH_FRAMES = 2.0


def compute_luma(faces: Faces) -> Luma:
    """Compute gamma-encoded BT.709 luma."""
    return np.asarray(faces.astype(np.float64) @ BT709)


def crop_mouth(pictures: np.ndarray) -> np.ndarray:
    """Crop [frames, height, width, ...] to the part in which a mouth moves."""
    height, width = pictures.shape[1:3]
    top, bottom, left, right = MOUTH
    return pictures[
        :, round(top * height) : round(bottom * height), round(left * width) : round(right * width)
    ]


def measure_flicker(faces: Faces) -> float:
    """Measure what changes back and forth from frame to frame, in levels.

    It is the mean of |y(t-1) - 2 y(t) + y(t+1)| / 4: 0 for a still and for a steady fade; `a` for a
    picture that is `a` levels brighter and darker in turn. Fewer than three frames: 0.
    """
    if len(faces) < 3:
        return 0.0
    return float(np.abs(np.diff(compute_luma(faces), n=2, axis=0)).mean() / 4)


def measure_mouth_motion(faces: Faces) -> float:
    """Measure the mean step from frame to frame in the mouth's part, in levels.

    Frames are first weighted 1-2-1, so that flicker does not count.
    """
    if len(faces) < 4:
        return 0.0
    part = compute_luma(crop_mouth(faces))
    calm = (part[:-2] + 2 * part[1:-1] + part[2:]) / 4
    return float(np.abs(np.diff(calm, axis=0)).mean())


def measure_jitter(points: Points) -> float:
    """Measure how restless points are that should follow the head only.

    RMS in inter-ocular distances about their own track, smoothed over two frames.
    """
    unit = float(np.median([_measure_unit(frame) for frame in points]))
    stable = points[:, STABLE] / unit
    off = stable - gaussian_filter1d(stable, SMOOTH_FRAMES, axis=0)
    return float(np.sqrt((off**2).sum(axis=-1).mean()))


def _measure_unit(points: np.ndarray) -> float:
    return Face(np.column_stack([points, np.zeros(len(points))]), 1.0).unit
