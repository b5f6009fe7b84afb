# SPDX-License-Identifier: Apache-2.0
"""Shade the skin: furrows, forehead, cheeks and nose darken when muscles pull.

The maps are factors on the portrait, not a tint: each line is dark with a light rim, so that the
mean colour of the face stays what it was. Under the brows the shade is broad: lowered brows throw
it, raised brows let light in.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32
from scipy.interpolate import CubicSpline

from model.previs import expression
from model.previs.landmarks import Face
from model.previs.rig import Box

Lines = list[list[tuple[int, float, float]]]

# Each line: mesh point and offset (outward as seen on the viewer's right, down) in IOD; the
# person's left side is mirrored from the given pairs. `width` and `blur` in IOD.
FURROW: Lines = [
    [(107, 0.03, -0.06), (55, 0.05, 0.02), (55, 0.055, 0.08)],
    [(336, -0.03, -0.06), (285, -0.05, 0.02), (285, -0.055, 0.08)],
]
FOREHEAD: Lines = [
    [(104, 0, -0.02 + d), (108, 0, d), (151, 0, 0.03 + d), (337, 0, d), (333, 0, -0.02 + d)]
    for d in (0.02, -0.12)
]
NASOLABIAL: Lines = [
    [(129, -0.02, -0.01), (206, -0.01, -0.04), (216, -0.05, -0.03), (212, -0.05, -0.06)],
    [(358, 0.02, -0.01), (426, 0.01, -0.04), (436, 0.05, -0.03), (432, 0.05, -0.06)],
]
UNDER_EYE: Lines = [
    [(31, 0, 0.01), (229, 0, 0), (231, 0, 0), (233, 0, 0)],
    [(261, 0, 0.01), (449, 0, 0), (451, 0, 0), (453, 0, 0)],
]
NOSE: Lines = [[(193, -0.02, -0.02), (122, 0, 0.02)], [(417, 0.02, -0.02), (351, 0, 0.02)]]
DIMPLE_RIGHT: Lines = [[(216, -0.03, -0.02), (61, -0.085, -0.02), (61, -0.075, 0.055)]]
DIMPLE_LEFT: Lines = [[(436, 0.03, -0.02), (291, 0.085, -0.02), (291, 0.075, 0.055)]]
FROWN: Lines = [
    [(61, -0.01, 0), (202, -0.02, -0.06), (204, -0.04, -0.04)],
    [(291, 0.01, 0), (422, 0.02, -0.06), (424, 0.04, -0.04)],
]
SOCKET: Lines = [
    [(225, 0, 0), (224, 0, 0), (223, 0, 0), (222, 0, 0), (221, 0, 0)],
    [(445, 0, 0), (444, 0, 0), (443, 0, 0), (442, 0, 0), (441, 0, 0)],
]
BROW: Lines = [
    [(70, 0, 0.025), (63, 0, 0.025), (105, 0, 0.025), (66, 0, 0.025), (107, 0, 0.025)],
    [(300, 0, 0.025), (293, 0, 0.025), (334, 0, 0.025), (296, 0, 0.025), (336, 0, 0.025)],
]
RIM = 0.35
# lines, (width, blur, share of the light rim), and how deep per unit
MAPS: tuple[tuple[Lines, tuple[float, float, float], dict[str, float]], ...] = (
    (FURROW, (0.016, 0.018, 0.10), {"AU4": 0.28}),
    (FOREHEAD, (0.012, 0.014, RIM), {"AU1": 0.12, "AU2": 0.12}),
    (NASOLABIAL, (0.040, 0.045, RIM), {"AU12": 0.07, "AU9": 0.06, "AU10": 0.05}),
    (UNDER_EYE, (0.012, 0.013, RIM), {"AU6": 0.18, "AU7": 0.15}),
    (NOSE, (0.014, 0.012, RIM), {"AU9": 0.35}),
    (FROWN, (0.020, 0.030, RIM), {"AU15": 0.09, "AU17": 0.05}),
    (NASOLABIAL[:1] + DIMPLE_RIGHT, (0.030, 0.030, RIM), {"AU14R": 0.11}),
    (NASOLABIAL[1:] + DIMPLE_LEFT, (0.030, 0.030, RIM), {"AU14L": 0.11}),
    # the brow's hair becomes denser or thinner
    (BROW, (0.06, 0.05, 0.0), {"AU4": 0.24, "AU1": -0.06, "AU2": -0.06}),
    (SOCKET, (0.10, 0.09, 0.0), {"AU4": 0.13, "AU1": -0.085, "AU2": -0.08}),
)
# lines never lighten the skin; brow and socket may
LIGHTEST = np.array([0.0] * (len(MAPS) - 2) + [-0.2, -0.2], np.float32)


DEPTHS = np.stack([expression.make_vector(depths) for _, _, depths in MAPS]).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shading:
    """The maps of a portrait at half its resolution, over the box that they touch."""

    box: Box
    maps: Float32[np.ndarray, "maps rows columns"]

    def apply(
        self, source: np.ndarray, target: np.ndarray, units: Float32[np.ndarray, " units"]
    ) -> None:
        """Write the box of the RGBA `source`, its lines deepened, into `target`."""
        left, top, right, bottom = self.box
        rows, columns = self.maps.shape[1:]
        depths = np.maximum(DEPTHS @ units, LIGHTEST)
        change = -(depths @ self.maps.reshape(len(depths), -1)).reshape(rows, columns)
        change = cv2.resize(change, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        np.clip(change, -0.7, 0.3, out=change)
        # Light that skin lets through is red, so shadows in it lose less red than blue.
        factors = cv2.merge([change * 0.8 + 1, change + 1, change * 1.1 + 1, np.ones_like(change)])
        region = source[top:bottom, left:right]
        target[top:bottom, left:right] = cv2.multiply(region, factors, dtype=cv2.CV_8U)


def draw_shading(face: Face, box: Box) -> Shading:
    """Draw the maps of a face inside `box`."""
    left, top, right, bottom = box
    size = ((right - left + 1) // 2, (bottom - top + 1) // 2)
    drawn = np.stack([_draw_map(face, lines, pen, (left, top, *size)) for lines, pen, _ in MAPS])
    touched = np.abs(drawn).max(axis=0) > 0.02
    rows, columns = np.flatnonzero(touched.any(axis=1)), np.flatnonzero(touched.any(axis=0))
    low_x, high_x, low_y, high_y = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    cut = (
        left + 2 * low_x,
        top + 2 * low_y,
        min(left + 2 * high_x, right),
        min(top + 2 * high_y, bottom),
    )
    return Shading(
        box=(int(cut[0]), int(cut[1]), int(cut[2]), int(cut[3])),
        maps=np.ascontiguousarray(drawn[:, low_y:high_y, low_x:high_x], dtype=np.float32),
    )


def _draw_map(
    face: Face, lines: Lines, pen: tuple[float, float, float], place: tuple[int, int, int, int]
) -> np.ndarray:
    """Draw a map at half resolution: soft dark lines (1 at the deepest), a light rim above them."""
    left, top, columns, rows = place
    unit = face.unit / 2
    canvas = np.zeros((rows, columns), np.uint8)
    for line in lines:
        points = np.stack(
            [face.points[i, :2] + face.axes @ (dx, dy) * face.unit for i, dx, dy in line]
        )
        _draw_stroke(canvas, (points - (left, top)) / 2, pen[0] * unit)
    soft = canvas.astype(np.float32) / 255
    dark = cv2.GaussianBlur(soft, (0, 0), max(pen[1] * unit, 0.5))
    rim = cv2.GaussianBlur(soft, (0, 0), max(pen[1] * unit * 2.2, 1.0))
    shift = round(0.02 * unit)
    return np.asarray(
        dark / max(dark.max(), 1e-6) - pen[2] * np.roll(rim, shift, axis=0) / max(rim.max(), 1e-6)
    )


def _draw_stroke(canvas: np.ndarray, points: np.ndarray, width: float) -> None:
    """Draw a smooth line that tapers to its ends."""
    spread = CubicSpline(np.arange(len(points)), points)(np.linspace(0, len(points) - 1, 24))
    for step in range(len(spread) - 1):
        swell = min(1.0, 1.6 * np.sin(np.pi * (step + 0.5) / (len(spread) - 1)))
        start, end = (np.rint(spread[k] * 16).astype(int).tolist() for k in (step, step + 1))
        cv2.line(canvas, start, end, int(255 * swell), max(round(width), 1), cv2.LINE_AA, 4)
