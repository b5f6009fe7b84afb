# SPDX-License-Identifier: Apache-2.0
"""From a picture and a face box to what the networks see: mask, resized reference, CLIP pixels, and
the square crop round a face.

Sizes are (width, height) in pixels as Pillow has them; pictures are gamma-encoded RGB, uint8.
`Math.floor` and banker's rounding are the reference's, and so is Pillow's Lanczos filter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

MULTIPLE = 64
MASK_AREA = 1.1
CROP_EXPAND = 0.5
CLIP_SIDE = 224
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

Picture = UInt8[np.ndarray, "height width 3"]
Size = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Left, top, right and bottom in pixels; a face box may stick out of its picture."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def from_xywh(cls, x: float, y: float, width: float, height: float) -> Box:
        """From a corner and a size, as detectors give it."""
        return cls(left=x, top=y, right=x + width, bottom=y + height)

    @property
    def width(self) -> float:
        """Right minus left."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Bottom minus top."""
        return self.bottom - self.top

    def within(self, outer: Box, scale: tuple[float, float] = (1.0, 1.0)) -> Box:
        """The same place seen from the corner of `outer`, then scaled by x and y factors."""
        return Box(
            left=(self.left - outer.left) * scale[0],
            top=(self.top - outer.top) * scale[1],
            right=(self.right - outer.left) * scale[0],
            bottom=(self.bottom - outer.top) * scale[1],
        )


def face_mask(
    size: Size, face: Box, *, area: float = MASK_AREA
) -> UInt8[np.ndarray, "height width"]:
    """255 inside the face box grown by `area` about its centre, 0 elsewhere, cut to the picture."""
    width, height = size
    half_width, half_height = face.width * area // 2, face.height * area // 2
    x, y = (face.left + face.right) // 2, (face.top + face.bottom) // 2
    mask = np.zeros((height, width), dtype=np.uint8)
    rows = slice(int(max(y - half_height, 0)), int(max(min(y + half_height, height), 0)))
    columns = slice(int(max(x - half_width, 0)), int(max(min(x + half_width, width), 0)))
    mask[rows, columns] = 255
    return mask


def reference_size(size: Size, short_side: int) -> Size:
    """Scale the short side to `short_side`, then round both to multiples of 64 (banker's): aspect
    changes by up to 6 %.

    >>> reference_size((640, 480), 512)
    (704, 512)
    """
    scale = short_side / min(size)
    width, height = (round(side * scale / MULTIPLE) * MULTIPLE for side in size)
    return width, height


def resized(pixels: UInt8[np.ndarray, ...], size: Size) -> UInt8[np.ndarray, ...]:
    """Lanczos, as Pillow does it; untouched when the size is right already."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def signed(pixels: Picture) -> Float[Tensor, "3 height width"]:
    """A picture in [-1, 1], as the image encoder takes it."""
    return (rearrange(torch.from_numpy(pixels.copy()), "h w c -> c h w") / 255 - 0.5) / 0.5


def unit(mask: UInt8[np.ndarray, "height width"]) -> Float[Tensor, "1 1 height width"]:
    """A mask in [0, 1]."""
    return torch.from_numpy(mask.copy())[None, None] / 255


def clip_pixels(pixels: Picture) -> Float[Tensor, "3 224 224"]:
    """The picture squashed to CLIP's square and normalised by CLIP's mean and deviation."""
    square = torch.from_numpy(resized(pixels, (CLIP_SIDE, CLIP_SIDE)).copy())
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (CLIP_MEAN, CLIP_STD))
    return (rearrange(square, "h w c -> c h w") / 255 - mean) / deviation


def square_crop(size: Size, face: Box, *, expand: float = CROP_EXPAND) -> Box:
    """A square round the face: the box grown by `expand` of its size on each side, cut to the
    picture, then shortened.

    The longer side is shortened about a centre that moves toward the face's. Ends are whole pixels
    (banker's rounding).
    """
    width, height = size
    left, right = (
        max(face.left - expand * face.width, 0.0),
        min(face.right + expand * face.width, float(width)),
    )
    top, bottom = (
        max(face.top - expand * face.height, 0.0),
        min(face.bottom + expand * face.height, float(height)),
    )
    side = min(right - left, bottom - top)
    left, right = _shortened(left, right, side, (face.left + face.right) / 2)
    top, bottom = _shortened(top, bottom, side, (face.top + face.bottom) / 2)
    return Box(
        left=float(round(left)),
        top=float(round(top)),
        right=float(round(right)),
        bottom=float(round(bottom)),
    )


def _shortened(start: float, end: float, side: float, wanted: float) -> tuple[float, float]:
    centre = (start + end) / 2
    shift = min((end - start - side) / 2, abs(wanted - centre))
    centre += math.copysign(shift, wanted - centre)
    return centre - side / 2, centre + side / 2
