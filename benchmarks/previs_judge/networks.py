# SPDX-License-Identifier: Apache-2.0
"""Judging networks: two name emotions, one recognises faces, one finds 68 landmarks.

They had no part in making the talker. Crops follow each network's own package. All take RGB frames
and the face as the talker's mesh finds it, from which only the crop is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import cv2
import numpy as np
import torch
from torch.nn import functional

from benchmarks.previs_judge.weights import fetch_weights, load_tensors
from model.previs.landmarks import Face

Tensors = dict[str, torch.Tensor]
LABELS = ("angry", "disgusted", "fear", "happy", "sad", "surprised", "neutral")
# A probability below this is noise; without a floor classes that are never seen win by differences
# of nothing.
FLOOR = 1e-3
FACE_API_MEAN = (122.782, 117.001, 104.298)
FACE_API_ORDER = ("neutral", "happy", "sad", "angry", "fear", "disgusted", "surprised")


def fer_scores(frame: np.ndarray, face: Face) -> np.ndarray:
    """Compute log-probabilities of `LABELS` by fer on a grey square around the face.

    fer is a mini-Xception trained on FER2013.
    """
    low, high = face.points[:, :2].min(axis=0), face.points[:, :2].max(axis=0)
    half, centre = max(high - low) / 2 + 10, (low + high) / 2
    size = (round(2 * half), round(2 * half))
    crop = cv2.getRectSubPix(
        np.ascontiguousarray(frame), size, (float(centre[0]), float(centre[1]))
    )
    grey = cv2.resize(
        cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (64, 64), interpolation=cv2.INTER_AREA
    )
    judge = _fer()
    place = judge.get_input_details()[0]["index"]
    judge.set_tensor(place, ((grey / 255 - 0.5) * 2).astype(np.float32)[None, ..., None])
    judge.invoke()
    return _logs(judge.get_tensor(judge.get_output_details()[0]["index"])[0])


@cache
def _fer() -> Any:
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found]

    judge = Interpreter(str(fetch_weights("fer")), num_threads=1)
    judge.allocate_tensors()
    return judge


def face_api_scores(frame: np.ndarray, face: Face) -> np.ndarray:
    """Compute log-probabilities of `LABELS` by face-api's expression network on its face box."""
    left, top, right, bottom = _box(face)
    network = load_tensors("expression")
    with torch.inference_mode():
        features = _features(_fit_box(frame, (left, top, right, bottom)), network)
        answer = functional.softmax(features @ network["fc/weights"] + network["fc/bias"], dim=1)[
            0
        ].numpy()
    return _logs(answer[[FACE_API_ORDER.index(label) for label in LABELS]])


def _logs(probabilities: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.maximum(probabilities, FLOOR)))


JUDGES: dict[str, Callable[[np.ndarray, Face], np.ndarray]] = {
    "fer": fer_scores,
    "face-api": face_api_scores,
}


def landmarks(frame: np.ndarray, face: Face) -> np.ndarray:
    """Find 68 landmarks (px) by face-api's landmark network.

    48 and 54 are the corners of the mouth, the viewer's left first.
    """
    left, top, right, bottom = _box(face, room=0.15)
    network = load_tensors("landmarks")
    with torch.inference_mode():
        features = _features(_fit_box(frame, (left, top, right, bottom)), network)
        answer = (features @ network["fc/weights"] + network["fc/bias"]).reshape(68, 2).numpy()
    side = max(right - left, bottom - top)
    centre = np.array([(left + right) / 2, (top + bottom) / 2])
    return np.asarray(centre + (answer - 0.5) * side)


def _box(face: Face, room: float = 0.1) -> tuple[float, float, float, float]:
    """Compute the smallest upright box around brows, jaw and chin, enlarged by a share of its size.

    face-api calls it an aligned face.
    """
    low, high = face.points[:, :2].min(axis=0), face.points[:, :2].max(axis=0)
    brows = face.points[[70, 63, 105, 66, 107, 300, 293, 334, 296, 336], 1].min()
    low = np.array([low[0], brows])
    size = high - low
    left, top = low - room * size
    right, bottom = high + room * size
    return float(left), float(top), float(right), float(bottom)


def _fit_box(frame: np.ndarray, box: tuple[float, float, float, float]) -> torch.Tensor:
    """Fit the box to 112 x 112 px, centred, black around it, as face-api's networks want it."""
    left, top, right, bottom = box
    scale = 112 / max(right - left, bottom - top)
    matrix = np.array(
        [[scale, 0, 56 - scale * (left + right) / 2], [0, scale, 56 - scale * (top + bottom) / 2]]
    )
    crop = cv2.warpAffine(frame, matrix, (112, 112), flags=cv2.INTER_AREA)
    across, down = (round((112 - scale * length) / 2) for length in (right - left, bottom - top))
    black = np.zeros_like(crop)
    inside = (slice(down, 112 - down), slice(across, 112 - across))
    black[inside] = crop[inside]
    mean = torch.tensor(FACE_API_MEAN).view(1, 3, 1, 1)
    return (torch.from_numpy(black.astype(np.float32).transpose(2, 0, 1))[None] - mean) / 255


