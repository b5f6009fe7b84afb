# SPDX-License-Identifier: Apache-2.0
"""The inside of the mouth: where the lips part at rest, teeth, tongue and cavity, and how they are painted between the lips.

The upper teeth hang on the skull, the lower teeth and the tongue on the jaw. Everything takes its light from the face's own skin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from model.previs import anatomy
from model.previs.landmarks import Face

CLOSED = 0.06  # IOD: a smaller gap between the inner lip lines is a closed mouth
TOOTH_WIDTHS = (36, 30, 30, 26, 22)
TOOTH_HEIGHTS = (60, 56, 59, 52, 46)
TOOTH_LIGHT = (1.0, 0.97, 0.9, 0.78, 0.62)
TEXTURE = (300, 120)

Line = Float32[np.ndarray, "11 2"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mouth:
    """A portrait's mouth at rest, in picture px. `upper`, `lower`: where the lips part (the same line when closed).
    `rest_gap` in IOD. Textures are RGBA float32, colours RGB."""

    upper: Line
    lower: Line
    rest_gap: float
    width: float
    unit: float
    teeth_above: Float32[np.ndarray, "rows columns 4"]
    teeth_below: Float32[np.ndarray, "rows columns 4"]
    lip: Float32[np.ndarray, " 3"]
    level: float
    down: Float32[np.ndarray, " 2"]


def find(rgb: np.ndarray, face: Face) -> Mouth:
    """Study the mouth of a face."""
    points = face.points[:, :2]
    upper, lower = points[list(anatomy.LIP_INNER_UPPER)], points[list(anatomy.LIP_INNER_LOWER)]
    down = face.axes[:, 1]
    gap = float((lower[5] - upper[5]) @ down) / face.unit
    if gap < CLOSED:
        upper = lower = _seam(rgb, (upper + lower) / 2, down, face.unit)
    skin = _colours(rgb, points[list(anatomy.CHEEKS)]).mean(axis=0)
    lips = points[[17, 84, 314, 0, 37, 267]] * 0.6 + points[[14, 87, 317, 13, 82, 312]] * 0.4
    teeth = _teeth(skin)
    below = teeth[::-1].copy()
    below[..., :3] *= 0.72
    return Mouth(
        upper=upper.astype(np.float32),
        lower=lower.astype(np.float32),
        rest_gap=max(gap, 0.0),
        width=float(np.hypot(*(upper[10] - upper[0]))),
        unit=face.unit,
        teeth_above=teeth,
        teeth_below=below,
        lip=_colours(rgb, lips).mean(axis=0),
        level=float(np.clip(skin.mean() / 150, 0.35, 1.15)),
        down=down.astype(np.float32),
    )


def _colours(rgb: np.ndarray, places: np.ndarray) -> np.ndarray:
    height, width = rgb.shape[:2]
    x = np.clip(np.rint(places[:, 0]), 0, width - 1).astype(int)
    y = np.clip(np.rint(places[:, 1]), 0, height - 1).astype(int)
    return np.asarray(rgb[y, x], dtype=np.float32)


def _seam(rgb: np.ndarray, middle: np.ndarray, down: np.ndarray, unit: float) -> np.ndarray:
    """The dark line between closed lips near the landmarks' middle line: the cheapest smooth path (dynamic programming)."""
    grey = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (0, 0), max(1.0, unit / 90)).astype(np.float32)
    offsets = np.linspace(-0.035, 0.045, 41) * unit
    places = (middle[:, None] + offsets[None, :, None] * down).astype(np.float32)
    cost = cv2.remap(grey, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cost = cost - cost.min(axis=1, keepdims=True)
    steps = 2.5 * np.abs(np.arange(41)[:, None] - np.arange(41)[None])
    total, back = cost[0], []
    for row in cost[1:]:
        paths = total[None] + steps
        back.append(paths.argmin(axis=1))
        total = paths.min(axis=1) + row
    chosen = [int(total.argmin())]
    for choice in reversed(back):
        chosen.append(int(choice[chosen[-1]]))
    shift = offsets[chosen[::-1]]
    shift[[0, -1]] *= 0.3  # corners stay with the landmarks
    return np.asarray(middle + shift[:, None] * down)


def _teeth(skin: np.ndarray) -> Float32[np.ndarray, "rows columns 4"]:
    """The upper arch: ten teeth in the light of the face, RGBA."""
    columns, rows = TEXTURE
    light = float(np.clip(skin @ (0.299, 0.587, 0.114) * 1.12, 70, 225))
    tint = skin / max(float(skin @ (0.299, 0.587, 0.114)), 1.0)
    colour = light * (0.75 * np.array([1.04, 1.0, 0.93]) + 0.25 * tint)
    arch = np.zeros((rows, columns, 4), np.float32)
    for side in (-1, 1):
        edge = columns / 2
        for width, height, share in zip(TOOTH_WIDTHS, TOOTH_HEIGHTS, TOOTH_LIGHT, strict=True):
            ends = sorted((edge, edge + side * width))
            edge += side * width
            _tooth(arch, (ends[0] + 0.5, ends[1] - 0.5, height), colour * share)
    arch[..., :3] *= (0.80 + 0.20 * np.clip(np.arange(rows) / 70, 0, 1))[:, None, None]
    return arch


def _tooth(arch: np.ndarray, place: tuple[float, float, float], colour: np.ndarray) -> None:
    low, high, height = place
    rows, columns = arch.shape[:2]
    drawn = np.zeros((rows * 4, columns * 4), np.uint8)
    shoulder = int((height - 9) * 4)
    cv2.rectangle(drawn, (int(low * 4), 0), (int(high * 4), shoulder), 255, -1)
    centre, radii = (int((low + high) * 2), shoulder), (int((high - low) * 2), 36)
    cv2.ellipse(drawn, centre, radii, 0, 0, 180, 255, -1)
    cover = cv2.resize(drawn, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    across = (np.arange(columns) - (low + high) / 2) / ((high - low) / 2)
    shade = (1 - 0.10 * np.clip(np.abs(across), 0, 1) ** 3)[None, :, None]
    arch[..., :3] = arch[..., :3] * (1 - cover[..., None]) + colour * shade * cover[..., None]
    arch[..., 3] = np.maximum(arch[..., 3], cover)


def paint(mouth: Mouth, frame: np.ndarray, upper: Line, lower: Line, skull: np.ndarray) -> None:
    """Paint what is seen between the lips into `frame` (RGB, the mouth's box) in place.

    `upper`, `lower`: the inner lip lines in the frame's px; `skull`: where the middle of the rest seam would be if only the head
    had moved."""
    gap = float(((lower - upper) @ mouth.down).max())
    if gap < 0.01 * mouth.unit:
        return
    rows, columns = frame.shape[:2]
    opening = np.zeros((rows, columns), np.uint8)
    outline = np.rint(np.concatenate([upper, lower[::-1]]) * 16).astype(np.int32)
    cv2.fillPoly(opening, [outline], 255, cv2.LINE_AA, 4)
    inside = _cavity(mouth, (rows, columns), lower[5], gap, upper[10] - upper[0])
    inside = _lay_teeth(mouth, inside, upper, lower, skull)
    inside = _shade(mouth, inside, opening, gap, (upper[0], upper[10]))
    cover = cv2.GaussianBlur(opening, (0, 0), max(0.008 * mouth.unit, 0.7)).astype(np.float32) * (1.1 / 255) - 0.05
    cover = np.clip(cover, 0, 1)[..., None]
    frame[:] = np.clip(frame * (1 - cover) + inside * cover, 0, 255).astype(np.uint8)


def _cavity(mouth: Mouth, size: tuple[int, int], base: np.ndarray, gap: float, across: np.ndarray) -> np.ndarray:
    """Dark red mucosa with the tongue resting on the lower lip's middle."""
    inside = np.empty((*size, 3), np.float32)
    inside[:] = np.array([62, 24, 26], np.float32) * mouth.level
    tongue = np.zeros(size, np.uint8)
    width = float(np.hypot(*across))
    turn = math.degrees(math.atan2(across[1], across[0]))
    centre = (int(base[0] * 16), int(base[1] * 16))
    radii = (int(width * 0.32 * 16), int(max(gap * 0.40, 1) * 16))
    cv2.ellipse(tongue, centre, radii, turn, 0, 360, 255, -1, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(tongue, (0, 0), max(gap * 0.07, 1)).astype(np.float32)[..., None] * (0.9 / 255)
    colour = np.array([140, 66, 70], np.float32) * mouth.level
    return np.asarray(inside + (colour - inside) * soft)


def _lay_teeth(mouth: Mouth, inside: np.ndarray, upper: Line, lower: Line, skull: np.ndarray) -> np.ndarray:
    across = upper[10] - upper[0]
    width = float(np.hypot(*across))
    scale = (0.30 * mouth.width + 0.70 * max(width, 0.75 * mouth.width)) * 0.98 / TEXTURE[0]
    right = across / max(width, 1e-3)
    down = np.array([-right[1], right[0]])
    below = lower[5] + 0.012 * mouth.unit * down
    above = np.array([upper[5][0] * 0.3 + skull[0] * 0.7, skull[1]]) - 0.055 * mouth.unit * down
    inside = _lay(inside, mouth.teeth_below, (below, TEXTURE[1] - 26), right * scale)
    return _lay(inside, mouth.teeth_above, (above, 0), right * scale)


def _lay(inside: np.ndarray, texture: np.ndarray, anchor: tuple[np.ndarray, float], right: np.ndarray) -> np.ndarray:
    place, row = anchor
    matrix = np.array([[right[0], -right[1], 0], [right[1], right[0], 0]], np.float32)
    matrix[:, 2] = place - matrix[:, :2] @ (TEXTURE[0] / 2, row)
    laid = cv2.warpAffine(texture, matrix, (inside.shape[1], inside.shape[0]), flags=cv2.INTER_LINEAR)
    cover = laid[..., 3:]
    return np.asarray(inside * (1 - cover) + laid[..., :3] * cover)


def _shade(
    mouth: Mouth, inside: np.ndarray, opening: np.ndarray, gap: float, corners: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Darker toward the lips and the cheeks; the lips' own colour shines in at the edge."""
    soft = cv2.GaussianBlur(opening, (0, 0), max(gap * 0.12, 0.012 * mouth.unit)).astype(np.float32) / 255
    light = np.clip(soft * 1.55 - 0.38, 0.16, 1)[..., None]
    half = max(float(np.hypot(*(corners[1] - corners[0]))) / 2, 1.0)
    beside = np.abs(np.arange(inside.shape[1]) - (corners[0][0] + corners[1][0]) / 2) / half
    aside = np.clip(1.18 - 0.70 * beside, 0.40, 1)[None, :, None]
    return np.asarray(inside * light * aside + mouth.lip * (0.42 * 0.75) * (1 - light))
