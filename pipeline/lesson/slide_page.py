# SPDX-License-Identifier: Apache-2.0
"""A slide as it is read: its picture, fitted into the delivered size, and its text boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from pipeline.lesson.layouts import Rect

CLEARANCE = 0.012  # of the height is kept free around text

SlidePicture = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True, slots=True)
class SlidePage:
    """A slide as it is read: fitted pixels, text boxes in those pixels, and words."""

    name: str
    pixels: SlidePicture
    boxes: tuple[Rect, ...]
    text: str


def fit_rectangle(size: tuple[int, int], into: tuple[int, int]) -> Rect:
    """Fit a rectangle with the shape of `size` into the middle of a picture of size `into`."""
    scale = min(into[0] / size[0], into[1] / size[1])
    width, height = (
        max(1, min(most, round(side * scale))) for side, most in zip(size, into, strict=True)
    )
    return Rect((into[0] - width) // 2, (into[1] - height) // 2, width, height)


def lay_on_paper(drawn: SlidePicture, place: Rect, size: tuple[int, int]) -> SlidePicture:
    """Lay a slide in the middle of the picture, on the colour of its own border."""
    drawn = drawn[: place.height, : place.width]
    pixels = np.empty((size[1], size[0], 3), dtype=np.uint8)
    pixels[:] = find_paper(drawn)
    pixels[place.top : place.top + drawn.shape[0], place.left : place.left + drawn.shape[1]] = drawn
    return pixels


def find_paper(pixels: SlidePicture) -> UInt8[np.ndarray, " 3"]:
    """Find the colour of a slide's paper: the median of its border, as RGB."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    colour: UInt8[np.ndarray, " 3"] = np.median(border, axis=0).astype(np.uint8)
    return colour


def clear_boxes(boxes: Sequence[Rect], size: tuple[int, int]) -> tuple[Rect, ...]:
    """Grow boxes by the clearance around them, inside the picture."""
    clear = round(CLEARANCE * size[1])
    return tuple(
        clip_box(
            box.left - clear, box.top - clear, box.right + clear - 1, box.bottom + clear - 1, size
        )
        for box in boxes
    )


def clip_box(left: float, top: float, right: float, bottom: float, size: tuple[int, int]) -> Rect:
    """Round a box to whole pixels and clip it to a picture of `size`."""
    first, last = (
        (max(0, int(left)), max(0, int(top))),
        (min(size[0], int(right) + 1), min(size[1], int(bottom) + 1)),
    )
    return Rect(*first, max(0, last[0] - first[0]), max(0, last[1] - first[1]))
