# SPDX-License-Identifier: Apache-2.0
"""Find where the lips part: the seam between closed lips, or the lines of an open mouth.

The seam is dark and is followed to its very ends. The landmarks' inner lip lines miss it by a few
pixels; a warp that is cut beside the seam would smear its dark over the lips.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from model.previs import anatomy
from model.previs.landmarks import Face

CLOSED = 0.06  # IOD: a smaller gap between the inner lip lines is a closed mouth
BEYOND = 10  # steps beside each corner in which the seam is followed

Line = Float32[np.ndarray, "41 2"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LipLines:
    """Points from corner to corner where each lip ends at rest, in picture px.

    `gap`: of the landmarks, in IOD.
    """

    upper: Line
    lower: Line
    gap: float

    @property
    def closed(self) -> bool:
        """Whether the lips touch: then both lines are the seam."""
        return self.gap < CLOSED


def find_lip_lines(rgb: np.ndarray, face: Face) -> LipLines:
    """Find where the lips part at rest."""
    points = face.points[:, :2]
    upper, lower = points[list(anatomy.LIP_INNER_UPPER)], points[list(anatomy.LIP_INNER_LOWER)]
    gap = float((lower[5] - upper[5]) @ face.axes[:, 1]) / face.unit
    if gap < CLOSED:
        upper = lower = _trace_seam(rgb, (upper + lower) / 2, face)
    return LipLines(upper=_smooth_line(upper), lower=_smooth_line(lower), gap=max(gap, 0.0))


def _smooth_line(line: np.ndarray) -> Line:
    """Turn eleven points into a smooth curve of 41."""
    return np.asarray(_SPLINE @ line, dtype=np.float32)


_SPLINE = CubicSpline(np.arange(11), np.eye(11), bc_type="natural")(np.linspace(0, 10, 41))


def _trace_seam(rgb: np.ndarray, middle: np.ndarray, face: Face) -> np.ndarray:
    """Trace the dark line between closed lips near the landmarks' middle line.

    It goes on to where the line ends beside the landmarks' corners.
    """
    unit, (right, down) = face.unit, face.axes.T
    steps = np.arange(1, BEYOND + 1)[:, None] * (0.075 / BEYOND * unit) * right
    path = np.concatenate([middle[0] - steps[::-1], middle, middle[-1] + steps])
    grey = cv2.GaussianBlur(
        cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (0, 0), max(0.6, unit / 220)
    ).astype(np.float32)
    offsets = np.linspace(-0.04, 0.045, 43) * unit
    places = (path[:, None] + offsets[None, :, None] * down).astype(np.float32)
    shades = cv2.remap(grey, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    chosen = _find_cheapest_path(shades - shades.min(axis=1, keepdims=True))
    depth = np.percentile(shades, 75, axis=1) - shades[np.arange(len(path)), chosen]
    first, last = _find_ends(depth / max(float(np.median(depth[BEYOND:-BEYOND])), 1.0))
    seam = path + offsets[chosen][:, None] * down
    smoothed = np.stack(
        [gaussian_filter1d(seam[:, axis], 0.7, mode="nearest") for axis in (0, 1)], axis=1
    )
    spread = np.concatenate([[first], np.arange(BEYOND + 1, BEYOND + 10), [last]])
    # The inner points keep their places; the outer two give way to the true corners.
    spread[1] = (spread[0] + spread[2]) / 2
    spread[-2] = (spread[-1] + spread[-3]) / 2
    return np.stack(
        [np.interp(spread, np.arange(len(path)), smoothed[:, axis]) for axis in (0, 1)], axis=1
    )


def _find_cheapest_path(cost: np.ndarray) -> np.ndarray:
    """Find the column in each row on the cheapest smooth path (dynamic programming)."""
    columns = np.arange(cost.shape[1])
    steps = 2.5 * np.abs(columns[:, None] - columns[None])
    total, back = cost[0], []
    for row in cost[1:]:
        paths = total[None] + steps
        back.append(paths.argmin(axis=1))
        total = paths.min(axis=1) + row
    chosen = [int(total.argmin())]
    for choice in reversed(back):
        chosen.append(int(choice[chosen[-1]]))
    return np.array(chosen[::-1])


def _find_ends(depth: np.ndarray) -> tuple[int, int]:
    """Find the first and last row of the path that are still dark, outward from the corners."""
    first, last = BEYOND, len(depth) - 1 - BEYOND
    while first > 0 and depth[first - 1] > 0.45:
        first -= 1
    while last < len(depth) - 1 and depth[last + 1] > 0.45:
        last += 1
    return first, last
