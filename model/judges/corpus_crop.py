# SPDX-License-Identifier: Apache-2.0
"""Crop a talker's frames the way the clips of a corpus are cropped.

It is one square for the whole clip, 1.6 times the face as it stands in the first frame.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from jaxtyping import UInt8

from manifests.errors import InputError, Problem
from model.affect.prepared_corpus import FACE_PX
from model.judges.points import FACE_SHARE
from model.previs.landmarks import Landmarker

Frame = UInt8[np.ndarray, "height width 3"]
Square = tuple[int, int, int]  # left, top, side in px


def crop_faces(
    frames: Iterable[Frame], landmarker: Landmarker, *, name: str
) -> UInt8[np.ndarray, "frames 64 64 3"]:
    """Crop the face of a clip. `name`: what errors call it.

    Raises:
        InputError: There are no frames, or no face in the first.
    """
    crops, square = list[Frame](), None
    for frame in frames:
        square = square or _find_square(frame, landmarker, name)
        crops.append(
            cv2.resize(_cut_square(frame, square), (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA)
        )
    if not crops:
        raise InputError(Problem(file=name, message="there are no frames in this clip"))
    return np.stack(crops)


def _find_square(frame: Frame, landmarker: Landmarker, name: str) -> Square:
    detections = landmarker.detect(frame)
    if not detections:
        raise InputError(Problem(file=name, message="no face was found in the first frame"))
    points = landmarker.fit_mesh(
        frame, max(detections, key=lambda detection: detection.size)
    ).points[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    side = float(max(high - low)) / FACE_SHARE
    left, top = (low + high) / 2 - side / 2
    return round(left), round(top), max(round(side), 1)


def _cut_square(frame: Frame, square: Square) -> Frame:
    """Cut a square out of a picture; what lies outside repeats its edge."""
    left, top, side = square
    height, width = frame.shape[:2]
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    return frame[rows[:, None], columns]
