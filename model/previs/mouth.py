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
from model.previs.mouth_tuning import TUNING

# landmarks along the outer and the inner edge of the red of the lips
OUTER_LIP, INNER_LIP = (17, 84, 314, 0, 37, 267), (14, 87, 317, 13, 82, 312)
SUBPIXELS, SHIFT = 16, 4  # OpenCV draws in sixteenths of a pixel: 2 ** SHIFT
LUMA = np.array((0.299, 0.587, 0.114), np.float32)  # ITU-R BT.601


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
    red = points[list(OUTER_LIP)] * TUNING.outer_lip + points[list(INNER_LIP)] * TUNING.inner_lip
    lip = _sample_colours(rgb, red).mean(axis=0)
    teeth = _turn_teeth(_draw_teeth(skin, _measure_white(rgb, face)), face.left_share)
    below = teeth[::-1].copy()
    below[..., :3] *= TUNING.lower_light
    seam = lip * TUNING.seam_dark
    if lips.closed:
        closed = _sample_colours(rgb, lips.upper[slice(*TUNING.seam_columns)]).mean(axis=0)
        seam = np.minimum(closed, lip * TUNING.seam_most)
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
        level=float(np.clip(skin.mean() / TUNING.level_grey, *TUNING.level_range)),
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
        brightest.append(seen[grey >= np.percentile(grey, TUNING.white_percentile)].mean(axis=0))
    return np.asarray(np.mean(brightest, axis=0))


def _measure_chroma(colour: np.ndarray) -> float:
    """Return 0 for a grey, rising to 1 for the least chroma of living skin and lips."""
    chroma = (colour.max() - colour.min()) / max(float(colour.max()), 1.0)
    return float(np.clip(chroma / TUNING.living_chroma, 0, 1))


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
    columns, rows = TUNING.texture
    arch = np.zeros((rows, columns, 4), np.float32)
    across = np.abs(np.linspace(-1, 1, columns))
    gum = TUNING.gum + TUNING.gum_overlap
    arch[:gum, :, :3] = _colour_gum(skin) * np.interp(across, *TUNING.gum_fade)[None, :, None]
    arch[:gum, :, 3] = 1
    colour = _colour_enamel(skin, white)
    sizes = (TUNING.tooth_widths, TUNING.tooth_heights, TUNING.tooth_light)
    for side in (-1, 1):
        edge = columns / 2
        for width, height, share in zip(*sizes, strict=True):
            ends = sorted((edge, edge + side * width))
            edge += side * width
            _draw_tooth(arch, (ends[0], ends[1], height), colour * share)
    return np.asarray(arch)


def _colour_gum(skin: np.ndarray) -> np.ndarray:
    """Colour the gum in the light of the face."""
    grey = max(float(skin @ LUMA), 1.0)
    light = float(np.clip(grey / TUNING.gum_skin_grey, *TUNING.gum_light))
    return np.asarray(_fade_colour(TUNING.gum_pink, _measure_chroma(skin)) * light)


def _colour_enamel(skin: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Colour the teeth in the light that skin and eye whites tell of."""
    grey, bright = (max(float(colour @ LUMA), 1.0) for colour in (skin, white))
    light = TUNING.tooth_from_skin * grey + TUNING.tooth_from_white * bright
    light = float(np.clip(light, TUNING.tooth_darkest, TUNING.tooth_brightest))
    return np.asarray(
        light
        * (
            TUNING.ivory_share * _fade_colour(TUNING.ivory, _measure_chroma(skin))
            + TUNING.white_share * white / bright
            + TUNING.skin_share * skin / grey
        )
    )


def _draw_tooth(arch: np.ndarray, place: tuple[float, float, float], colour: np.ndarray) -> None:
    """Draw a tooth, four times as fine.

    It is round at the gum and at the cutting edge, darker at its root and its sides.
    """
    low, high, height = place
    rows, columns = arch.shape[:2]
    fine = TUNING.oversampling
    drawn = np.zeros((rows * fine, columns * fine), np.uint8)
    root = (TUNING.gum + TUNING.root_below_gum) * fine
    shoulder = int((TUNING.gum + height - TUNING.shoulder_above_edge) * fine)
    centre, radius = int((low + high) * fine / 2), int((high - low) * fine / 2)
    cv2.rectangle(drawn, (int(low * fine), root), (int(high * fine), shoulder), 255, -1)
    cv2.ellipse(drawn, (centre, shoulder), (radius, TUNING.edge_round), 0, 0, 180, 255, -1)
    cv2.ellipse(drawn, (centre, root), (radius, TUNING.root_round), 0, 180, 360, 255, -1)
    cover = (
        cv2.resize(drawn, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    )
    across = np.clip(np.abs((np.arange(columns) - (low + high) / 2) / ((high - low) / 2)), 0, 1)
    shade = _shade_tooth(across, np.arange(rows))
    arch[..., :3] = arch[..., :3] * (1 - cover[..., None]) + colour * shade * cover[..., None]
    arch[..., 3] = np.maximum(arch[..., 3], cover)


def _shade_tooth(across: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Shade a tooth darker at its sides (`across`: 0 in the middle, 1 there) and at its root."""
    (soft, steep), (first, second) = TUNING.side_shade, TUNING.side_powers
    shade = (1 - soft * across**first - steep * across**second)[None, :, None]
    down = np.clip((row - TUNING.gum) / TUNING.root_reach, 0, 1)
    return np.asarray(shade * (TUNING.root_light + (1 - TUNING.root_light) * down)[:, None, None])


def _turn_teeth(teeth: np.ndarray, left_share: float) -> Float32[np.ndarray, "rows columns 4"]:
    """Show the arch as on a turned head: its middle moved, the far side narrower."""
    columns, rows = TUNING.texture
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
    if gap < TUNING.least_gap * mouth.unit:
        return
    upper, lower = uncross_lips(mouth, opening.upper, opening.lower)
    outline = np.rint(np.concatenate([upper, lower[::-1]]) * SUBPIXELS).astype(np.int32)
    mask = opening.mask.copy()
    cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA, SHIFT)
    middle = lower[TUNING.middle_point]
    inside = _draw_cavity(mouth, mask.shape, middle, gap, upper[-1] - upper[0])
    inside = _lay_teeth(mouth, inside, upper, lower, skull)
    inside = _shade_inside(mouth, inside, mask, gap, (upper[0], upper[-1]))
    soft = cv2.GaussianBlur(mask, (0, 0), _choose_blur(mouth)).astype(np.float32)
    cover = soft * (TUNING.cover_gain / 255) - TUNING.cover_offset
    cover = np.clip(cover, 0, 1)[..., None]
    frame[:] = np.clip(frame * (1 - cover) + inside * cover, 0, 255).astype(np.uint8)