def _features(x: torch.Tensor, network: Tensors) -> torch.Tensor:
    for name in ("dense0", "dense1", "dense2", "dense3"):
        x = _dense(x, network, name)
    return functional.avg_pool2d(x, 7, 2).permute(0, 2, 3, 1).flatten(1)


def _dense(x: torch.Tensor, network: Tensors, name: str) -> torch.Tensor:
    """Run four convolutions, each of the sum of all before it (face-api's dense block)."""
    total = _separable(x, network, f"{name}/conv0", stride=2)
    seen = total.relu()
    total = seen
    for number in (1, 2, 3):
        total = total + _separable(total.relu(), network, f"{name}/conv{number}")
    return total.relu()


def _separable(x: torch.Tensor, network: Tensors, name: str, stride: int = 1) -> torch.Tensor:
    bias = network[f"{name}/bias"]
    x = functional.pad(x, (0, 1, 0, 1)) if stride == 2 else functional.pad(x, (1, 1, 1, 1))
    if f"{name}/filters" in network:
        return functional.conv2d(
            x, network[f"{name}/filters"].permute(3, 2, 0, 1), bias, stride=stride
        )
    depthwise = network[f"{name}/depthwise_filter"].permute(2, 3, 0, 1)
    x = functional.conv2d(x, depthwise, stride=stride, groups=x.shape[1])
    return functional.conv2d(x, network[f"{name}/pointwise_filter"].permute(3, 2, 0, 1), bias)


def embedding(frame: np.ndarray, face: Face) -> np.ndarray:
    """Compute 128 numbers of dlib's face recognition network on face-api's crop.

    He et al. (2015), ResNet; King (2017).
    """
    mouth = face.points[[61, 291, 0, 17], :2].mean(axis=0)
    centres = np.stack([*face.eyes, mouth])
    size = np.linalg.norm(centres[:2] - mouth, axis=1).mean() / 0.45
    left, top = centres.mean(axis=0) - (0.5 * size, 0.43 * size)
    matrix = np.array([[size / 150, 0, left], [0, size / 150, top]])
    crop = cv2.warpAffine(frame, matrix, (150, 150), flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP)
    return _identity(torch.from_numpy(crop.astype(np.float32).transpose(2, 0, 1))[None])


@torch.inference_mode()
def _identity(rgb: torch.Tensor) -> np.ndarray:
    network = load_tensors("identity")
    x = (rgb - torch.tensor(FACE_API_MEAN).view(1, 3, 1, 1)) / 255
    x = _scaled_conv(x, network, "conv32_down", stride=2).relu()
    x = functional.max_pool2d(x, 3, 2)
    for name in (
        "32_1",
        "32_2",
        "32_3",
        "64_down",
        "64_1",
        "64_2",
        "64_3",
        "128_down",
        "128_1",
        "128_2",
    ):
        x = _residual(x, network, f"conv{name}")
    for name in ("256_down", "256_1", "256_2", "256_down_out"):
        x = _residual(x, network, f"conv{name}")
    return np.asarray((x.mean(dim=(2, 3)) @ network["fc"])[0])


def _residual(x: torch.Tensor, network: Tensors, name: str) -> torch.Tensor:
    down = "_down" in name
    y = _scaled_conv(x, network, f"{name}/conv1", stride=2 if down else 1).relu()
    y = _scaled_conv(y, network, f"{name}/conv2")
    if down:
        x = functional.avg_pool2d(x, 2)
        y = functional.pad(y, (0, x.shape[3] - y.shape[3], 0, x.shape[2] - y.shape[2]))
        x = functional.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
    return (x + y).relu()


def _scaled_conv(x: torch.Tensor, network: Tensors, name: str, stride: int = 1) -> torch.Tensor:
    kernel = network[f"{name}/conv/filters"].permute(3, 2, 0, 1)
    padding = kernel.shape[2] // 2 if stride == 1 else 0
    y = functional.conv2d(x, kernel, network[f"{name}/conv/bias"], stride=stride, padding=padding)
    return y * network[f"{name}/scale/weights"].view(1, -1, 1, 1) + network[
        f"{name}/scale/biases"
    ].view(1, -1, 1, 1)
