# SPDX-License-Identifier: Apache-2.0
"""Eyelids that close and eyes that look aside, as changes of where the renderer samples the portrait.

The lid is an occluder: skin between crease and lid edge is stretched over the eye, so that the iris is covered and not squeezed.
Looking aside moves what lies between the lids along them; the lids stay. All work is in the face's axes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from model.previs import anatomy
from model.previs.landmarks import Face
from model.previs.rig import Box

Lash = Float32[np.ndarray, "rows columns 1"]
Region = Float32[np.ndarray, "rows columns 2"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Eye:
    """One eye at rest. Curves are over `across` (px along the face's right): `crease`, `upper` and `lower` lid, px along its down,
    both from `origin`. `box`: the pixels that may change. `lash`: colour of the lash line."""

    box: Box
    origin: Float32[np.ndarray, " 2"]
    across: Float32[np.ndarray, " n"]
    crease: Float32[np.ndarray, " n"]
    upper: Float32[np.ndarray, " n"]
    lower: Float32[np.ndarray, " n"]
    lash: Float32[np.ndarray, " 3"]
    line: float


def find(rgb: np.ndarray, face: Face, box: Box) -> tuple[Eye, Eye]:
    """Both eyes of a face, the viewer's left first; nothing outside `box` will change."""
    made = [_eye(rgb, face, box, side) for side in (0, 1)]
    return made[0], made[1]


def _eye(rgb: np.ndarray, face: Face, box: Box, side: int) -> Eye:
    origin, unit = face.eyes[side], face.unit
    upper, lower = (_curve(face, points[side], origin) for points in (anatomy.LID_UPPER, anatomy.LID_LOWER))
    across = np.arange(np.floor(upper[0, 0]) - 2, np.ceil(upper[-1, 0]) + 3, dtype=np.float32)
    top, bottom = _on(across, upper), _on(across, lower)
    opening = np.maximum(bottom - top, 0)
    place = (across - across[0]) / (across[-1] - across[0])
    crease = top - 1.1 * opening.max() * np.sqrt(np.sin(np.pi * place).clip(0)) - 0.02 * unit
    reach = np.array([0.52, 0.42]) * unit
    low = np.maximum(np.floor(origin - reach), box[:2]).astype(int)
    high = np.minimum(np.ceil(origin + reach), box[2:]).astype(int)
    return Eye(
        box=(int(low[0]), int(low[1]), int(high[0]), int(high[1])),
        origin=origin.astype(np.float32),
        across=across,
        crease=crease.astype(np.float32),
        upper=top.astype(np.float32),
        lower=bottom.astype(np.float32),
        lash=_lash_colour(rgb, origin + np.stack([across, top - 0.012 * unit], axis=1) @ face.axes.T),
        line=0.012 * unit,
    )


def _curve(face: Face, points: tuple[int, ...], origin: np.ndarray) -> np.ndarray:
    local = (face.points[list(points), :2] - origin) @ face.axes
    return np.asarray(local[np.argsort(local[:, 0])])


def _on(across: np.ndarray, curve: np.ndarray) -> np.ndarray:
    values = np.interp(across, curve[:, 0], curve[:, 1])
    return np.convolve(np.pad(values, 2, "edge"), np.ones(5) / 5, "valid")


def _lash_colour(rgb: np.ndarray, places: np.ndarray) -> Float32[np.ndarray, " 3"]:
    """The darker quarter of the lid edge, darkened: what lashes look like when the eye is shut."""
    height, width = rgb.shape[:2]
    x = np.clip(np.rint(places[:, 0]), 0, width - 1).astype(int)
    y = np.clip(np.rint(places[:, 1]), 0, height - 1).astype(int)
    colours = rgb[y, x].astype(np.float32)
    order = np.argsort(colours.mean(axis=1))
    return np.asarray(colours[order[: max(3, len(order) // 4)]].mean(axis=0) * 0.8, dtype=np.float32)


def look(eye: Eye, region: Region, axes: np.ndarray, gaze: tuple[float, float]) -> None:
    """Turn the eye: change `region` (where the eye's box samples, in picture px) in place. `gaze` in px (right, down)."""
    if abs(gaze[0]) + abs(gaze[1]) < 0.05:
        return
    place = _Place(eye, region, axes)
    opening = np.maximum(place.lower - place.upper, 0)
    height = (place.down - place.upper) / np.maximum(opening, 1e-3)
    half = (eye.across[-1] - eye.across[0]) / 2
    aside = np.clip(1 - ((place.right - eye.across.mean()) / half) ** 2, 0, 1)
    between = np.clip(np.minimum(height, 1 - height) / 0.12, 0, 1) * (opening > eye.line) * np.minimum(aside * 2, 1)
    right = place.right - gaze[0] * between
    upper, lower = np.interp(right, eye.across, eye.upper), np.interp(right, eye.across, eye.lower)
    shifted = upper + height * (lower - upper) - gaze[1] * between
    down = np.where(between > 0, np.clip(shifted, upper, lower), place.down)
    place.store(right, down)


def close(eye: Eye, region: Region, axes: np.ndarray, closure: float) -> Lash | None:
    """Lower the lid: change `region` in place. `closure` 0 leaves it, 1 shuts the eye. Returns how strongly to paint the lash line."""
    if closure < 0.02:
        return None
    place = _Place(eye, region, axes)
    edge = place.upper - eye.line
    lower = place.lower - 0.06 * (place.lower - place.upper)
    opening = lower - edge
    lid = edge + opening * closure
    share = (place.down - place.crease) / np.maximum(lid - place.crease, 1e-3)
    covered = place.inside & (place.down > place.crease) & (place.down < lid) & (opening > 0.5)
    place.store(place.right, np.where(covered, place.crease + share * (edge - place.crease), place.down))
    distance = place.down - lid
    width = np.where(distance < 0, 0.016, 0.012) * place.unit
    tallest = float((eye.lower - eye.upper).max())
    strength = np.exp(-((distance / width) ** 2)) * place.inside * min(closure * 2.5, 0.85)
    strength *= np.clip(opening / (0.25 * max(tallest, 1.0)), 0, 1)
    return np.asarray(strength[..., None], dtype=np.float32)


class _Place:
    """Where the pixels of an eye's box sample, in the face's axes about the eye, and the lid curves there."""

    def __init__(self, eye: Eye, region: Region, axes: np.ndarray) -> None:
        self._region = region
        self._axes = axes.astype(np.float32)
        self._origin = eye.origin
        relative = (self._region - eye.origin) @ self._axes
        self.right, self.down = relative[..., 0], relative[..., 1]
        index = np.clip(self.right - eye.across[0], 0, len(eye.across) - 1.001)
        whole = index.astype(np.int32)
        part = index - whole
        self.inside = (self.right >= eye.across[0]) & (self.right <= eye.across[-1])
        self.crease, self.upper, self.lower = (
            curve[whole] + (curve[whole + 1] - curve[whole]) * part for curve in (eye.crease, eye.upper, eye.lower)
        )
        self.unit = eye.line / 0.012

    def store(self, right: np.ndarray, down: np.ndarray) -> None:
        self._region[:] = np.stack([right, down], axis=-1) @ self._axes.T + self._origin


def paint(eye: Eye, pixels: np.ndarray, lash: Lash) -> None:
    """Draw the lash line into the rendered pixels of the eye's box in place."""
    pixels[..., :3] = cv2.convertScaleAbs(pixels[..., :3] * (1 - lash) + eye.lash * lash)
