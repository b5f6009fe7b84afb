# SPDX-License-Identifier: Apache-2.0
"""Find faces in a picture and the 468 points of a face, with MediaPipe's networks run by OpenCV.

The detector (BlazeFace, 128x128) sees the whole picture. When it finds nothing, it sees overlapping
tiles of it, so that a small face in a wide frame is found as well. Method: Bazarevsky et al. 2019
(BlazeFace), Kartynnik et al. 2019 (face mesh).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from model.previs import anatomy

Rgb = UInt8[np.ndarray, "height width 3"]
DETECTOR_SIZE = 128
MESH_SIZE = 192
IRIS_SIZE = 64
THRESHOLD = 0.5
TILE_STEPS = (1.0, 0.6, 0.36, 0.21, 0.12)
SEEN = 0.16  # share of a tile's side from which a face is always found
SURE = 0.75  # score that hardly anything but a face reaches
LESSER = 3.0  # faces this much smaller than the largest stand in the background


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaceDetection:
    """A detected face.

    `box`: left, top, right, bottom in px. `roll`: of the eye line, in radians. `score`: in [0, 1].
    """

    box: tuple[float, float, float, float]
    roll: float
    score: float

    @property
    def size(self) -> float:
        """The longer side of the box in px."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


@dataclass(frozen=True, eq=False)
class Face:
    """468 points, and the mesh network's confidence that there is a face.

    Points are x, y in px, and z in px, negative toward the camera.
    """

    points: Float64[np.ndarray, "468 3"]
    confidence: float

    @cached_property
    def eyes(self) -> Float64[np.ndarray, "2 2"]:
        """Centres of the eyes (mean of the lid points), viewer's left first."""
        lids = zip(anatomy.LID_UPPER, anatomy.LID_LOWER, strict=True)
        return np.stack([self.points[[*upper, *lower], :2].mean(axis=0) for upper, lower in lids])

    @cached_property
    def unit(self) -> float:
        """Distance of the eye centres in px: the inter-ocular distance (IOD), unit of all else."""
        return float(np.hypot(*(self.eyes[1] - self.eyes[0])))

    @cached_property
    def axes(self) -> Float64[np.ndarray, "2 2"]:
        """Columns: the face's own right (along the eye line) and down, in picture coordinates."""
        right, down = (self.eyes[1] - self.eyes[0]) / self.unit
        return np.array([[right, -down], [down, right]])

    @cached_property
    def centre(self) -> Float64[np.ndarray, " 2"]:
        """Mean of the points."""
        return np.asarray(self.points[:, :2].mean(axis=0))

    @property
    def local(self) -> Float64[np.ndarray, "468 2"]:
        """The points in the face's axes, in IOD from the centre."""
        return self.to_local(self.points[:, :2])

    def to_local(self, points: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """Convert picture px to IOD in the face's axes."""
        return np.asarray((points - self.centre) @ self.axes / self.unit)

    def to_picture(self, points: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """Convert IOD in the face's axes to picture px."""
        return np.asarray(points @ self.axes.T * self.unit + self.centre)

    @property
    def yaw_degrees(self) -> float:
        """Turn of the head by the depth of the face's sides; positive toward the viewer's right."""
        left, right = (self.points[i] for i in anatomy.SIDES)
        across = (right[:2] - left[:2]) @ self.axes[:, 0]
        return math.degrees(math.atan2(right[2] - left[2], across))

    @cached_property
    def left_share(self) -> float:
        """Share of the face's width on the viewer's left of its middle, by eyes and mouth.

        0.5 from the front; limited to 0.3 to 0.7.
        """
        middle = self.local[list(anatomy.MIDLINE), 0]
        left, right = (np.abs(self.local[list(points), 0] - middle) for points in anatomy.BESIDE)
        return float(np.clip((left / (left + right)).mean(), 0.3, 0.7))

    def transform(self, scale: float, offset: tuple[float, float] = (0.0, 0.0)) -> Face:
        """Return the face in a picture that was resized by `scale` and then cropped at `offset`."""
        points = self.points * scale
        points[:, :2] -= offset
        return Face(points, self.confidence)


class Landmarker:
    """The detector and the mesh network. Do not use it from several threads at once."""

    def __init__(self, detector: Path, mesh: Path) -> None:
        """Read the .tflite files `mediapipe-face-detector` and `mediapipe-face-mesh`."""
        self._detector = cv2.dnn.readNetFromTFLite(str(detector))
        self._mesh = cv2.dnn.readNetFromTFLite(str(mesh))
        self._anchors = _build_anchors()

    def detect(self, rgb: Rgb) -> list[FaceDetection]:
        """Detect faces, from left to right; tiles only when the whole picture shows none."""
        for share in TILE_STEPS:
            detections = [
                detection
                for x, y, side in _place_tiles(rgb.shape, share)
                for detection in self._detect_tile(rgb, x, y, side)
            ]
            kept = _drop_overlaps(detections)
            if kept:
                return sorted(kept, key=lambda detection: detection.box[0])
        return []

    def survey(self, rgb: Rgb, least: float) -> list[FaceDetection]:
        """Detect all faces of at least `least` px that are not far smaller than the largest.

        They come from left to right. `detect` stops at the tiles in which it finds any, and there
        may be smaller ones; this looks on, and is slower.
        """
        kept: list[FaceDetection] = []
        for share in TILE_STEPS:
            detections = [
                detection
                for x, y, side in _place_tiles(rgb.shape, share)
                for detection in self._detect_tile(rgb, x, y, side)
            ]
            sure = [detection for detection in kept if detection.score >= SURE]
            kept = _drop_overlaps(
                [*kept, *(detection for detection in detections if _is_apart(detection, sure))]
            )
            largest = max(
                (detection.size for detection in kept if detection.score >= SURE), default=0.0
            )
            if largest and SEEN * share * max(rgb.shape[:2]) <= max(least, largest / LESSER):
                break
        return sorted(kept, key=lambda detection: detection.box[0])

    def fit_mesh(self, rgb: Rgb, detection: FaceDetection, rounds: int = 3) -> Face:
        """Fit the mesh to a detected face.

        The crop is refined from the points themselves `rounds` times.
        """
        # averaging first keeps the crop from aliasing
        scale = min(1.0, 2 * MESH_SIZE / (detection.size * 1.5))
        small = (
            cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            if scale < 1
            else rgb
        )
        left, top, right, bottom = (edge * scale for edge in detection.box)
        roi = (
            np.array([(left + right) / 2, (top + bottom) / 2]),
            detection.size * scale * 1.5,
            detection.roll,
        )
        face = self._run_mesh(small, roi)
        for _ in range(rounds - 1):
            face = self.follow(small, face)
        return face.transform(1 / scale)

    def follow(self, rgb: Rgb, face: Face, rest: Face | None = None) -> Face:
        """Fit the mesh where the face stands close to its last place: a single pass, for tracking.

        With `rest` (the same face, from any frame) the network looks through the crop of that face,
        carried along by points that neither speech nor lids move. Without it, the crop follows the
        chin, and the network answers a moved crop with a moved face.
        """
        return self._run_mesh(
            rgb, _find_region(face) if rest is None else _carry_region(rest, face)
        )

    def _run_mesh(self, rgb: Rgb, roi: tuple[np.ndarray, float, float]) -> Face:
        crop, affine = _crop_region(rgb, roi, MESH_SIZE)
        self._mesh.setInput(crop.astype(np.float32).transpose(2, 0, 1)[None] / 255.0)
        outputs = self._mesh.forward(self._mesh.getUnconnectedOutLayersNames())
        raw, score = sorted(outputs, key=lambda output: -output.size)
        points = raw.reshape(468, 3).astype(np.float64)
        placed = points[:, :2] @ affine[:, :2].T + affine[:, 2]
        depth = points[:, 2:] * roi[1] / MESH_SIZE
        return Face(np.hstack([placed, depth]), _sigmoid(float(score.ravel()[0])))

    def _detect_tile(self, rgb: Rgb, x: int, y: int, side: int) -> list[FaceDetection]:
        tile = rgb[max(y, 0) : y + side, max(x, 0) : x + side]
        square = np.zeros((side, side, 3), np.uint8)
        square[max(-y, 0) : max(-y, 0) + tile.shape[0], max(-x, 0) : max(-x, 0) + tile.shape[1]] = (
            tile
        )
        small = cv2.resize(square, (DETECTOR_SIZE, DETECTOR_SIZE), interpolation=cv2.INTER_AREA)
        self._detector.setInput((small.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None])
        outputs = self._detector.forward(self._detector.getUnconnectedOutLayersNames())
        scores, boxes = sorted(outputs, key=lambda output: output.size)
        return _decode_detections(
            scores.ravel(), boxes.reshape(-1, 16), self._anchors, (x, y, side)
        )


class Irises:
    """The iris network: it finds the circles of the two irises of a face."""

    def __init__(self, weights: Path) -> None:
        """Read the .tflite file `mediapipe-iris` of the catalogue."""
        self._network = cv2.dnn.readNetFromTFLite(str(weights))

    def find_irises(self, rgb: Rgb, face: Face) -> Float64[np.ndarray, "2 3"]:
        """Find centre (x, y) and radius in px, the viewer's left eye first."""
        return np.stack(
            [self._find_iris(rgb, face, corners) for corners in ((33, 133), (362, 263))]
        )

    def _find_iris(
        self, rgb: Rgb, face: Face, corners: tuple[int, int]
    ) -> Float64[np.ndarray, " 3"]:
        ends = face.points[list(corners), :2]
        size = float(np.hypot(*(ends[1] - ends[0]))) * 2.3
        roll = math.atan2(face.axes[1, 0], face.axes[0, 0])
        crop, matrix = _crop_region(rgb, (ends.mean(axis=0), size, roll), IRIS_SIZE)
        mirrored = corners[0] == 362  # the network knows one side only
        seen = np.ascontiguousarray(crop[:, ::-1]) if mirrored else crop
        self._network.setInput(seen.astype(np.float32).transpose(2, 0, 1)[None] / 255.0)
        outputs = self._network.forward(self._network.getUnconnectedOutLayersNames())
        points = (
            min(outputs, key=lambda output: output.size).reshape(5, 3)[:, :2].astype(np.float64)
        )
        if mirrored:
            points[:, 0] = IRIS_SIZE - 1 - points[:, 0]
        placed = points @ matrix[:, :2].T + matrix[:, 2]
        radius = np.hypot(*(placed[1:] - placed[0]).T).mean()
        return np.array([*placed[0], radius])


def _build_anchors() -> np.ndarray:
    """Build the centres of the detector's 896 anchors in [0, 1].

    A 16x16 grid has two at each place, an 8x8 grid six.
    """
    grids = []
    for cells, repeat in ((16, 2), (8, 6)):
        places = (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)
        grids.append(np.repeat(grid, repeat, axis=0))
    return np.concatenate(grids)


def _place_tiles(shape: tuple[int, ...], share: float) -> Iterator[tuple[int, int, int]]:
    """Yield squares (left, top, side) that overlap by half a side.

    Share 1 is the whole picture, padded to a square.
    """
    height, width = shape[:2]
    side = round(max(height, width) * share)
    if share == 1.0:
        yield (width - side) // 2, (height - side) // 2, side
        return
    for top in _place_starts(height, side):
        for left in _place_starts(width, side):
            yield left, top, side


def _place_starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [(length - side) // 2]
    count = math.ceil((length - side) / (side / 2)) + 1
    return [round(place) for place in np.linspace(0, length - side, count)]


def _decode_detections(
    scores: np.ndarray, boxes: np.ndarray, anchors: np.ndarray, tile: tuple[int, int, int]
) -> list[FaceDetection]:
    x, y, side = tile
    chances = 1 / (1 + np.exp(-np.clip(scores, -60, 60)))
    detections = []
    for index in np.flatnonzero(chances > THRESHOLD):
        values = boxes[index] / DETECTOR_SIZE
        centre, half = values[:2] + anchors[index], values[2:4] / 2
        low, high = (centre - half) * side + (x, y), (centre + half) * side + (x, y)
        eyes = values[4:8].reshape(2, 2)
        roll = math.atan2(eyes[1, 1] - eyes[0, 1], eyes[1, 0] - eyes[0, 0])
        detections.append(FaceDetection(box=(*low, *high), roll=roll, score=float(chances[index])))
    return detections


def _drop_overlaps(detections: list[FaceDetection]) -> list[FaceDetection]:
    kept: list[FaceDetection] = []
    for detection in sorted(detections, key=lambda detection: -detection.score):
        if _is_apart(detection, kept):
            kept.append(detection)
    return kept


def _is_apart(detection: FaceDetection, others: list[FaceDetection]) -> bool:
    return all(_measure_overlap(detection.box, other.box) < 0.3 for other in others)


def _measure_overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / smaller


def _find_region(face: Face) -> tuple[np.ndarray, float, float]:
    points = face.points[:, :2]
    right, down = points[263] - points[33]
    roll = math.atan2(down, right)
    turn = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    upright = points @ turn.T
    low, high = upright.min(axis=0), upright.max(axis=0)
    return turn.T @ ((low + high) / 2), float(max(high - low)) * 1.5, roll


def _carry_region(rest: Face, face: Face) -> tuple[np.ndarray, float, float]:
    """Move, turn and scale the region of `rest` as its steady points moved (least squares)."""
    held = list(anatomy.STEADY)
    before, after = (posed.points[held, :2] @ (1, 1j) for posed in (rest, face))
    start, end = before.mean(), after.mean()
    turn = np.vdot(before - start, after - end) / np.vdot(before - start, before - start).real
    centre, size, roll = _find_region(rest)
    placed = end + turn * (centre @ (1, 1j) - start)
    return np.array([placed.real, placed.imag]), size * abs(turn), roll + float(np.angle(turn))


def _crop_region(
    rgb: Rgb, roi: tuple[np.ndarray, float, float], side: int
) -> tuple[Rgb, np.ndarray]:
    """Crop the turned square that a network sees; return its matrix from crop px to picture px."""
    centre, size, roll = roi
    scale = size / side
    c, s = math.cos(roll) * scale, math.sin(roll) * scale
    matrix = np.array([[c, -s, 0.0], [s, c, 0.0]])
    matrix[:, 2] = centre - matrix[:, :2] @ (side / 2, side / 2)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop: Any = cv2.warpAffine(
        rgb, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return crop, matrix


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(min(value, 60.0), -60.0)))
