# SPDX-License-Identifier: Apache-2.0
"""Track a face's points through a prepared crop, and measure how far its lips are apart.

A corpus keeps points that were found in full pictures; a generated clip has 64 px and no more. The
mesh is run on the crops of both, so that real and generated clips are measured alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from model.previs.landmarks import Face, FaceDetection, Landmarker

WIDE = 256  # px to which a crop is enlarged; the mesh sees 192
FACE_SHARE = 1 / 1.6  # of a prepared crop
SURE = 0.5  # confidence of the mesh from which there is a face

Faces = UInt8[np.ndarray, "frames height width 3"]
Series = Float64[np.ndarray, " frames"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaceTrack:
    """A face in every frame of a clip, in px of `pictures`: the crops enlarged to `WIDE`."""

    pictures: UInt8[np.ndarray, "frames wide wide 3"]
    faces: tuple[Face, ...]

    @property
    def found_share(self) -> float:
        """Share of the frames in which the mesh is sure of a face."""
        return float(np.mean([face.confidence > SURE for face in self.faces]))

    @property
    def points(self) -> Float64[np.ndarray, "frames 468 2"]:
        """The points in units of the crop, 0 to 1."""
        return np.asarray(
            np.stack([face.points[:, :2] for face in self.faces]) / self.pictures.shape[1]
        )

    @property
    def gap(self) -> Series:
        """Distance of the inner lips in inter-ocular distances, frame by frame."""
        lips = [
            (face.points[14, :2] - face.points[13, :2]) @ face.axes[:, 1] / face.unit
            for face in self.faces
        ]
        return np.array(lips)


def track_face(landmarker: Landmarker, faces: Faces) -> FaceTrack:
    """Track the face through a clip of prepared crops.

    Where it is lost, the search starts again in the middle.
    """
    pictures = np.stack([enlarge_crop(face) for face in faces])
    tracked: list[Face] = []
    for picture in pictures:
        lost = not tracked or tracked[-1].confidence <= SURE
        tracked.append(
            landmarker.fit_mesh(picture, _detect_in_middle())
            if lost
            else landmarker.follow(picture, tracked[-1])
        )
    return FaceTrack(pictures=pictures, faces=tuple(tracked))


def enlarge_crop(face: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "wide wide 3"]:
    """Enlarge a crop to the size that networks for whole pictures expect."""
    shrinks = face.shape[0] > WIDE
    enlarged: UInt8[np.ndarray, "wide wide 3"] = cv2.resize(
        face, (WIDE, WIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    )
    return enlarged


def _detect_in_middle() -> FaceDetection:
    """Return a detection where the face stands in a prepared crop."""
    low, high = WIDE * (1 - FACE_SHARE) / 2, WIDE * (1 + FACE_SHARE) / 2
    return FaceDetection(box=(low, low, high, high), roll=0.0, score=1.0)
