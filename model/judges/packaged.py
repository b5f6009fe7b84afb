# SPDX-License-Identifier: Apache-2.0
"""Judge emotion by a network that others published: @vladmandic/face-api (npm).

It was trained on photographs of faces: 330 kB of separable convolutions on 112 px, seven classes
(contempt is not among them). The judge asks how much more of an emotion the network sees than in
the person's neutral portrait: the mean log-probability over frames less the portrait's; neutral
wins unless a class gains 0.5. The package is under MIT; it does not say on which pictures the
network was trained.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8
from torch import Tensor
from torch.nn import functional

from manifests.errors import InputError, Problem
from model import weights
from model.judges.points import FaceTrack
from model.previs.landmarks import Face

ORDER = ("neutral", "happy", "sad", "angry", "fear", "disgusted", "surprised")
BROWS = (70, 63, 105, 66, 107, 300, 293, 334, 296, 336)
MEAN = (122.782, 117.001, 104.298)
SIDE = 112
ROOM = 0.1  # of the box, on every side
# A probability below this is noise; without a floor, classes that are never seen win by differences
# of nothing.
FLOOR = 1e-3
GAIN = 0.5  # of log-probability by which an emotion must exceed the portrait's
FRAMES_PER_CLIP = 8

Rgb = UInt8[np.ndarray, "height width 3"]
Logs = Float64[np.ndarray, " 7"]


WEIGHTS = ("face-api-expression", "face-api-expression-layout")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackagedJudge:
    """The network's tensors by name."""

    tensors: dict[str, Tensor]

    @torch.inference_mode()
    def log_probabilities(self, rgb: Rgb, face: Face) -> Logs:
        """Return log-probabilities of `ORDER` for a face."""
        x = (
            torch.from_numpy(_crop_square(rgb, _find_box(face)).astype(np.float32))
            - torch.tensor(MEAN)
        ) / 255
        x = x.permute(2, 0, 1)[None]
        for name in ("dense0", "dense1", "dense2", "dense3"):
            x = self._run_dense_block(x, name)
        seen = functional.avg_pool2d(x, 7, 2).permute(0, 2, 3, 1).flatten(1)
        logits = seen @ self.tensors["fc/weights"] + self.tensors["fc/bias"]
        return np.asarray(
            np.log(np.maximum(functional.softmax(logits, dim=1)[0].double().numpy(), FLOOR))
        )

    def name_emotion(self, clip: FaceTrack, portrait: FaceTrack) -> str:
        """Name which of `ORDER` a clip shows, against the neutral portrait of its person."""
        places = ((np.arange(FRAMES_PER_CLIP) + 0.5) * len(clip.faces) / FRAMES_PER_CLIP).astype(
            int
        )
        seen = np.mean(
            [
                self.log_probabilities(clip.pictures[place], clip.faces[place])
                for place in dict.fromkeys(places)
            ],
            axis=0,
        )
        gain = (seen - self.log_probabilities(portrait.pictures[0], portrait.faces[0]))[1:]
        return ORDER[1 + int(gain.argmax())] if gain.max() > GAIN else ORDER[0]

    def _run_dense_block(self, x: Tensor, name: str) -> Tensor:
        """Run four convolutions, each on the sum of all before it."""
        seen = total = self._convolve(x, f"{name}/conv0", stride=2).relu()
        for number in (1, 2, 3):
            seen = total.relu() if number > 1 else seen
            total = total + self._convolve(seen, f"{name}/conv{number}")
        return total.relu()

    def _convolve(self, x: Tensor, name: str, *, stride: int = 1) -> Tensor:
        bias = self.tensors[f"{name}/bias"]
        x = functional.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        if f"{name}/filters" in self.tensors:
            return functional.conv2d(
                x, self.tensors[f"{name}/filters"].permute(3, 2, 0, 1), bias, stride=stride
            )
        depthwise = self.tensors[f"{name}/depthwise_filter"].permute(2, 3, 0, 1)
        x = functional.conv2d(x, depthwise, stride=stride, groups=x.shape[1])
        return functional.conv2d(
            x, self.tensors[f"{name}/pointwise_filter"].permute(3, 2, 0, 1), bias
        )


def load_packaged_judge() -> PackagedJudge:
    """Load the network.

    Raises:
        InputError: It was not fetched; the message names the command that does.
    """
    return PackagedJudge(tensors=_read_tensors(*map(weights.locate, WEIGHTS)))


def _read_tensors(file: Path, layout: Path) -> dict[str, Tensor]:
    """Read a flat file by its layout; eight-bit tensors are unpacked by their scale and minimum."""
    raw, at, tensors = file.read_bytes(), 0, {}
    entries: Sequence[Any] = [
        entry for part in json.loads(layout.read_text()) for entry in part["weights"]
    ]
    for entry in entries:
        packing = entry.get("quantization")
        kind = np.dtype(packing["dtype"] if packing else "float32")
        count = int(np.prod(entry["shape"]))
        if at + count * kind.itemsize > len(raw):
            message = "shorter than its layout says; delete it to fetch it again"
            raise InputError(Problem(file=str(file), message=message))
        values = np.frombuffer(raw, kind, count, at).astype(np.float32)
        at += count * kind.itemsize
        values = values * packing["scale"] + packing["min"] if packing else values
        tensors[str(entry["name"])] = torch.from_numpy(
            values.astype(np.float32).reshape(entry["shape"])
        )
    return tensors


def _find_box(face: Face) -> tuple[float, float, float, float]:
    """Return the smallest upright box around brows, jaw and chin, with some room.

    face-api calls this an aligned face.
    """
    points = face.points[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    low = np.array([low[0], points[list(BROWS), 1].min()])
    room = ROOM * (high - low)
    (left, top), (right, bottom) = low - room, high + room
    return float(left), float(top), float(right), float(bottom)


def _crop_square(
    rgb: Rgb, box: tuple[float, float, float, float]
) -> Float32[np.ndarray, "112 112 3"]:
    """Crop the box to 112 px, centred, black beside it."""
    left, top, right, bottom = box
    scale = SIDE / max(right - left, bottom - top)
    half = SIDE / 2
    matrix = np.array(
        [
            [scale, 0, half - scale * (left + right) / 2],
            [0, scale, half - scale * (top + bottom) / 2],
        ]
    )
    crop = cv2.warpAffine(rgb, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA)
    across, down = (round((SIDE - scale * length) / 2) for length in (right - left, bottom - top))
    black: Float32[np.ndarray, "112 112 3"] = np.zeros(crop.shape, np.float32)
    inside = (slice(down, SIDE - down), slice(across, SIDE - across))
    black[inside] = crop[inside]
    return black