def _choose_blur(mouth: Mouth) -> float:
    """Choose the softness of edges, in px."""
    return max(TUNING.blur * mouth.unit, TUNING.least_blur)


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
    thin, fades = TUNING.seam_gap * mouth.unit, TUNING.seam_fades
    strength = np.clip(np.abs(gaps) / thin, 0, 1) * np.clip(1 - gaps / (fades * thin), 0, 1)
    if strength.max() < TUNING.seam_least:
        return
    drawn = np.zeros(frame.shape[:2], np.uint8)
    path = np.rint(middle * SUBPIXELS).astype(np.int32)
    width = max(round(TUNING.seam_width * mouth.unit), 1)
    cv2.polylines(drawn, [path], False, 255, width, cv2.LINE_AA, SHIFT)
    along = np.interp(np.arange(frame.shape[1]), middle[:, 0], strength, left=0, right=0)
    soft = cv2.GaussianBlur(drawn, (0, 0), _choose_blur(mouth)).astype(np.float32)
    cover = (soft * (TUNING.seam_cover / 255) * along[None].astype(np.float32))[..., None]
    frame[:] = (frame * (1 - cover) + mouth.seam * cover + 0.5).astype(np.uint8)


def _draw_cavity(
    mouth: Mouth, size: tuple[int, ...], base: np.ndarray, gap: float, across: np.ndarray
) -> np.ndarray:
    """Draw dark red mucosa with the tongue resting on the lower lip's middle."""
    inside = np.empty((*size, 3), np.float32)
    inside[:] = _fade_colour(TUNING.cavity, mouth.chroma) * mouth.level
    tongue = np.zeros(size, np.uint8)
    width = float(np.hypot(*across))
    turn = math.degrees(math.atan2(across[1], across[0]))
    centre = (int(base[0] * SUBPIXELS), int(base[1] * SUBPIXELS))
    radii = (width * TUNING.tongue_width, max(gap * TUNING.tongue_height, 1))
    axes = (int(radii[0] * SUBPIXELS), int(radii[1] * SUBPIXELS))
    cv2.ellipse(tongue, centre, axes, turn, 0, 360, 255, -1, cv2.LINE_AA, SHIFT)
    soft = cv2.GaussianBlur(tongue, (0, 0), max(gap * TUNING.tongue_blur, 1)).astype(np.float32)
    colour = _fade_colour(TUNING.tongue, mouth.chroma) * mouth.level
    return np.asarray(inside + (colour - inside) * (soft[..., None] * (TUNING.tongue_cover / 255)))


def _lay_teeth(
    mouth: Mouth, inside: np.ndarray, upper: Line, lower: Line, skull: np.ndarray
) -> np.ndarray:
    across = upper[-1] - upper[0]
    width = float(np.hypot(*across))
    shown = max(width, TUNING.teeth_narrowest * mouth.width)
    wide = TUNING.teeth_from_rest * mouth.width + TUNING.teeth_from_pose * shown
    scale = wide * TUNING.teeth_fit / TUNING.texture[0]
    right = across / max(width, 1e-3)
    down = np.array([-right[1], right[0]])
    below = lower[TUNING.middle_point] + TUNING.lower_below_lip * mouth.unit * down
    aside = (
        upper[TUNING.middle_point][0] * TUNING.upper_from_lip + skull[0] * TUNING.upper_from_skull
    )
    above = np.array([aside, skull[1]]) - TUNING.upper_above_seam * mouth.unit * down
    column = TUNING.texture[0] * mouth.middle
    row = TUNING.texture[1] - TUNING.gum - TUNING.lower_row
    inside = _lay_texture(inside, mouth.teeth_below, (below, column, row), right * scale)
    return _lay_texture(inside, mouth.teeth_above, (above, column, TUNING.gum), right * scale)


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
    blur = max(gap * TUNING.shade_blur, TUNING.shade_least_blur * mouth.unit)
    soft = cv2.GaussianBlur(opening, (0, 0), blur).astype(np.float32) / 255
    light = np.clip(soft * TUNING.shade_gain - TUNING.shade_offset, TUNING.shade_darkest, 1)
    light = light[..., None] * np.interp(gap / mouth.unit, *TUNING.aperture)
    half = max(float(np.hypot(*(corners[1] - corners[0]))) / 2, 1.0)
    beside = np.abs(np.arange(inside.shape[1]) - (corners[0][0] + corners[1][0]) / 2) / half
    aside = np.clip(TUNING.aside_light - TUNING.aside_slope * beside, TUNING.aside_darkest, 1)
    glow = mouth.lip * TUNING.lip_glow + mouth.seam * TUNING.seam_glow
    return np.asarray(inside * light * aside[None, :, None] + glow * (1 - light))
