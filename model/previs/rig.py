# SPDX-License-Identifier: Apache-2.0
"""Solve the deformation of a portrait: a dense displacement field for each unit and the head.

Two steps. Each unit's few controls are spread over the 468 mesh points by a radial basis function
(RBF) solve; then a shared solve spreads all mesh points to grids of pixels. The mouth is cut along
the lips: `above` is the field of everything above the mouth line, `below` of everything below; the
renderer chooses between them. Method: biharmonic RBF (Carr et al. 2001).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Float64

from model.previs import anatomy, expression
from model.previs.landmarks import Face

Points = Float64[np.ndarray, "n 2"]
Box = tuple[int, int, int, int]
RINGS = (2.1, 3.0)
RING_POINTS = 20
HEAD = ("right", "down", "roll", "yaw", "pitch", "breath")
MOUTH_MARGIN = (0.42, 0.30, 0.62)  # IOD beside, above and below the lips that the mouth grid covers
REACH = (2.3, 2.7, 2.3)  # IOD beside, above and below the face centre beyond which nothing moves


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WarpGrid:
    """A lattice of sample points: pixel (left, top) to (right, bottom), `columns` x `rows` cells.

    Samples lie at cell centres.
    """

    left: int
    top: int
    right: int
    bottom: int
    columns: int
    rows: int

    @property
    def step(self) -> tuple[float, float]:
        """Pixels in a cell, across and down."""
        return (self.right - self.left) / self.columns, (self.bottom - self.top) / self.rows

    @property
    def centres(self) -> Float32[np.ndarray, "rows columns 2"]:
        """Pixel positions of the samples (a pixel's centre is a whole number)."""
        across, down = self.step
        x = self.left + (np.arange(self.columns) + 0.5) * across - 0.5
        y = self.top + (np.arange(self.rows) + 0.5) * down - 0.5
        return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)

    @classmethod
    def cover_box(cls, box: Box, cell: float) -> WarpGrid:
        """Cover a box of whole px with cells of about `cell` px."""
        left, top, right, bottom = box
        columns, rows = (
            max(2, math.ceil(length / cell)) for length in (right - left, bottom - top)
        )
        return cls(left=left, top=top, right=right, bottom=bottom, columns=columns, rows=rows)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rig:
    """Displacements in px.

    `whole`: a row for each unit, then each of `HEAD`, over the grid `wide`. `above`, `below`: the
    same over the finer grid `mouth`. `lips`: the same for the points of the lip lines, upper then
    lower.
    """

    wide: WarpGrid
    mouth: WarpGrid
    whole: Float32[np.ndarray, "parts values"]
    above: Float32[np.ndarray, "parts values"]
    below: Float32[np.ndarray, "parts values"]
    lips: Float32[np.ndarray, "parts 82 2"]


def build_rig(face: Face, box: Box, lips: tuple[Points, Points]) -> Rig:
    """Build the rig of a face whose lips end in these lines (picture px).

    `box`: its moving part, inside `find_reach`.
    """
    wide = WarpGrid.cover_box(box, face.unit * 0.047)
    mouth = WarpGrid.cover_box(_find_mouth_box(face, box), face.unit * 0.026)
    at_points = _move_mesh(face)
    grid_points = [
        face.to_local(grid.centres.reshape(-1, 2).astype(np.float64)) for grid in (wide, mouth)
    ]
    upper_lip, lower_lip = (face.to_local(line) for line in lips)
    above = _spread_units(face, at_points, anatomy.LOWER_LIP, [*grid_points, upper_lip])
    below = _spread_units(face, at_points, anatomy.UPPER_LIP, [*grid_points, lower_lip])
    under = _weigh_below_mouth(face, grid_points[0])[None, :, None]
    whole = above[0] + (below[0] - above[0]) * under
    fields = [whole, above[1], below[1], above[2], below[2]]
    places = [grid_points[0], grid_points[1], grid_points[1], upper_lip, lower_lip]
    done = [_append_head(face, field, place) for field, place in zip(fields, places, strict=True)]
    return Rig(
        wide=wide,
        mouth=mouth,
        whole=_flatten_field(done[0]),
        above=_flatten_field(done[1]),
        below=_flatten_field(done[2]),
        lips=np.concatenate(done[3:], axis=1).astype(np.float32),
    )


