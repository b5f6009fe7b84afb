# SPDX-License-Identifier: Apache-2.0
"""Prepare pictures for the published face detector, and turn its answers into face boxes.

The detector itself is a TorchScript archive that runs only if the user allows it (`checkpoint`);
the default face detector is MediaPipe's and needs none of this. The network answers (cx, cy, w, h,
objectness, five landmarks, class score) in its own pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from model.dice.preprocess import PixelBox, Size

SHORT_SIDE = 416
STRIDES = (8, 16, 32)
CONFIDENT = 0.5
SAME_FACE = 0.45


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detection:
    """A face: its box, five landmarks (x, y), and the network's confidence.

    The box may reach beyond the picture.
    """

    box: PixelBox
    landmarks: Float64[np.ndarray, "5 2"]
    score: float

    @property
    def area(self) -> float:
        """Area of the box, in square pixels."""
        return self.box.width * self.box.height


def fit_network_size(size: Size) -> Size:
    """Fit a picture to the detector: short side about 416, both sides multiples of 32.

    The aspect ratio is not kept.

    >>> fit_network_size((400, 300))
    (576, 416)
    """
    ratio = SHORT_SIDE / min(size)
    width, height = (int(side * ratio + 31) // 32 * 32 for side in size)
    return width, height


def make_network_input(bgr: UInt8[np.ndarray, "height width 3"]) -> Float[Tensor, "1 3 h w"]:
    """Stretch a picture to the network's size, RGB in [0, 1]."""
    import cv2

    stretched = cv2.resize(bgr, fit_network_size((bgr.shape[1], bgr.shape[0])))
    rgb = np.ascontiguousarray(stretched[:, :, ::-1].transpose(2, 0, 1))
    return torch.from_numpy(rgb)[None].float() / 255


def make_network_grids(size: Size) -> list[Float[Tensor, "1 1 rows columns 2"]]:
    """Make the cell indices (x, y) of each stride, the detector's second argument.

    `size`: of the network's picture.
    """
    grids = []
    for stride in STRIDES:
        rows, columns = torch.meshgrid(
            torch.arange(size[1] // stride), torch.arange(size[0] // stride), indexing="ij"
        )
        grids.append(torch.stack((columns, rows), -1)[None, None].float())
    return grids


def decode_detections(answers: Float[Tensor, "1 n 16"], *, size: Size) -> list[Detection]:
    """Decode faces in pixels of a picture of `size`, most confident first.

    Overlapping answers are one face.
    """
    answer = answers[0].double().numpy()
    scores = answer[:, 4] * answer[:, 15]
    sure = (answer[:, 4] > CONFIDENT) & (scores > CONFIDENT)
    answer, scores = answer[sure], scores[sure]
    boxes = np.concatenate(
        (answer[:, :2] - answer[:, 2:4] / 2, answer[:, :2] + answer[:, 2:4] / 2), 1
    )
    factors = np.array(size) / np.array(fit_network_size(size))
    return [
        Detection(
            box=_make_box(boxes[i] * np.tile(factors, 2)),
            landmarks=answer[i, 5:15].reshape(5, 2) * factors,
            score=float(scores[i]),
        )
        for i in _drop_overlapping(boxes, scores)
    ]


def choose_largest(areas: Sequence[float], *, as_reference: bool = False) -> int:
    """Choose the largest face.

    The reference never updates its maximum, and so chooses the last face larger than the first.

    >>> choose_largest([1, 9, 4]), choose_largest([1, 9, 4], as_reference=True)
    (1, 2)
    """
    if not as_reference:
        return max(range(len(areas)), key=areas.__getitem__)
    return max((i for i, area in enumerate(areas) if area > areas[0]), default=0)


def _make_box(edges: Float64[np.ndarray, " 4"]) -> PixelBox:
    left, top, right, bottom = edges.tolist()
    return PixelBox(left=left, top=top, right=right, bottom=bottom)


def _drop_overlapping(
    boxes: Float64[np.ndarray, "n 4"], scores: Float64[np.ndarray, " n"]
) -> list[int]:
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable").tolist():
        if all(_overlap(boxes[i], boxes[j]) <= SAME_FACE for j in kept):
            kept.append(i)
    return kept


def _overlap(a: Float64[np.ndarray, " 4"], b: Float64[np.ndarray, " 4"]) -> float:
    sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    shared = float(sides.prod())
    return shared / (float((a[2:] - a[:2]).prod()) + float((b[2:] - b[:2]).prod()) - shared)
