# SPDX-License-Identifier: Apache-2.0
"""Prepare a picture and a face box for the networks: mask, reference, CLIP pixels, square crop.

Sizes are (width, height) in pixels as Pillow has them; pictures are gamma-encoded RGB, uint8.
`math.floor`, banker's rounding and Pillow's Lanczos filter are the reference's.
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
class PixelBox:
    """Left, top, right and bottom in pixels; a face box may reach beyond its picture."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def from_xywh(cls, x: float, y: float, width: float, height: float) -> PixelBox:
        """Convert from a corner and a size, as detectors give it."""
        return cls(left=x, top=y, right=x + width, bottom=y + height)

    @property
    def width(self) -> float:
        """Right minus left."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Bottom minus top."""
        return self.bottom - self.top

    def within(self, outer: PixelBox, scale: tuple[float, float] = (1.0, 1.0)) -> PixelBox:
        """Return this box seen from the corner of `outer`, then scaled by x and y factors."""
        return PixelBox(
            left=(self.left - outer.left) * scale[0],
            top=(self.top - outer.top) * scale[1],
            right=(self.right - outer.left) * scale[0],
            bottom=(self.bottom - outer.top) * scale[1],
        )


def draw_face_mask(
    size: Size, face: PixelBox, *, area: float = MASK_AREA
) -> UInt8[np.ndarray, "height width"]:
    """Draw 255 inside the face box grown by `area` about its centre, 0 elsewhere."""
    width, height = size
    half_width, half_height = face.width * area // 2, face.height * area // 2
    x, y = (face.left + face.right) // 2, (face.top + face.bottom) // 2
    mask = np.zeros((height, width), dtype=np.uint8)
    rows = slice(int(max(y - half_height, 0)), int(max(min(y + half_height, height), 0)))
    columns = slice(int(max(x - half_width, 0)), int(max(min(x + half_width, width), 0)))
    mask[rows, columns] = 255
    return mask


def fit_reference_size(size: Size, short_side: int) -> Size:
    """Scale the short side to `short_side`, then round both sides to multiples of 64 (banker's).

    The aspect ratio changes by up to 6 %.

    >>> fit_reference_size((640, 480), 512)
    (704, 512)
    """
    scale = short_side / min(size)
    width, height = (round(side * scale / MULTIPLE) * MULTIPLE for side in size)
    return width, height


def resize(pixels: UInt8[np.ndarray, ...], size: Size) -> UInt8[np.ndarray, ...]:
    """Resize by Lanczos as Pillow does it; return the same pixels if the size is right already."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def to_signed(pixels: Picture) -> Float[Tensor, "3 height width"]:
    """Convert a picture to [-1, 1], as the image encoder takes it."""
    return (rearrange(torch.from_numpy(pixels.copy()), "h w c -> c h w") / 255 - 0.5) / 0.5


def to_unit(mask: UInt8[np.ndarray, "height width"]) -> Float[Tensor, "1 1 height width"]:
    """Convert a mask to [0, 1]."""
    return torch.from_numpy(mask.copy())[None, None] / 255


def to_clip_pixels(pixels: Picture) -> Float[Tensor, "3 224 224"]:
    """Squash a picture to CLIP's square and normalise it by CLIP's mean and deviation."""
    square = torch.from_numpy(resize(pixels, (CLIP_SIDE, CLIP_SIDE)).copy())
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (CLIP_MEAN, CLIP_STD))
    return (rearrange(square, "h w c -> c h w") / 255 - mean) / deviation


def crop_square(size: Size, face: PixelBox, *, expand: float = CROP_EXPAND) -> PixelBox:
    """Crop a square round the face.

    The box is grown by `expand` of its size on each side and cut to the picture. Then the longer
    side is shortened about a centre that moves toward the face's. Ends are whole pixels (banker's
    rounding).
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
    left, right = _shorten(left, right, side, (face.left + face.right) / 2)
    top, bottom = _shorten(top, bottom, side, (face.top + face.bottom) / 2)
    left, top, right, bottom = (float(round(edge)) for edge in (left, top, right, bottom))
    return PixelBox(left=left, top=top, right=right, bottom=bottom)


def _shorten(start: float, end: float, side: float, wanted: float) -> tuple[float, float]:
    centre = (start + end) / 2
    shift = min((end - start - side) / 2, abs(wanted - centre))
    centre += math.copysign(shift, wanted - centre)
    return centre - side / 2, centre + side / 2