def solve_rbf(controls: Points, values: np.ndarray, places: Points) -> np.ndarray:
    """Spread `values` (n, k) at `controls` to `places` with the kernel -r and a constant.

    It is lightly regularised.
    """
    count = len(controls)
    system = np.zeros((count + 1, count + 1))
    system[:count, :count] = -_measure_distances(controls, controls) - 1e-3 * np.eye(count)
    system[count, :count] = system[:count, count] = 1
    sides = np.vstack([values, np.zeros((1, values.shape[1]))])
    # a single thread: BLAS threads compete for cores on a shared machine
    _, weights = cv2.solve(system, sides, flags=cv2.DECOMP_LU)
    # the large product; its rounding is far below a pixel
    kernel = _measure_distances(places, controls).astype(np.float32)
    return np.asarray(weights[count] - kernel @ weights[:count].astype(np.float32))


def _measure_distances(a: Points, b: Points) -> np.ndarray:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def _place_rings() -> Points:
    turns = np.linspace(0, 2 * math.pi, RING_POINTS, endpoint=False)
    circle = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    return np.concatenate([circle * radius for radius in RINGS])


def _move_mesh(face: Face) -> Float64[np.ndarray, "units 468 2"]:
    """Compute where every unit moves every mesh point, in IOD in the face's axes."""
    local, rings = face.local, _place_rings()
    low, seen = _find_low_points(face)[:, None], _foreshorten(face)
    rows = []
    for name in expression.UNITS:
        controls = expression.build_controls(name)
        upper, lower = (
            _solve_side(side, local, rings) for side in (controls.upper, controls.lower)
        )
        rows.append(np.where(low, lower, upper) * seen)
    return np.stack(rows)


def _foreshorten(face: Face) -> Float64[np.ndarray, "468 2"]:
    """Return how much of a movement across and down is seen at each point.

    Across, it is less on the side that is turned away, more on the other.
    """
    right = 2 * (1 - face.left_share)
    side = np.tanh((face.local[:, 0] - face.local[[*anatomy.MIDLINE], 0].mean()) / 0.1)
    return np.stack([1 + side * (right - 1), np.ones(len(side))], axis=1)


def _solve_side(side: dict[int, tuple[float, float]], local: Points, rings: Points) -> np.ndarray:
    points = np.concatenate([local[list(side)], rings])
    values = np.concatenate([np.array(list(side.values())), np.zeros((len(rings), 2))])
    return solve_rbf(points, values, local)


def _find_low_points(face: Face) -> np.ndarray:
    """Find the mesh points that hang below the mouth line (and so on the jaw)."""
    local = face.local
    line = local[[61, 291], 1].mean()
    low = local[:, 1] > line
    low[list(anatomy.LOWER_LIP)] = True
    low[list(anatomy.UPPER_LIP)] = False
    return np.asarray(low)


def _spread_units(
    face: Face, at_points: np.ndarray, without: tuple[int, ...], places: list[Points]
) -> list[np.ndarray]:
    """Spread all units from the mesh points (without those of a lip) to each list of places.

    Arrays have the shape (units, n, 2).
    """
    kept = np.setdiff1d(np.arange(468), without)
    controls = np.concatenate([face.local[kept], _place_rings()])
    units = len(at_points)
    values = at_points[:, kept].transpose(1, 0, 2).reshape(len(kept), -1)
    values = np.concatenate([values, np.zeros((len(controls) - len(kept), values.shape[1]))])
    spread = solve_rbf(controls, values, np.concatenate(places))
    parts = np.split(spread, np.cumsum([len(place) for place in places])[:-1])
    return [part.reshape(len(part), units, 2).transpose(1, 0, 2) for part in parts]


