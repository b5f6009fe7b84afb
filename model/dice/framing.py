# SPDX-License-Identifier: Apache-2.0
"""Choose the part of a portrait that is generated, and paste it back into the full plate.

Production keeps the aspect ratio: a crop is square, a full picture is padded to multiples of 64 and
cut again. Parity stretches the whole picture, as the reference does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, UInt8

from manifests.errors import InputError, Problem
from model.dice.detector import choose_largest
from model.dice.preprocess import (
    MULTIPLE,
    Picture,
    PixelBox,
    Size,
    crop_square,
    draw_face_mask,
    fit_reference_size,
    resize,
)
from model.dice.settings import DiceSettings
from model.talker import Portrait

if TYPE_CHECKING:
    from model.previs.landmarks import Landmarker

FEATHER = 0.08
"""Width of the soft edge of a pasted crop, as a share of its side."""
BACKDROP = 128
"""Grey behind a portrait with transparency: what lies under alpha is arbitrary."""


Plate = UInt8[np.ndarray, "plate_height plate_width 3"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DiceFraming:
    """A portrait divided for generation.

    `plate`: the full frame; `region`: the part of it that is generated; `picture` and `mask`: that
    part as the networks see it; `inner`: size of the generated picture without padding; `face`: the
    face box in the plate; `paste`: whether the part goes back into the plate.
    """

    plate: Plate
    region: PixelBox
    picture: Picture
    mask: UInt8[np.ndarray, "height width"]
    inner: Size
    face: PixelBox
    paste: bool

    @property
    def size(self) -> Size:
        """Width and height of the frames."""
        return (self.plate.shape[1], self.plate.shape[0]) if self.paste else self.inner

    @property
    def face_fractions(self) -> tuple[float, float, float, float]:
        """The face box as fractions of the frame."""
        width, height = self.size
        scale = (
            (1.0, 1.0) if self.paste else (width / self.region.width, height / self.region.height)
        )
        corner = PixelBox(left=0.0, top=0.0, right=1.0, bottom=1.0) if self.paste else self.region
        box = self.face.within(corner, scale)
        sides = (box.left / width, box.top / height, box.right / width, box.bottom / height)
        left, top, right, bottom = (min(max(side, 0.0), 1.0) for side in sides)
        return left, top, right, bottom

    def place(
        self, generated: Float32[np.ndarray, "h w 3"]
    ) -> Float32[np.ndarray, "height width 3"]:
        """Place a generated picture in the full frame; levels 0 to 255 in both."""
        import cv2

        shown = generated[: self.inner[1], : self.inner[0]]
        if not self.paste:
            return shown
        left, top, right, bottom = map(
            int, (self.region.left, self.region.top, self.region.right, self.region.bottom)
        )
        size = (right - left, bottom - top)
        smaller = size[0] < self.inner[0]
        fitted = cv2.resize(
            shown, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        )
        frame = self.plate.astype(np.float32)
        edges = (left > 0, top > 0, right < self.plate.shape[1], bottom < self.plate.shape[0])
        weight = _make_feather(size, edges)[..., None]
        part = frame[top:bottom, left:right]
        part += (fitted - part) * weight
        return frame


def frame_portrait(portrait: Portrait, face: PixelBox, settings: DiceSettings) -> DiceFraming:
    """Decide what is generated. `face` is in pixels of the portrait."""
    pixels = _flatten_alpha(portrait)
    if settings.mode == "parity":
        return _stretch_plate(pixels, face, settings)
    if settings.framing == "full":
        return _pad_plate(pixels, face, settings)
    return _crop_plate(pixels, face, settings)


def find_face(
    portrait: Portrait, settings: DiceSettings, *, detector: Path | None = None
) -> PixelBox:
    """Find the chosen face, in pixels of the portrait.

    The setting's box counts first, else what the chosen detector finds. `detector`: its file.
    Raises InputError when there is no face, several without a choice, a small one, or one turned
    aside.
    """
    if settings.face_box is not None:
        height, width = portrait.pixels.shape[:2]
        left, top, right, bottom = settings.face_box
        return PixelBox(
            left=left * width, top=top * height, right=right * width, bottom=bottom * height
        )
    if settings.detector == "yoloface" and detector is not None:
        from model.dice.torchscript import find_faces

        return choose_face([face.box for face in find_faces(detector, portrait.pixels)], portrait)
    from model.previs.portrait import find_face as find

    points = find(portrait, _landmarker()).points[:, :2]
    left, top = points.min(axis=0).tolist()
    right, bottom = points.max(axis=0).tolist()
    return PixelBox(left=left, top=top, right=right, bottom=bottom)


def choose_face(boxes: Sequence[PixelBox], portrait: Portrait) -> PixelBox:
    """Choose the face that `portrait.face` names.

    Raises InputError when there is none, or several without a choice.
    """
    ordered = sorted(boxes, key=lambda box: box.left)
    known = {str(number): box for number, box in enumerate(ordered, 1)}
    if ordered:
        areas = [box.width * box.height for box in ordered]
        known |= {
            "left": ordered[0],
            "right": ordered[-1],
            "largest": ordered[choose_largest(areas)],
        }
    if len(ordered) == 1:
        known["only"] = ordered[0]
    if portrait.face not in known:
        message = f"found {len(ordered)} faces" if ordered else "found no face"
        expected = "face = " + " or ".join(known) if ordered else "one face, seen from the front"
        raise InputError(
            Problem(file=portrait.name, message=message, expected=expected, got=portrait.face)
        )
    return known[portrait.face]


@cache
def _landmarker() -> Landmarker:
    from model import weights
    from model.previs.landmarks import Landmarker

    return Landmarker(
        weights.locate("mediapipe-face-detector"), weights.locate("mediapipe-face-mesh")
    )


def _flatten_alpha(portrait: Portrait) -> Picture:
    if portrait.alpha is None:
        return portrait.pixels
    share = portrait.alpha[..., None].astype(np.float32) / 255
    composed: Picture = np.rint(portrait.pixels * share + BACKDROP * (1 - share)).astype(np.uint8)
    return composed


def _stretch_plate(pixels: Picture, face: PixelBox, settings: DiceSettings) -> DiceFraming:
    size = (pixels.shape[1], pixels.shape[0])
    fitted = fit_reference_size(size, settings.generated_side)
    return DiceFraming(
        plate=pixels,
        region=PixelBox(left=0.0, top=0.0, right=float(size[0]), bottom=float(size[1])),
        picture=resize(pixels, fitted),
        mask=resize(draw_face_mask(size, face), fitted),
        inner=fitted,
        face=face,
        paste=False,
    )


def _pad_plate(pixels: Picture, face: PixelBox, settings: DiceSettings) -> DiceFraming:
    width, height = pixels.shape[1], pixels.shape[0]
    scale = settings.generated_side / min(width, height)
    inner = (round(width * scale / 2) * 2, round(height * scale / 2) * 2)
    full = tuple(-(-side // MULTIPLE) * MULTIPLE - side for side in inner)
    edge = ((0, full[1]), (0, full[0]))
    return DiceFraming(
        plate=pixels,
        region=PixelBox(left=0.0, top=0.0, right=float(width), bottom=float(height)),
        picture=np.pad(resize(pixels, inner), (*edge, (0, 0)), mode="edge"),
        mask=np.pad(resize(draw_face_mask((width, height), face), inner), edge),
        inner=inner,
        face=face,
        paste=False,
    )


def _crop_plate(pixels: Picture, face: PixelBox, settings: DiceSettings) -> DiceFraming:
    plate, face = _size_plate(pixels, face, settings.size)
    size = (plate.shape[1], plate.shape[0])
    region = crop_square(size, face)
    rows, columns = (
        slice(int(region.top), int(region.bottom)),
        slice(int(region.left), int(region.right)),
    )
    inner = (settings.generated_side, settings.generated_side)
    return DiceFraming(
        plate=plate,
        region=region,
        picture=resize(np.ascontiguousarray(plate[rows, columns]), inner),
        mask=resize(np.ascontiguousarray(draw_face_mask(size, face)[rows, columns]), inner),
        inner=inner,
        face=face,
        paste=settings.paste_back,
    )


def _size_plate(pixels: Picture, face: PixelBox, short_side: int | None) -> tuple[Plate, PixelBox]:
    """Scale the plate to its final size: even sides, never enlarged."""
    height, width = pixels.shape[:2]
    scale = min(1.0, (short_side or min(width, height)) / min(width, height))
    size = (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))
    origin = PixelBox(left=0.0, top=0.0, right=float(width), bottom=float(height))
    return resize(pixels, size), face.within(origin, (size[0] / width, size[1] / height))


@cache
def _make_feather(
    size: Size, edges: tuple[bool, bool, bool, bool]
) -> Float32[np.ndarray, "height width"]:
    """Make a weight of 1 inside, falling smoothly to 0 toward some edges.

    `edges`: whether left, top, right and bottom of the crop lie inside the plate.
    """
    left, top, right, bottom = edges
    down, across = (
        _make_fade(size[1], start=top, end=bottom),
        _make_fade(size[0], start=left, end=right),
    )
    weight: Float32[np.ndarray, "height width"] = down[:, None] * across[None]
    return weight


def _make_fade(length: int, *, start: bool, end: bool) -> Float32[np.ndarray, " length"]:
    places = (np.arange(length, dtype=np.float32) + 0.5) / (max(1, round(length * FEATHER)))
    rise = np.clip(places, 0, 1) if start else np.ones(length, dtype=np.float32)
    fall = np.clip(places[::-1], 0, 1) if end else np.ones(length, dtype=np.float32)
    share = np.minimum(rise, fall)
    smooth: Float32[np.ndarray, " length"] = (share * share * (3 - 2 * share)).astype(np.float32)
    return smooth
