# SPDX-License-Identifier: Apache-2.0
"""Recognise whose face it is: 128 numbers that lie close together for one person.

The network is dlib's (King 2017, after He et al. 2016), in plain numpy: it is small, and a check of
a finished film needs some dozens of faces, not a framework. The crop is that of the package that
the weights come from. Nothing is stored: an embedding lives as long as the check that uses it.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from manifests.errors import InputError
from model.previs.landmarks import Face, FaceDetection, Landmarker
from model.previs.portrait import find_face
from model.talker import Portrait

SIDE = 150
MEAN = np.array([122.782, 117.001, 104.298], np.float32)
BLOCKS = (
    *("32_1", "32_2", "32_3", "64_down", "64_1", "64_2", "64_3"),
    *("128_down", "128_1", "128_2", "256_down", "256_1", "256_2", "256_down_out"),
)

Rgb = UInt8[np.ndarray, "height width 3"]
Map = Float32[np.ndarray, "height width channels"]
Embedding = Float32[np.ndarray, " 128"]


class FaceRecogniser:
    """The face finder and the recognition network, loaded."""

    def __init__(self, landmarker: Landmarker, weights: Path, layout: Path) -> None:
        """Load `weights` and `layout`: catalogue names `dlib-face` and `dlib-face-layout`."""
        self.landmarker = landmarker
        self._tensors = _read_tensors(weights, layout)

    def find_face_near(self, rgb: Rgb, place: tuple[float, float]) -> Face | None:
        """Find the face whose middle is nearest to a place (fractions of the picture), if any."""
        height, width = rgb.shape[:2]
        target = np.array([place[0] * width, place[1] * height])
        detections = self.landmarker.detect(rgb)
        if not detections:
            return None

        def measure_offset(detection: FaceDetection) -> float:
            middle = np.array(detection.box).reshape(2, 2).mean(axis=0)
            return float(np.hypot(*(middle - target)))

        nearest = min(detections, key=measure_offset)
        face = self.landmarker.fit_mesh(rgb, nearest)
        return face if face.confidence > 0.5 else None

    def embed_portrait(self, portrait: Portrait) -> Embedding | None:
        """Embed the face that the cast sheet chooses in a portrait.

        When previs cannot act with the portrait, the face nearest to its middle is used.
        """
        try:
            face: Face | None = find_face(portrait, self.landmarker)
        except InputError:
            face = self.find_face_near(portrait.pixels, (0.5, 0.5))
        return None if face is None else self.embed(portrait.pixels, face)

    def embed(self, rgb: Rgb, face: Face) -> Embedding:
        """Return the 128 numbers of a face."""
        mouth = face.points[[61, 291, 0, 17], :2].mean(axis=0)
        centres = np.stack([*face.eyes, mouth])
        size = float(np.linalg.norm(centres[:2] - mouth, axis=1).mean()) / 0.45
        scale = min(1.0, 1.2 * SIDE / size)  # averaging first keeps the crop from aliasing
        if scale < 1:
            rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            size *= scale
        left, top = centres.mean(axis=0) * scale - (0.5 * size, 0.43 * size)
        matrix = np.array([[size / SIDE, 0, left], [0, size / SIDE, top]])
        crop = cv2.warpAffine(
            np.ascontiguousarray(rgb),
            matrix,
            (SIDE, SIDE),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        return self._run_network((crop.astype(np.float32) - MEAN) / 255)

    def _run_network(self, x: Map) -> Embedding:
        x = _pool_windows(np.maximum(self._convolve(x, "conv32_down", stride=2), 0), 3, np.max)
        for name in BLOCKS:
            x = self._run_block(x, f"conv{name}")
        numbers: Embedding = x.mean(axis=(0, 1)) @ self._tensors["fc"]
        return numbers

    def _run_block(self, x: Map, name: str) -> Map:
        """Run a residual block.

        Blocks that halve the picture also double its channels, padded with zeros.
        """
        down = "_down" in name
        y = np.maximum(self._convolve(x, f"{name}/conv1", stride=2 if down else 1), 0)
        y = self._convolve(y, f"{name}/conv2")
        if down:
            x = _pool_windows(x, 2, np.mean)
            y = np.pad(y, ((0, x.shape[0] - y.shape[0]), (0, x.shape[1] - y.shape[1]), (0, 0)))
            x = np.pad(x, ((0, 0), (0, 0), (0, y.shape[2] - x.shape[2])))
        added: Map = np.maximum(x + y, 0)
        return added

    def _convolve(self, x: Map, name: str, *, stride: int = 1) -> Map:
        kernel = self._tensors[f"{name}/conv/filters"]  # rows, columns, channels in, channels out
        side = kernel.shape[0]
        padding = side // 2 if stride == 1 else 0
        x = np.pad(x, ((padding, padding), (padding, padding), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(0, 1))
        windows = windows[::stride, ::stride]
        rows = windows.transpose(0, 1, 3, 4, 2).reshape(-1, side * side * x.shape[2])
        y = (rows @ kernel.reshape(-1, kernel.shape[3])).reshape(*windows.shape[:2], -1)
        y = (y + self._tensors[f"{name}/conv/bias"]) * self._tensors[f"{name}/scale/weights"]
        convolved: Map = y + self._tensors[f"{name}/scale/biases"]
        return convolved


def measure_distance(face: Embedding, other: Embedding) -> float:
    """Return the L2 distance of two faces; below 0.6, dlib's author counts them as one person."""
    return float(np.linalg.norm(face - other))


def _pool_windows(x: Map, side: int, combine: object) -> Map:
    """Combine windows of side x side at every second place."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(0, 1))[::2, ::2]
    pooled: Map = combine(windows, axis=(3, 4))  # type: ignore[operator]
    return pooled


def _read_tensors(weights: Path, layout: Path) -> dict[str, Float32[np.ndarray, "*shape"]]:
    """Read the package's flat file by its layout.

    Eight-bit tensors are unpacked by their scale and minimum.
    """
    raw, place, tensors = weights.read_bytes(), 0, {}
    for entry in json.loads(layout.read_text())[0]["weights"]:
        packing = entry.get("quantization")
        kind = np.dtype(packing["dtype"] if packing else "float32")
        count = int(np.prod(entry["shape"]))
        values = np.frombuffer(raw, kind, count, place).astype(np.float32)
        place += count * kind.itemsize
        values = (
            values * np.float32(packing["scale"]) + np.float32(packing["min"])
            if packing
            else values
        )
        tensors[str(entry["name"])] = values.reshape(entry["shape"])
    return tensors
