# SPDX-License-Identifier: Apache-2.0
"""Detect whether a hand, a mask or a microphone covers the mouth.

Landmarks are drawn over whatever stands there, as sure as ever. This recognises no things: it looks
for lips by what they show, and names what is missing. The limits were measured on the example's
cast, nine drawn heads, a painting and the drawn people of the corpus, plain, grey, dark, dull and
blurred, and on the same faces with masks, hands, microphones and beards drawn over them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from model.previs import anatomy
from model.previs.landmarks import Face

WORKING_UNIT = 64  # IOD in px at which a face is looked at
LIGHTNESS = 60.0  # L* of skin in good light: dark pictures are measured as if in it
RED = (17, 84, 314, 72, 302, 11, 16, 85, 315)  # points on the red of the lips
# on the skin above, below and beside them
ABOUT = (164, 167, 393, 165, 391, 18, 83, 313, 186, 410, 43, 273)
BARE = (151, 9, 8, 168, 6, 108, 337)  # on the forehead and between the eyes
REACH = 0.14  # IOD above and below the middle of the lips in which their line is sought
# A mask: lips and the skin around them are this much less red than the forehead. Under a beard the
# lips stay red.
PALE, PALE_ABOUT = -8.0, -3.0
FLAT, UNPARTED = 5.0, 2.5  # less than both: nothing like lips is there
FAINT, FAINT_LINE = (
    3.0,
    4.0,
    # less than the one, or flat and less than the other: perhaps (teeth leave no dark line between
    # plain lips)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LipVisibility:
    """What is seen where lips should be, in CIELAB, as in good light.

    `apart`: how far the lips' colour lies from the skin about them. `line`: how dark the line
    between them is. `red`, `red_about`: how much redder than the forehead they and the skin about
    them are.
    """

    apart: float
    line: float
    red: float
    red_about: float

    @property
    def why_covered(self) -> str | None:
        """Why something surely covers them, or None."""
        if self.red < PALE and self.red_about < PALE_ABOUT:
            return f"lips and chin are {-self.red:.0f} less red than the forehead (CIELAB a*)"
        if self.apart < FLAT and self.line < UNPARTED:
            return self._compare_lips("the lips")
        return None

    @property
    def why_doubtful(self) -> str | None:
        """Why something may cover them, or None."""
        if self.red < PALE:
            return f"its lips are {-self.red:.0f} less red than the forehead (CIELAB a*)"
        if self.apart < FAINT or (self.line < FAINT_LINE and self.apart < FLAT):
            return self._compare_lips("its lips")
        return None

    def _compare_lips(self, lips: str) -> str:
        line = f"the line between them is only {max(self.line, 0):.1f} darker"
        return f"{lips} differ by only {self.apart:.1f} from the skin around them; {line} (CIELAB)"


def measure_lips(rgb: np.ndarray, face: Face) -> LipVisibility:
    """Measure how visible the lips of a face are in a picture."""
    soft, near = _crop_face(rgb, face)
    points = near.points[:, :2]
    lips, about = (_sample_lab(soft, points[list(part)])[0].mean(axis=0) for part in (RED, ABOUT))
    bare = np.median(_sample_lab(soft, points[list(BARE)])[0], axis=0)
    light = LIGHTNESS / max(float(bare[0]), 2.0)
    return LipVisibility(
        apart=float(np.linalg.norm(lips - about)) * light,
        line=_measure_line(soft, near) * light,
        red=float(lips[1] - bare[1]),
        red_about=float(about[1] - bare[1]),
    )


def _crop_face(rgb: np.ndarray, face: Face) -> tuple[np.ndarray, Face]:
    """Crop the face, small and a little soft; return it with the face's points in it."""
    points, room = face.points[:, :2], 0.2 * face.unit
    low = np.maximum(np.floor(points.min(axis=0) - room), 0).astype(int)
    high = np.ceil(points.max(axis=0) + room).astype(int)
    part, scale = rgb[low[1] : high[1], low[0] : high[0]], min(1.0, WORKING_UNIT / face.unit)
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    placed = face.transform(1.0, (int(low[0]), int(low[1]))).transform(scale)
    return cv2.GaussianBlur(small, (0, 0), max(0.03 * placed.unit, 0.6)), placed


def _sample_lab(rgb: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Sample CIELAB at places (..., 2), as rows of them."""
    rows = places.reshape(-1, places.shape[-2], 2).astype(np.float32)
    seen = cv2.remap(rgb, rows, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.cvtColor(seen.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))


def _measure_line(rgb: np.ndarray, face: Face) -> float:
    """Measure how dark the darkest line across the middle of the lips is (L*).

    It is compared with what lies above and below.
    """
    inner = (anatomy.LIP_INNER_UPPER[3:8], anatomy.LIP_INNER_LOWER[3:8])
    middle = np.mean([face.points[list(points), :2] for points in inner], axis=0)
    steps = np.linspace(-REACH, REACH, 29)[None, :, None] * face.unit * face.axes[:, 1]
    light = _sample_lab(rgb, middle[:, None] + steps)[..., 0].mean(axis=0)
    level = light - np.linspace(light[0], light[-1], len(light))
    darkest = 7 + int(level[7:22].argmin())
    return float(min(level[:darkest].max(), level[darkest + 1 :].max()) - level[darkest])
