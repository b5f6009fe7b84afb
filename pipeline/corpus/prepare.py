# SPDX-License-Identifier: Apache-2.0
"""Prepare clips: pictures and sound to face crops, landmarks, speech states and prosody.

One square crop serves a whole clip: 1.6 times the face in its first frame, so that head motion
stays. Nothing is guessed: a clip that does not fit is refused with its reason (`UnfitError`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float16, Float32, Int16, UInt8

from model import weights
from model.affect import face_crop, prosody
from model.affect.prepared_corpus import (
    FACE_PX,
    HEARD_PER_FRAME,
    HEARD_WIDTH,
    RATE,
    SAMPLES_PER_FRAME,
    PreparedClip,
    PreparedPortrait,
)
from pipeline.speech import transcribe

Frame = UInt8[np.ndarray, "height width 3"]
LEAST_FRAMES, MOST_FRAMES = 12, 250
LEAST_FACE = 40.0  # px
LEAST_CONFIDENCE = 0.5
MOST_LOST = 0.1  # share of frames in which the face may be lost
MOST_YAW = 45.0
RIVAL = 0.5  # another face of this share of the largest makes a clip unfit
QUIET = 1e-3  # RMS below which a clip has no speech
MOST_APART = 0.4  # seconds by which sound and picture may differ in length


class UnfitError(ValueError):
    """A clip that cannot be used; the text gives the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropVariation:
    """How a crop differs from the exact one.

    `scale`: factor on its side. `shift` (right, down): in sides. `quality`: JPEG quality, 0 for
    none.
    """

    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    quality: int = 0


EXACT_CROP = CropVariation()


