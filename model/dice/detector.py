# SPDX-License-Identifier: Apache-2.0
"""What surrounds the published face detector: the picture it is given, and how its answers become
face boxes.

The detector itself is a TorchScript archive that is only run when the user allows it
(`checkpoint`); the default finder of faces is another one and needs none of this. The network
answers (cx, cy, w, h, objectness, five landmarks, class score) in its own pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from model.dice.preprocess import Box, Size

SHORT_SIDE = 416
STRIDES = (8, 16, 32)
CONFIDENT = 0.5
SAME_FACE = 0.45


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detection:
    """A face: its box (it may stick out of the picture), five landmarks (x, y), and how sure the
    network is.
    """

    box: Box
    landmarks: Float64[np.ndarray, "5 2"]
    score: float

    @property
    def area(self) -> float:
        """Of the box, in square pixels."""
        return self.box.width * self.box.height


def network_size(size: Size) -> Size:
    """The detector's picture: short side about 416, both sides multiples of 32, aspect not kept.

    >>> network_size((400, 300))
    (576, 416)
    """
    ratio = SHORT_SIDE / min(size)
    width, height = (int(side * ratio + 31) // 32 * 32 for side in size)
    return width, height


def network_input(bgr: UInt8[np.ndarray, "height width 3"]) -> Float[Tensor, "1 3 h w"]:
    """The picture stretched to the network's size, RGB in [0, 1]."""
    import cv2

    stretched = cv2.resize(bgr, network_size((bgr.shape[1], bgr.shape[0])))
    rgb = np.ascontiguousarray(stretched[:, :, ::-1].transpose(2, 0, 1))
    return torch.from_numpy(rgb)[None].float() / 255


def network_grids(size: Size) -> list[Float[Tensor, "1 1 rows columns 2"]]:
    """Cell indices (x, y) for each stride, the detector's second argument. `size`: of the network's
    picture.
    """
    grids = []
    for stride in STRIDES:
        rows, columns = torch.meshgrid(
            torch.arange(size[1] // stride), torch.arange(size[0] // stride), indexing="ij"
        )
        grids.append(torch.stack((columns, rows), -1)[None, None].float())
    return grids


def detections(answers: Float[Tensor, "1 n 16"], *, size: Size) -> list[Detection]:
    """Faces in pixels of a picture of `size`, surest first; overlapping answers are one face."""
    answer = answers[0].double().numpy()
    scores = answer[:, 4] * answer[:, 15]
    sure = (answer[:, 4] > CONFIDENT) & (scores > CONFIDENT)
    answer, scores = answer[sure], scores[sure]
    boxes = np.concatenate(
        (answer[:, :2] - answer[:, 2:4] / 2, answer[:, :2] + answer[:, 2:4] / 2), 1
    )
    factors = np.array(size) / np.array(network_size(size))
    return [
        Detection(
            box=Box(
                **dict(
                    zip(
                        ("left", "top", "right", "bottom"),
                        (boxes[i] * np.tile(factors, 2)).tolist(),
                        strict=True,
                    )
                )
            ),
            landmarks=answer[i, 5:15].reshape(5, 2) * factors,
            score=float(scores[i]),
        )
        for i in _distinct(boxes, scores)
    ]


def largest(areas: Sequence[float], *, as_reference: bool = False) -> int:
    """Which face is the largest. The reference never updates its maximum and so takes the last one
    larger than the first.

    >>> largest([1, 9, 4]), largest([1, 9, 4], as_reference=True)
    (1, 2)
    """
    if not as_reference:
        return max(range(len(areas)), key=areas.__getitem__)
    return max((i for i, area in enumerate(areas) if area > areas[0]), default=0)


def _distinct(boxes: Float64[np.ndarray, "n 4"], scores: Float64[np.ndarray, " n"]) -> list[int]:
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable").tolist():
        if all(_overlap(boxes[i], boxes[j]) <= SAME_FACE for j in kept):
            kept.append(i)
    return kept


def _overlap(a: Float64[np.ndarray, " 4"], b: Float64[np.ndarray, " 4"]) -> float:
    sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    shared = float(sides.prod())
    return shared / (float((a[2:] - a[:2]).prod()) + float((b[2:] - b[:2]).prod()) - shared)
