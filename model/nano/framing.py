# SPDX-License-Identifier: Apache-2.0
"""Find the square that is generated in a portrait, and place generated frames back into it.

The networks see 64 px and answer with a flow, a mask and a painting. Flow and mask are smooth and
can be enlarged without much loss, so the portrait's own pixels are moved by them at full
resolution. What is painted (the inside of the mouth, lids) has 64 px and looks so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from model.affect import face_crop
from model.previs.landmarks import Landmarker
from model.previs.portrait import find_face
from model.talker import Frame, Portrait

BACKDROP = 128  # grey behind a portrait with transparency
FEATHER = 0.1  # of the square's side, over which it fades into the plate
ENLARGED = 2.0  # from this enlargement on, a warning says so


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NanoFraming:
    """A portrait divided for generation.

    `plate`: the full frame; `area`: the square around the face in it; `face`: that square as the
    networks see it; `box`: left, top, right, bottom of the face as fractions of the frame.
    """

    plate: Frame
    area: face_crop.Square
    face: UInt8[np.ndarray, "side side 3"]
    box: tuple[float, float, float, float]

    @property
    def enlargement(self) -> float:
        """Pixels of the frame for each painted pixel."""
        return self.area[2] / len(self.face)

    def place(self, drawn: DecodedFrame) -> Frame:
        """Place one decoded frame in the full frame."""
        left, top, side = self.area
        height, width = self.plate.shape[:2]
        rows, columns = (
            slice(max(top, 0), min(top + side, height)),
            slice(max(left, 0), min(left + side, width)),
        )
        inner = (
            slice(rows.start - top, rows.stop - top),
            slice(columns.start - left, columns.stop - left),
        )
        square = face_crop.cut_square(self.plate, self.area)
        generated = drawn.enlarge(square)
        frame = self.plate.copy()
        share = _make_fade(side)[..., None]
        blended = square + (generated - square) * share
        frame[rows, columns] = np.rint(np.clip(blended, 0, 255)).astype(np.uint8)[inner]
        return frame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodedFrame:
    """The decoder's answer for one frame.

    `flow`: right and down, in halves of the square; `paint`: levels 0 to 255.
    """

    flow: Float32[np.ndarray, "side side 2"]
    mask: Float32[np.ndarray, "side side"]
    paint: Float32[np.ndarray, "side side 3"]

    def enlarge(self, square: Frame) -> Float32[np.ndarray, "height width 3"]:
        """Move and paint over the square of the portrait; levels 0 to 255."""
        side = len(square)
        flow, mask, paint = (_resize(part, side) for part in (self.flow, self.mask, self.paint))
        ticks = np.arange(side, dtype=np.float32)
        places = flow * np.float32(side / 2) + np.stack(np.meshgrid(ticks, ticks), axis=-1)
        moved = cv2.remap(square, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        blended: Float32[np.ndarray, "height width 3"] = moved + (paint - moved) * mask[..., None]
        return blended


def frame_portrait(portrait: Portrait, size: int | None, *, side: int) -> NanoFraming:
    """Find the chosen face and the square around it.

    Raises InputError when there is no face, or it is small or turned aside.
    """
    points = find_face(portrait, _landmarker()).points[:, :2]
    pixels = _flatten_alpha(portrait)
    height, width = pixels.shape[:2]
    scale = min(1.0, (size or min(width, height)) / min(width, height))
    wanted = (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))
    plate = (
        pixels
        if wanted == (width, height)
        else cv2.resize(pixels, wanted, interpolation=cv2.INTER_AREA)
    )
    points = points * (wanted[0] / width, wanted[1] / height)
    area = face_crop.find_square(points)
    seen = face_crop.cut_square(np.asarray(plate, np.uint8), area)
    face = cv2.resize(seen, (side, side), interpolation=cv2.INTER_AREA)
    low, high = (np.clip(edge / wanted, 0, 1) for edge in (points.min(axis=0), points.max(axis=0)))
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return NanoFraming(
        plate=np.asarray(plate, np.uint8), area=area, face=np.asarray(face, np.uint8), box=box
    )


def _flatten_alpha(portrait: Portrait) -> Frame:
    if portrait.alpha is None:
        return portrait.pixels
    share = portrait.alpha[..., None].astype(np.float32) / 255
    return np.asarray(np.rint(portrait.pixels * share + BACKDROP * (1 - share)), np.uint8)


def _resize(part: np.ndarray, side: int) -> Float32[np.ndarray, ...]:
    shrinks = side < len(part)
    resized = cv2.resize(
        part, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    )
    return np.asarray(resized, np.float32)


@cache
def _landmarker() -> Landmarker:
    from model import weights

    return Landmarker(
        weights.locate("mediapipe-face-detector"), weights.locate("mediapipe-face-mesh")
    )


@cache
def _make_fade(side: int) -> Float32[np.ndarray, "side side"]:
    """Make a weight of 1 inside, falling smoothly to 0 at the square's edges."""
    away = np.minimum(np.arange(side), np.arange(side)[::-1]).astype(np.float32) + 0.5
    share = np.clip(away / max(1.0, FEATHER * side), 0, 1)
    smooth = share * share * (3 - 2 * share)
    return np.asarray(smooth[:, None] * smooth[None], np.float32)