def _weigh_below_mouth(face: Face, places: Points) -> np.ndarray:
    """Return 0 above and 1 below the mouth line at rest, soft beside the corners."""
    local = face.local
    middle = (local[list(anatomy.LIP_INNER_UPPER)] + local[list(anatomy.LIP_INNER_LOWER)]) / 2
    line = np.interp(places[:, 0], middle[:, 0], middle[:, 1])
    beside = np.maximum(np.maximum(middle[0, 0] - places[:, 0], places[:, 0] - middle[-1, 0]), 0)
    return np.asarray(np.clip((places[:, 1] - line) / (2 * (0.35 * beside + 0.04)) + 0.5, 0, 1))


def _append_head(face: Face, units: np.ndarray, places: Points) -> np.ndarray:
    """Append the head's movements; convert IOD in the face's axes to picture px."""
    everything = np.concatenate([units, _move_head(face, places)])
    everything = everything * _fade_at_reach(places)[None, :, None]
    return np.asarray(everything @ face.axes.T * face.unit)


def _move_head(face: Face, places: Points) -> Float64[np.ndarray, "head n 2"]:
    """Compute how `HEAD` moves places: about the neck, fading out below the chin.

    The movements are for 1 IOD, 1 radian or (breath) 1 IOD of rise.
    """
    local = face.local
    pivot = local[anatomy.CHIN] + (0.0, 0.6)
    about = places - pivot
    hold = 1 / (1 + np.exp(np.clip((about[:, 1] + 0.1) * 5, -40, 40)))
    depth = _measure_depth(face, places)
    ones, zeros = np.ones(len(places)), np.zeros(len(places))
    chest = np.exp(-(((places[:, 1] - local[anatomy.CHIN, 1] - 0.6) / 0.45) ** 2)) + hold
    rows = [
        (ones, zeros),
        (zeros, ones),
        (-about[:, 1], about[:, 0]),
        (depth, zeros),
        (zeros, depth),
    ]
    moved = np.stack([np.stack(row, axis=1) * hold[:, None] for row in rows])
    breath = np.stack([zeros, -chest], axis=1)[None]
    return np.concatenate([moved, breath])


def _measure_depth(face: Face, places: Points) -> np.ndarray:
    """Measure the height of the face toward the camera over its oval, in IOD; 0 outside."""
    toward = -face.points[:, 2] / face.unit
    toward = toward - toward[list(anatomy.OVAL)].mean()
    rings = _place_rings()
    controls = np.concatenate([face.local[::2], rings])
    values = np.concatenate([toward[::2], np.zeros(len(rings))])[:, None]
    return np.asarray(np.clip(solve_rbf(controls, values, places)[:, 0], 0, None))


def _fade_at_reach(places: Points) -> np.ndarray:
    """Return 1 around the face, falling smoothly to 0 at the edge of its reach."""
    beside, above, below = REACH
    inside = np.minimum(
        beside - np.abs(places[:, 0]), np.minimum(places[:, 1] + above, below - places[:, 1])
    )
    rise = np.clip(inside / 0.5, 0, 1)
    return np.asarray(rise**2 * (3 - 2 * rise))


def find_reach(face: Face, size: tuple[int, int]) -> Box:
    """Find the box in a picture of `size` (width, height) outside which nothing moves."""
    beside, above, below = REACH
    corners = np.array([(-beside, -above), (beside, -above), (-beside, below), (beside, below)])
    return _clip_corners(face.to_picture(corners), (0, 0, *size))


def _find_mouth_box(face: Face, box: Box) -> Box:
    beside, above, below = MOUTH_MARGIN
    lips = face.local[list(anatomy.LIPS)]
    low = lips.min(axis=0) - np.array([beside, above])
    high = lips.max(axis=0) + np.array([beside, below])
    corners = np.array([low, (high[0], low[1]), (low[0], high[1]), high])
    return _clip_corners(face.to_picture(corners), box)


def _clip_corners(corners: np.ndarray, box: Box) -> Box:
    low = np.maximum(np.floor(corners.min(axis=0)), box[:2])
    high = np.minimum(np.ceil(corners.max(axis=0)), box[2:])
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _flatten_field(field: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(field.reshape(len(field), -1), dtype=np.float32)
