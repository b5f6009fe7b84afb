# SPDX-License-Identifier: Apache-2.0
"""Draw brows and lashes along landmarks of the bare face, which then move with the mesh."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.heads.paint import Picture
from benchmarks.heads.people import Person
from model.previs.landmarks import Landmarker

BROWS = (
    ((70, 63, 105, 66, 107), (46, 53, 52, 65, 55)),
    ((300, 293, 334, 296, 336), (276, 283, 282, 295, 285)),
)
"""Upper and lower edge of each brow, from its tail to the nose."""
UPPER_LIDS = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (263, 466, 388, 387, 386, 385, 384, 398, 362),
)
HAIRS = 260
NEEDED = sorted(
    {point for brow in BROWS for edge in brow for point in edge}
    | {p for lid in UPPER_LIDS for p in lid}
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Anchors:
    """Places of landmarks on the mesh.

    For each of `NEEDED`: the three vertices of its triangle, and the weights in it.
    """

    corners: np.ndarray
    weights: np.ndarray

    def at(self, screen: np.ndarray) -> dict[int, np.ndarray]:
        """Map each landmark to (column, row), for vertices on the screen."""
        places = np.einsum("nc,ncd->nd", self.weights, screen[self.corners][..., :2])
        return dict(zip(NEEDED, places, strict=True))


def anchors(picture: Picture, rgb: np.ndarray, landmarker: Landmarker) -> Anchors | None:
    """Find the landmarks of a painted face and their places on the mesh; None without a face."""
    found = landmarker.detect(rgb)
    if not found:
        return None
    points = landmarker.fit_mesh(rgb, found[0]).points[NEEDED, :2]
    seen = picture.seen
    on_skin = np.flatnonzero(picture.part == 0)
    pixels = np.stack([seen.columns[on_skin], seen.rows[on_skin]], axis=1) + 0.5
    nearest = [on_skin[((pixels - point) ** 2).sum(axis=1).argmin()] for point in points]
    return Anchors(
        corners=picture.scene.faces[seen.triangle[nearest]], weights=seen.weights[nearest]
    )


def draw(rgb: np.ndarray, points: dict[int, np.ndarray], person: Person) -> np.ndarray:
    """Draw brows and lashes on a picture (RGB in [0, 1])."""
    unit = float(np.hypot(*(points[33] - points[263]))) * 0.68
    chance = np.random.default_rng(person.seed + 2)
    colour = np.clip(np.array(person.hair) * 1.1, 0.02, 0.6) ** (1 / 1.25)
    for upper, lower in BROWS:
        edges = (np.stack([points[i] for i in upper]), np.stack([points[i] for i in lower]))
        cover = _draw_brow(edges, unit, rgb.shape[0], chance) * min(0.9, 0.75 * person.brow_weight)
        rgb = rgb * (1 - cover) + colour * cover
    for lid in UPPER_LIDS:
        rgb = _darken_line(rgb, np.stack([points[i] for i in lid]), 0.04 * unit, 0.75)
    return rgb


def _draw_brow(
    edges: tuple[np.ndarray, np.ndarray], unit: float, size: int, chance: np.random.Generator
) -> np.ndarray:
    """Draw the cover [size, size, 1] of one brow: short hairs that lean from the nose outward."""
    canvas = np.zeros((size, size), np.uint8)
    upper, lower = edges
    places, heights, lengths = (
        chance.random(HAIRS) * 4,
        chance.beta(2, 2, HAIRS),
        chance.uniform(0.07, 0.12, HAIRS) * unit,
    )
    for place, height, length in zip(places, heights, lengths, strict=True):
        index = min(int(place), 3)
        share = place - index
        top = upper[index] * (1 - share) + upper[index + 1] * share
        bottom = lower[index] * (1 - share) + lower[index + 1] * share
        root = top * (1 - height) + bottom * height
        along = upper[index] - upper[index + 1]
        along = along / (np.linalg.norm(along) + 1e-6) - [0, 0.15 + 0.12 * place]
        tip = root + along / np.linalg.norm(along) * length
        ends = [(int(x * 16), int(y * 16)) for x, y in (root, tip)]
        cv2.line(canvas, ends[0], ends[1], int(chance.uniform(130, 230)), 1, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(canvas, (0, 0), max(0.6, 0.03 * unit)).astype(np.float64) / 255
    return np.clip(canvas / 255 * 0.5 + 1.1 * soft, 0, 1)[..., None]


def _darken_line(rgb: np.ndarray, line: np.ndarray, width: float, depth: float) -> np.ndarray:
    canvas = np.zeros(rgb.shape[:2], np.uint8)
    cv2.polylines(
        canvas,
        [np.round(line * 16).astype(np.int32)],
        False,
        255,
        max(1, round(width)),
        cv2.LINE_AA,
        4,
    )
    cover = (
        cv2.GaussianBlur(canvas, (0, 0), max(0.5, width / 3)).astype(np.float64)[..., None]
        / 255
        * depth
    )
    return rgb * (1 - cover) + np.array([0.06, 0.045, 0.04]) * cover