class Preparer:
    """Holds the networks; keep one for each process."""

    def __init__(self, *, every: int = 1) -> None:
        """Load the landmark networks; the encoder follows with the first sound.

        Landmarks are found in every `every`-th frame and interpolated between. Raises InputError
        when weights are missing.
        """
        import cv2

        from model.previs.landmarks import Landmarker

        cv2.setNumThreads(1)
        self._cv2: Any = cv2
        self._every = every
        self._landmarker = Landmarker(
            weights.locate("mediapipe-face-detector"), weights.locate("mediapipe-face-mesh")
        )

    def prepare_clip(
        self,
        frames: Iterable[Frame],
        sound: Float32[np.ndarray, " samples"],
        *,
        framing: CropVariation = EXACT_CROP,
    ) -> PreparedClip:
        """Prepare a clip of 25 frames a second and mono 16 kHz sound. Raises UnfitError."""
        faces, points = self.prepare_pictures(frames, framing=framing)
        speech, states, measured = self.prepare_sound(sound, len(faces))
        return PreparedClip(
            faces=faces, points=points, speech=speech, heard=states, prosody=measured
        )

    def prepare_pictures(
        self, frames: Iterable[Frame], *, framing: CropVariation = EXACT_CROP
    ) -> tuple[UInt8[np.ndarray, "frames 64 64 3"], Float16[np.ndarray, "frames 468 2"]]:
        """Prepare faces and landmarks of a silent clip. Raises UnfitError."""
        faces, points = self._follow_face(iter(frames), framing)
        return faces, points.astype(np.float16)

    def prepare_sound(
        self, sound: Float32[np.ndarray, " samples"], frames: int
    ) -> tuple[
        Int16[np.ndarray, " samples"],
        Float16[np.ndarray, "states 384"],
        Float32[np.ndarray, "frames 6"],
    ]:
        """Prepare mono 16 kHz sound: speech of exactly `frames`, encoder states and prosody.

        Raises UnfitError.
        """
        fitted = _fit_sound(sound, frames)
        speech = np.rint(np.clip(fitted, -1, 1) * 32767).astype(np.int16)
        return (
            speech,
            self._encode_speech(fitted, frames),
            prosody.measure_frames(fitted.astype(np.float64)),
        )

    def prepare_portrait(self, picture: Frame) -> PreparedPortrait:
        """Prepare a still. Raises UnfitError."""
        face = self._find_largest_face(picture)
        area = face_crop.find_square(face.points[:, :2])
        return PreparedPortrait(
            face=self._shrink(face_crop.cut_square(picture, area)),
            points=face_crop.normalize_points(face.points[:, :2], area).astype(np.float16),
        )

    def _follow_face(
        self, frames: Iterator[Frame], framing: CropVariation
    ) -> tuple[np.ndarray, np.ndarray]:
        first = next(frames, None)
        if first is None:
            raise UnfitError("no frames")
        face = self._find_largest_face(first)
        area = face_crop.find_square(face.points[:, :2], scale=framing.scale, shift=framing.shift)
        whole: face_crop.Square = (0, 0, area[2])
        face = face.transform(1.0, area[:2])
        faces, points, lost = [], [], 0
        for index, frame in enumerate(itertools.islice(_chain(first, frames), MOST_FRAMES)):
            seen = self._compress(face_crop.cut_square(frame, area), framing.quality)
            faces.append(self._shrink(seen))
            if index % self._every == 0:
                face = self._landmarker.follow(seen, face)
                lost += face.confidence < LEAST_CONFIDENCE
                points.append(face_crop.normalize_points(face.points[:, :2], whole))
        if len(faces) < LEAST_FRAMES:
            raise UnfitError(f"only {len(faces)} frames; at least {LEAST_FRAMES} are needed")
        if lost > MOST_LOST * len(points):
            raise UnfitError(f"the face is lost in {lost} of {len(points)} frames")
        return np.stack(faces), _interpolate_points(np.stack(points), self._every, len(faces))

    def _find_largest_face(self, picture: Frame) -> Any:
        found = sorted(self._landmarker.detect(picture), key=lambda face: -face.size)
        if not found:
            raise UnfitError("no face in the first frame")
        if len(found) > 1 and found[1].size > RIVAL * found[0].size:
            raise UnfitError(f"{len(found)} faces in the first frame")
        if found[0].size < LEAST_FACE:
            pixels = f"{found[0].size:.0f} px; at least {LEAST_FACE:.0f} are needed"
            raise UnfitError(f"the longer side of the face is {pixels}")
        face = self._landmarker.fit_mesh(picture, found[0])
        if face.confidence < LEAST_CONFIDENCE:
            raise UnfitError("no face in the first frame")
        if abs(face.yaw_degrees) > MOST_YAW:
            raise UnfitError(f"the face is turned by {face.yaw_degrees:+.0f} degrees")
        return face

    def _compress(self, picture: Frame, quality: int) -> Frame:
        if not quality:
            return picture
        _, packed = self._cv2.imencode(".jpg", picture, [self._cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(self._cv2.imdecode(packed, self._cv2.IMREAD_COLOR))

    def _shrink(self, picture: Frame) -> Frame:
        return np.asarray(
            self._cv2.resize(picture, (FACE_PX, FACE_PX), interpolation=self._cv2.INTER_AREA)
        )

    def _encode_speech(self, sound: np.ndarray, frames: int) -> Float16[np.ndarray, "states 384"]:
        states = transcribe.encode_sound(sound, settings=transcribe.TranscriptionSettings())[
            : frames * HEARD_PER_FRAME
        ]
        padded = np.zeros((frames * HEARD_PER_FRAME, HEARD_WIDTH), np.float16)
        padded[: len(states)] = states
        return padded


def _fit_sound(sound: np.ndarray, frames: int) -> Float32[np.ndarray, " samples"]:
    """Fit the sound to the frames.

    Raises UnfitError when much of it is missing, or when it holds no speech.
    """
    wanted = frames * SAMPLES_PER_FRAME
    missing = (wanted - len(sound)) / (SAMPLES_PER_FRAME * RATE)
    if missing > MOST_APART:
        raise UnfitError(f"the sound is {missing:.1f} s shorter than the picture")
    fitted = np.pad(np.asarray(sound[:wanted], np.float32), (0, max(0, wanted - len(sound))))
    if float(np.sqrt(np.mean(fitted**2))) < QUIET:
        raise UnfitError("no speech")
    return fitted


def _interpolate_points(points: np.ndarray, every: int, frames: int) -> np.ndarray:
    """Interpolate the points of every frame from those of every `every`-th."""
    place = np.minimum(np.arange(frames) / every, len(points) - 1)
    below = place.astype(int)
    above = np.minimum(below + 1, len(points) - 1)
    share = (place - below)[:, None, None]
    return np.asarray(points[below] * (1 - share) + points[above] * share)


def _chain(first: Frame, rest: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest
