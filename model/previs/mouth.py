# SPDX-License-Identifier: Apache-2.0
"""Draw the inside of the mouth between the lips: teeth, tongue and cavity.

The lips' lines are found in `lips`. The upper teeth hang on the skull, the lower teeth and the
tongue on the jaw. Everything takes its light from the face's own skin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from model.previs import anatomy
from model.previs.landmarks import Face
from model.previs.lips import Line, LipLines

TOOTH_WIDTHS = (36, 30, 30, 26, 22)
TOOTH_HEIGHTS = (60, 56, 59, 52, 46)
TOOTH_LIGHT = (1.0, 0.97, 0.9, 0.78, 0.62)
GUM = 34  # texture rows of gum above the teeth
TEXTURE = (300, 120 + GUM)
LUMA = np.array((0.299, 0.587, 0.114), np.float32)
# gap in IOD, and how much light it lets in
APERTURE = ((0.01, 0.03, 0.06, 0.10), (0.40, 0.80, 0.98, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mouth:
    """A portrait's mouth at rest, in picture px.

    `upper`, `lower`: where the lips part (the same line when closed). `rest_gap` in IOD. Textures
    are RGBA float32, colours RGB; `middle`: where along their rows the face's middle is, 0 to 1.
    `level`: the light on the face; `chroma`: 0 in a grey picture, else 1.
    """

    upper: Line
    lower: Line
    rest_gap: float
    width: float
    middle: float
    unit: float
    teeth_above: Float32[np.ndarray, "rows columns 4"]
    teeth_below: Float32[np.ndarray, "rows columns 4"]
    lip: Float32[np.ndarray, " 3"]
    seam: Float32[np.ndarray, " 3"]
    level: float
    chroma: float
    down: Float32[np.ndarray, " 2"]


def find_mouth(rgb: np.ndarray, face: Face, lips: LipLines) -> Mouth:
    """Measure the mouth of a face."""
    points = face.points[:, :2]
    skin = _sample_colours(rgb, points[list(anatomy.CHEEKS)]).mean(axis=0)
    red = points[[17, 84, 314, 0, 37, 267]] * 0.6 + points[[14, 87, 317, 13, 82, 312]] * 0.4
    lip = _sample_colours(rgb, red).mean(axis=0)
    teeth = _turn_teeth(_draw_teeth(skin, _measure_white(rgb, face)), face.left_share)
    below = teeth[::-1].copy()
    below[..., :3] *= 0.72
    seam = lip * 0.4
    if lips.closed:
        seam = np.minimum(_sample_colours(rgb, lips.upper[8:33]).mean(axis=0), lip * 0.6)
    return Mouth(
        upper=lips.upper,
        lower=lips.lower,
        rest_gap=lips.gap,
        width=float(np.hypot(*(points[308] - points[78]))),
        middle=face.left_share,
        unit=face.unit,
        teeth_above=teeth,
        teeth_below=below,
        lip=lip,
        seam=seam,
        level=float(np.clip(skin.mean() / 150, 0.05, 1.15)),
        chroma=_measure_chroma(lip),
        down=face.axes[:, 1].astype(np.float32),
    )


def _measure_white(rgb: np.ndarray, face: Face) -> np.ndarray:
    """Measure how white things look in this light: the brightest of the whites of the eyes."""
    brightest = []
    for upper, lower in zip(anatomy.LID_UPPER, anatomy.LID_LOWER, strict=True):
        ring = np.rint(face.points[[*upper, *lower[::-1]], :2]).astype(np.int32)
        left, top = ring.min(axis=0).clip(0)
        right, bottom = ring.max(axis=0) + 1
        inside = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(inside, [ring - (left, top)], 1)
        part = rgb[top:bottom, left:right]
        seen = part[inside[: part.shape[0], : part.shape[1]] > 0].astype(np.float32)
        grey = seen @ LUMA
        brightest.append(seen[grey >= np.percentile(grey, 85)].mean(axis=0))
    return np.asarray(np.mean(brightest, axis=0))


def _measure_chroma(colour: np.ndarray) -> float:
    """Return 0 for a grey, rising to 1 for the least chroma of living skin and lips."""
    return float(
        np.clip((colour.max() - colour.min()) / max(float(colour.max()), 1.0) / 0.18, 0, 1)
    )


def _fade_colour(colour: tuple[float, float, float], chroma: float) -> np.ndarray:
    """Fade a colour toward its own grey, as in a picture of that chroma."""
    full = np.array(colour, np.float32)
    return np.asarray(full.mean() + (full - full.mean()) * chroma, dtype=np.float32)


def _sample_colours(rgb: np.ndarray, places: np.ndarray) -> np.ndarray:
    height, width = rgb.shape[:2]
    x = np.clip(np.rint(places[:, 0]), 0, width - 1).astype(int)
    y = np.clip(np.rint(places[:, 1]), 0, height - 1).astype(int)
    return np.asarray(rgb[y, x], dtype=np.float32)


def _draw_teeth(skin: np.ndarray, white: np.ndarray) -> Float32[np.ndarray, "rows columns 4"]:
    """Draw the upper arch: ten teeth in the light of the face, RGBA.

    `white`: the colour of the eyes' whites, which tells of that light.
    """
    columns, rows = TEXTURE
    grey, bright = (max(float(colour @ LUMA), 1.0) for colour in (skin, white))
    light = float(np.clip(0.60 * grey + 0.62 * bright, 8, 226))
    chroma = _measure_chroma(skin)
    colour = light * (
        0.50 * _fade_colour((1.03, 1.0, 0.93), chroma) + 0.30 * white / bright + 0.20 * skin / grey
    )
    arch = np.zeros((rows, columns, 4), np.float32)
    across = np.abs(np.linspace(-1, 1, columns))
    pink = _fade_colour((150, 78, 80), chroma) * float(np.clip(grey / 130, 0.05, 1.1))
    arch[: GUM + 16, :, :3] = pink * np.interp(across, (0.3, 1), (1, 0.45))[None, :, None]
    arch[: GUM + 16, :, 3] = 1
    for side in (-1, 1):
        edge = columns / 2
        for width, height, share in zip(TOOTH_WIDTHS, TOOTH_HEIGHTS, TOOTH_LIGHT, strict=True):
            ends = sorted((edge, edge + side * width))
            edge += side * width
            _draw_tooth(arch, (ends[0], ends[1], height), colour * share)
    return np.asarray(arch)


def _draw_tooth(arch: np.ndarray, place: tuple[float, float, float], colour: np.ndarray) -> None:
    """Draw a tooth, four times as fine.

    It is round at the gum and at the cutting edge, darker at its root and its sides.
    """
    low, high, height = place
    rows, columns = arch.shape[:2]
    drawn = np.zeros((rows * 4, columns * 4), np.uint8)
    root, shoulder = (GUM + 10) * 4, int((GUM + height - 9) * 4)
    centre, radius = int((low + high) * 2), int((high - low) * 2)
    cv2.rectangle(drawn, (int(low * 4), root), (int(high * 4), shoulder), 255, -1)
    cv2.ellipse(drawn, (centre, shoulder), (radius, 36), 0, 0, 180, 255, -1)
    cv2.ellipse(drawn, (centre, root), (radius, 40), 0, 180, 360, 255, -1)
    cover = (
        cv2.resize(drawn, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    )
    across = np.clip(np.abs((np.arange(columns) - (low + high) / 2) / ((high - low) / 2)), 0, 1)
    shade = (1 - 0.08 * across**3 - 0.14 * across**16)[None, :, None]
    shade = shade * (0.80 + 0.20 * np.clip((np.arange(rows) - GUM) / 50, 0, 1))[:, None, None]
    arch[..., :3] = arch[..., :3] * (1 - cover[..., None]) + colour * shade * cover[..., None]
    arch[..., 3] = np.maximum(arch[..., 3], cover)


def _turn_teeth(teeth: np.ndarray, left_share: float) -> Float32[np.ndarray, "rows columns 4"]:
    """Show the arch as on a turned head: its middle moved, the far side narrower."""
    columns, rows = TEXTURE
    left = round(columns * left_share)
    half = columns // 2
    sides = ((teeth[:, :half], left), (teeth[:, half:], columns - left))
    return np.hstack(
        [cv2.resize(side, (wide, rows), interpolation=cv2.INTER_AREA) for side, wide in sides]
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MouthOpening:
    """A mouth in a pose, in px of the frame.

    `upper`, `lower`: the lip lines (they cross where lips are pressed). `mask`: what neither lip
    covers. What stands between the lines is open as well: far from the lips the search for what
    covers a pixel goes astray.
    """

    upper: Line
    lower: Line
    mask: UInt8[np.ndarray, "rows columns"]


def paint_mouth(mouth: Mouth, frame: np.ndarray, opening: MouthOpening, skull: np.ndarray) -> None:
    """Paint what is seen between the lips into `frame` (RGB) in place.

    `skull`: where the middle of the rest seam would be if only the head had moved.
    """
    gaps = (opening.lower - opening.upper) @ mouth.down
    _paint_seam(mouth, frame, (opening.upper + opening.lower) / 2, gaps)
    gap = float(gaps.max())
    if gap < 0.01 * mouth.unit:
        return
    upper, lower = uncross_lips(mouth, opening.upper, opening.lower)
    outline = np.rint(np.concatenate([upper, lower[::-1]]) * 16).astype(np.int32)
    mask = opening.mask.copy()
    cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA, 4)
    inside = _draw_cavity(mouth, mask.shape, lower[20], gap, upper[-1] - upper[0])
    inside = _lay_teeth(mouth, inside, upper, lower, skull)
    inside = _shade_inside(mouth, inside, mask, gap, (upper[0], upper[-1]))
    soft = cv2.GaussianBlur(mask, (0, 0), max(0.006 * mouth.unit, 0.6)).astype(np.float32)
    cover = soft * (1.15 / 255) - 0.05
    cover = np.clip(cover, 0, 1)[..., None]
    frame[:] = np.clip(frame * (1 - cover) + inside * cover, 0, 255).astype(np.uint8)


def uncross_lips(
    mouth: Mouth, upper: np.ndarray, lower: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give both lip lines their common middle where they cross."""
    crossing = np.minimum((lower - upper) @ mouth.down, 0)[:, None] / 2 * mouth.down
    return upper + crossing, lower - crossing


def _paint_seam(mouth: Mouth, frame: np.ndarray, middle: Line, gaps: np.ndarray) -> None:
    """Paint the dark line where lips are pressed or barely apart.

    At rest it is the portrait's own.
    """
    thin = 0.008 * mouth.unit
    strength = np.clip(np.abs(gaps) / thin, 0, 1) * np.clip(1 - gaps / (4 * thin), 0, 1)
    if strength.max() < 0.05:
        return
    drawn = np.zeros(frame.shape[:2], np.uint8)
    path = np.rint(middle * 16).astype(np.int32)
    cv2.polylines(drawn, [path], False, 255, max(round(0.012 * mouth.unit), 1), cv2.LINE_AA, 4)
    along = np.interp(np.arange(frame.shape[1]), middle[:, 0], strength, left=0, right=0)
    soft = cv2.GaussianBlur(drawn, (0, 0), max(0.006 * mouth.unit, 0.6)).astype(np.float32)
    cover = (soft * (0.85 / 255) * along[None].astype(np.float32))[..., None]
    frame[:] = (frame * (1 - cover) + mouth.seam * cover + 0.5).astype(np.uint8)


def _draw_cavity(
    mouth: Mouth, size: tuple[int, ...], base: np.ndarray, gap: float, across: np.ndarray
) -> np.ndarray:
    """Draw dark red mucosa with the tongue resting on the lower lip's middle."""
    inside = np.empty((*size, 3), np.float32)
    inside[:] = _fade_colour((62, 24, 26), mouth.chroma) * mouth.level
    tongue = np.zeros(size, np.uint8)
    width = float(np.hypot(*across))
    turn = math.degrees(math.atan2(across[1], across[0]))
    centre = (int(base[0] * 16), int(base[1] * 16))
    radii = (int(width * 0.32 * 16), int(max(gap * 0.40, 1) * 16))
    cv2.ellipse(tongue, centre, radii, turn, 0, 360, 255, -1, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(tongue, (0, 0), max(gap * 0.07, 1)).astype(np.float32)[..., None] * (
        0.9 / 255
    )
    colour = _fade_colour((140, 66, 70), mouth.chroma) * mouth.level
    return np.asarray(inside + (colour - inside) * soft)


def _lay_teeth(
    mouth: Mouth, inside: np.ndarray, upper: Line, lower: Line, skull: np.ndarray
) -> np.ndarray:
    across = upper[-1] - upper[0]
    width = float(np.hypot(*across))
    scale = (0.30 * mouth.width + 0.70 * max(width, 0.75 * mouth.width)) * 0.98 / TEXTURE[0]
    right = across / max(width, 1e-3)
    down = np.array([-right[1], right[0]])
    below = lower[20] + 0.012 * mouth.unit * down
    above = np.array([upper[20][0] * 0.3 + skull[0] * 0.7, skull[1]]) - 0.080 * mouth.unit * down
    column = TEXTURE[0] * mouth.middle
    inside = _lay_texture(
        inside, mouth.teeth_below, (below, column, TEXTURE[1] - GUM - 38), right * scale
    )
    return _lay_texture(inside, mouth.teeth_above, (above, column, GUM), right * scale)


def _lay_texture(
    inside: np.ndarray,
    texture: np.ndarray,
    anchor: tuple[np.ndarray, float, float],
    right: np.ndarray,
) -> np.ndarray:
    """Lay a texture with its `anchor` (place; column and row in the texture) where it belongs."""
    place, column, row = anchor
    matrix = np.array([[right[0], -right[1], 0], [right[1], right[0], 0]], np.float32)
    matrix[:, 2] = place - matrix[:, :2] @ (column, row)
    laid = cv2.warpAffine(
        texture, matrix, (inside.shape[1], inside.shape[0]), flags=cv2.INTER_LINEAR
    )
    cover = laid[..., 3:]
    return np.asarray(inside * (1 - cover) + laid[..., :3] * cover)


def _shade_inside(
    mouth: Mouth,
    inside: np.ndarray,
    opening: np.ndarray,
    gap: float,
    corners: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Darken the inside toward lips and cheeks; the lips' own colour shines in at the edge."""
    soft = (
        cv2.GaussianBlur(opening, (0, 0), max(gap * 0.12, 0.012 * mouth.unit)).astype(np.float32)
        / 255
    )
    light = np.clip(soft * 1.62 - 0.36, 0.16, 1)[..., None]
    light = light * np.interp(gap / mouth.unit, *APERTURE)
    half = max(float(np.hypot(*(corners[1] - corners[0]))) / 2, 1.0)
    beside = np.abs(np.arange(inside.shape[1]) - (corners[0][0] + corners[1][0]) / 2) / half
    aside = np.clip(1.18 - 0.70 * beside, 0.40, 1)[None, :, None]
    return np.asarray(inside * light * aside + (mouth.lip * 0.14 + mouth.seam * 0.5) * (1 - light))
