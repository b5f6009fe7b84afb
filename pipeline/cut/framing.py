# SPDX-License-Identifier: Apache-2.0
"""Frame takes: which part of a take fills the delivered picture, and where. Pure.

Arithmetic on sizes and the face box; no pixels. A take is larger or differently shaped than the
delivery (a 1024x1024 portrait, a 1920x1080 plate). The default framing covers the delivered
picture, sets the eyes near the upper third (the rule of thirds of any cinematography handbook), and
never cuts the chin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from manifests.rows import Shot, Take

EYES_IN_FACE = 0.40  # eye line within a face box that runs from hairline to chin
EYES_IN_PICTURE = 0.36  # a little under the upper third leaves headroom in a close-up
CHIN_MARGIN = 0.03  # of the picture's height, kept free under the chin
SAFE = 0.05  # of either side, at each edge (EBU R 95)
CAPTION_MARGIN, CAPTION_LINES = (
    0.06,
    2.6,
)  # where captions stand (`captions.write_ass`): of the height, and in letters above it

Box = tuple[float, float, float, float]
Place = tuple[int, int, int, int]
Layout = Literal["single", "full-plate", "two-hander", "picture-in-picture"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A rectangle of a take, in its pixels."""

    left: int
    top: int
    width: int
    height: int

    def enlargement(self, size: tuple[int, int]) -> float:
        """Compute how many times the crop is enlarged to fill `size` (width, height).

        Above 1 the picture is softer than the take.
        """
        return max(size[0] / self.width, size[1] / self.height)


def frame_face(source: tuple[int, int], face: Box, size: tuple[int, int]) -> Crop:
    """Find the largest crop with the shape of `size`, eyes near the upper third, chin inside.

    `source` and `size`: (width, height). `face`: left, top, right, bottom as fractions of the
    source.

    >>> frame_face((1024, 1024), (0.3, 0.2, 0.7, 0.7), (1280, 720))
    Crop(left=0, top=202, width=1024, height=576)
    """
    wide, high = source
    scale = min(wide / size[0], high / size[1])
    width, height = min(wide, round(size[0] * scale)), min(high, round(size[1] * scale))
    left, top, right, bottom = face
    eyes = (top + EYES_IN_FACE * (bottom - top)) * high
    lowest_top = (bottom * high) + CHIN_MARGIN * height - height
    return Crop(
        left=_clamp((left + right) / 2 * wide - width / 2, wide - width),
        top=_clamp(max(eyes - EYES_IN_PICTURE * height, lowest_top), high - height),
        width=width,
        height=height,
    )


def arrange_layout(layout: Layout, size: tuple[int, int]) -> tuple[Place, ...]:
    """Place the pictures of a layout in a picture of `size` (width, height). All edges are even.

    `single` fills the picture; `two-hander` halves it (an upright one from top to bottom);
    `picture-in-picture` sets the second one, a quarter as wide (upright: a third), to the right,
    inside the safe area and as low as two lines of captions leave room.

    >>> arrange_layout("two-hander", (1280, 720))
    ((0, 0, 640, 720), (640, 0, 640, 720))
    """
    width, height = size
    upright = height > width
    if layout in ("single", "full-plate"):
        return ((0, 0, width, height),)
    if layout == "two-hander" and upright:
        half = height // 4 * 2
        return (0, 0, width, half), (0, half, width, height - half)
    if layout == "two-hander":
        half = width // 4 * 2
        return (0, 0, half, height), (half, 0, width - half, height)
    share = 6 if upright else 8
    small, low = width // share * 2, height // share * 2
    letters = min(height * 0.055, width * 0.043)
    bottom = height * (1 - CAPTION_MARGIN) - CAPTION_LINES * letters
    left, top = round(width * (1 - SAFE) - small) // 2 * 2, max(0, round(bottom - low) // 2 * 2)
    return (0, 0, width, height), (left, top, small, low)


def upright_size(size: tuple[int, int]) -> tuple[int, int]:
    """Turn the size of a 16:9 picture on its side for 9:16, so that no side grows."""
    return min(size), max(size)


def letterbox(source: tuple[int, int], size: tuple[int, int]) -> Place:
    """Fit the whole of `source` into a picture of `size`, with bars beside or above it.

    All edges are even.

    >>> letterbox((1024, 1024), (1280, 720))
    (280, 0, 720, 720)
    """
    scale = min(size[0] / source[0], size[1] / source[1])
    width, height = (
        min(whole, round(side * scale / 2) * 2) for side, whole in zip(source, size, strict=True)
    )
    return (size[0] - width) // 4 * 2, (size[1] - height) // 4 * 2, width, height


def place_take(shot: Shot, take: Take, size: tuple[int, int]) -> tuple[Crop, Place]:
    """Decide which part of a shot's take is shown where in a picture of `size` (width, height)."""
    if shot.layout == "full-plate":
        whole = (take.width, take.height)
        return Crop(left=0, top=0, width=take.width, height=take.height), letterbox(whole, size)
    place = arrange_layout(cast(Layout, shot.layout), size)[shot.layer]
    return frame_take(take, place[2:]), place


def frame_take(take: Take, size: tuple[int, int]) -> Crop:
    """Frame a take by its own size and face box (`frame_face`)."""
    return frame_face((take.width, take.height), take.face_box, size)


def _clamp(value: float, most: int) -> int:
    return min(max(round(value), 0), most)
