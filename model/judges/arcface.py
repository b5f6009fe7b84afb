# SPDX-License-Identifier: Apache-2.0
"""Run ArcFace and HSEmotion, published as ONNX graphs, on faces that the mesh finds.

A graph is data, not code; onnxruntime runs it on one thread. Crops follow each network's own recipe
as closely as a prepared crop allows.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from manifests.errors import InputError, Problem
from model.judges import external
from model.previs.landmarks import Face

ARCFACE_SIDE, HSEMOTION_SIDE = 112, 224
ARCFACE_WIDTH = 512
# Where ArcFace expects eyes, nose and corners of the mouth, px of 112 (insightface's alignment).
ALIGNED = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
NOSE, CORNERS = 4, (61, 291)
HSEMOTION_LABELS = (
    "angry",
    "contempt",
    "disgusted",
    "fear",
    "happy",
    "neutral",
    "sad",
    "surprised",
)
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

Rgb = UInt8[np.ndarray, "height width 3"]


class OnnxGraph:
    """A loaded ONNX file."""

    def __init__(self, name: str) -> None:
        """Load the graph called `name` in `external.EXTERNAL_JUDGES`.

        Raises:
            InputError: Its file is missing or cannot be read.
        """
        import onnxruntime  # type: ignore[import-untyped]

        path = self._path = external.locate_weights(name)
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has no common class of its errors
            message, got = "not an ONNX graph that can be run", str(error).splitlines()[0]
            raise InputError(Problem(file=str(path), message=message, got=got)) from error
        self._input = self._session.get_inputs()[0].name

    def check_output(self, side: int, width: int) -> None:
        """Try the graph on an empty picture.

        Raises:
            InputError: It does not give `width` numbers for a picture of `side` px.
        """
        try:
            count = self.run(np.zeros((1, 3, side, side), np.float32)).shape[1]
        except Exception as error:  # as above
            first = str(error).partition("\n")[0]
            raise self._refuse(side, width, got=first) from error
        if count != width:
            raise self._refuse(side, width, got=str(count))

    def _refuse(self, side: int, width: int, *, got: str) -> InputError:
        message, expected = (
            "not the graph of this judge",
            f"{width} numbers for a picture of {side} px",
        )
        return InputError(
            Problem(file=str(self._path), message=message, expected=expected, got=got)
        )

    def run(
        self, pictures: Float32[np.ndarray, "batch 3 side side"]
    ) -> Float64[np.ndarray, "batch width"]:
        """Return the first output, flat."""
        output = self._session.run(None, {self._input: pictures})[0]
        return np.asarray(output, np.float64).reshape(len(pictures), -1)


def embed_face(graph: OnnxGraph, rgb: Rgb, face: Face) -> Float64[np.ndarray, " width"]:
    """Return the 512 ArcFace numbers of a face, of length 1.

    Their dot product is the similarity that papers report.
    """
    points = np.stack([*face.eyes, face.points[NOSE, :2], *face.points[list(CORNERS), :2]])
    crop = cv2.warpAffine(
        rgb, _fit_similarity(points, ALIGNED), (ARCFACE_SIDE, ARCFACE_SIDE), flags=cv2.INTER_LINEAR
    )
    pixels = ((crop.astype(np.float32) - 127.5) / 127.5).transpose(2, 0, 1)[None]
    numbers = graph.run(np.ascontiguousarray(pixels))[0]
    return np.asarray(numbers / np.linalg.norm(numbers))


def score_emotions(graph: OnnxGraph, rgb: Rgb, face: Face) -> Float64[np.ndarray, " 8"]:
    """Return HSEmotion's logits of `HSEMOTION_LABELS` for a face."""
    low, high = face.points[:, :2].min(axis=0), face.points[:, :2].max(axis=0)
    (left, top), (right, bottom) = (
        np.floor(np.maximum(low, 0)).astype(int),
        np.ceil(high).astype(int),
    )
    crop = cv2.resize(
        rgb[top:bottom, left:right],
        (HSEMOTION_SIDE, HSEMOTION_SIDE),
        interpolation=cv2.INTER_LINEAR,
    )
    pixels = ((crop / 255 - MEAN) / DEVIATION).astype(np.float32).transpose(2, 0, 1)[None]
    return np.asarray(graph.run(np.ascontiguousarray(pixels))[0])


def _fit_similarity(points: np.ndarray, goal: np.ndarray) -> Float64[np.ndarray, "2 3"]:
    """Fit the turn, scale and shift that bring points onto others (Umeyama 1991, no mirroring)."""
    source, target = points - points.mean(axis=0), goal - goal.mean(axis=0)
    cos, sin = (
        (source * target).sum(),
        (source[:, 0] * target[:, 1] - source[:, 1] * target[:, 0]).sum(),
    )
    linear = np.array([[cos, -sin], [sin, cos]]) / (source**2).sum()
    return np.asarray(np.column_stack([linear, goal.mean(axis=0) - linear @ points.mean(axis=0)]))
