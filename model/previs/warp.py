# SPDX-License-Identifier: Apache-2.0
"""Render a pose of a portrait: where every pixel of the moving box samples it, and the picture.

The fields are solved in `rig`, the acting is in `score`. Per frame: unit weights times basis gives
forward displacements on coarse grids; fixed-point iteration inverts them (Chen et al. 2008); a
remap of the RGBA portrait; mouth, lashes; the plate.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from model.previs import anatomy, expression, eyes, mouth
from model.previs.expression import INDEX
from model.previs.landmarks import Face
from model.previs.lips import CLOSED
from model.previs.mouth import Mouth
from model.previs.rig import HEAD, Box, Rig, WarpGrid
from model.previs.shading import Shading

Field = Float32[np.ndarray, "rows columns 2"]
Frame = UInt8[np.ndarray, "height width 3"]
Cover = UInt8[np.ndarray, "rows columns"]
WIDE_STEPS = (1.0, 0.5, 0.5)
MOUTH_STEPS = (0.5,) * 7  # lips stretch to twice their length and fold at their ends
SEAM = 0.014  # IOD: half the thickness of the dark line between closed lips


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pose:
    """The acting of a frame.

    `units`: weights in the order of `expression.UNITS`. `head`: the order of `rig.HEAD`, IOD and
    radians. `lids`: closure of the viewer's left and right eye in [0, 1]. `gaze`: right, down in
    IOD. `speech`: the order of `visemes.CHANNELS`, already part of the units. `sides`: how much
    more the viewer's right side moves than the left, above and below the nose; 0 is a mask.
    """

    units: Float32[np.ndarray, " units"]
    head: Float32[np.ndarray, " head"]
    lids: tuple[float, float] = (0.0, 0.0)
    gaze: tuple[float, float] = (0.0, 0.0)
    speech: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    sides: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Puppet:
    """A solved portrait.

    `plate`: the whole picture without the person's edge. `place`: the box of it (left, top, right,
    bottom) in which anything moves. `matte`: the person in the whole picture, for alpha outside
    that box. Everything else is in px of the box; `source` is the person in it, RGBA. `rest`: units
    that bring the portrait's own expression to a neutral, closed mouth; they are part of every
    pose.
    """

    face: Face
    place: Box
    source: UInt8[np.ndarray, "height width 4"]
    plate: Frame
    rig: Rig
    mouth: Mouth
    eyes: tuple[eyes.Eye, eyes.Eye]
    shading: Shading
    rest: Float32[np.ndarray, " units"]
    matte: UInt8[np.ndarray, "height width"]
    warnings: tuple[str, ...] = ()

    @property
    def whole_face(self) -> Face:
        """The face in px of the whole picture."""
        return self.face.transform(1.0, (-self.place[0], -self.place[1]))

    @property
    def head_box(self) -> Box:
        """The head in px of the whole picture, for crops.

        1.5 IOD to the sides, 1.9 above and 1.7 below the face's centre.
        """
        return self._crop_box(np.zeros(2), (1.5, 1.9, 1.7))

    @property
    def mouth_box(self) -> Box:
        """The mouth in px of the whole picture, for crops.

        0.75 IOD to the sides, 0.4 above and 0.5 below the middle of its corners.
        """
        return self._crop_box(self.face.local[list(anatomy.CORNERS)].mean(axis=0), (0.75, 0.4, 0.5))

    def _crop_box(self, about: np.ndarray, room: tuple[float, float, float]) -> Box:
        """Return the box with `room` (beside, above, below; IOD) about a place in the picture."""
        face, (height, width) = self.whole_face, self.plate.shape[:2]
        beside, above, below = room
        corners = face.to_picture(
            about
            + np.array([(-beside, -above), (beside, -above), (-beside, below), (beside, below)])
        )
        low = np.maximum(corners.min(axis=0), 0)
        high = np.minimum(corners.max(axis=0), (width, height))
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])


class Renderer:
    """Renders poses of a puppet. It keeps scratch arrays: use one for one clip at a time."""

    def __init__(self, puppet: Puppet) -> None:
        """Lay out the scratch arrays."""
        self._puppet = puppet
        height, width = puppet.source.shape[:2]
        x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
        self._pixels = np.stack(np.meshgrid(x, y), axis=-1)
        self._fade = _fade_edges(puppet.rig.mouth)
        left, top, right, bottom = puppet.place
        self._plate = np.ascontiguousarray(puppet.plate[top:bottom, left:right])
        self._shaded = puppet.source.copy()
        self._sides = {
            name: _weigh_sides(puppet.face, places)
            for name, places in (
                ("wide", puppet.rig.wide.centres),
                ("mouth", puppet.rig.mouth.centres),
                ("lips", np.stack([puppet.mouth.upper, puppet.mouth.lower])),
            )
        }

    def render_frame(self, pose: Pose) -> Frame:
        """Render the whole picture in this pose."""
        return self._place_person(self.render_person(pose))

    def render_layers(self, pose: Pose) -> tuple[Frame, UInt8[np.ndarray, "height width"]]:
        """Render the whole picture and the person's matte in this pose."""
        person = self.render_person(pose)
        matte = self._puppet.matte.copy()
        _crop_view(matte, self._puppet.place)[:] = person[..., 3]
        return self._place_person(person), matte

    def _place_person(self, person: np.ndarray) -> Frame:
        frame = self._puppet.plate.copy()
        _crop_view(frame, self._puppet.place)[:] = _composite(person, self._plate)
        return frame

    def render_person(self, pose: Pose) -> UInt8[np.ndarray, "rows columns 4"]:
        """Render the moving box of the person alone, RGBA (not premultiplied)."""
        puppet, rig = self._puppet, self._puppet.rig
        units = (pose.units + puppet.rest).astype(np.float32)
        gains = {
            name: 1 + sides @ np.array(pose.sides, np.float32)
            for name, sides in self._sides.items()
        }
        drive = _PoseDrive(units, pose.head, gains)
        whole = drive.field(rig.whole, "wide").reshape(rig.wide.rows, rig.wide.columns, 2)
        sampling = _enlarge_field(invert_field(whole, rig.wide, WIDE_STEPS), rig.wide)
        moved = drive.field(rig.lips.reshape(len(rig.lips), -1), "lips")
        upper, lower = puppet.mouth.upper + moved[0], puppet.mouth.lower + moved[1]
        opening = self._cut_mouth(sampling, drive, upper, lower)
        cv2.add(sampling, self._pixels, dst=sampling)
        lids = self._move_eyes(sampling, pose, units)
        puppet.shading.apply(puppet.source, self._shaded, units)
        person = cv2.remap(
            self._shaded, sampling, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        for eye, lid in lids:
            eyes.paint_lid(eye, _crop_view(person, eye.box), lid)
        self._paint_mouth(person, opening, pose.head, (upper, lower))
        return np.asarray(person)

    def _cut_mouth(
        self, sampling: Field, drive: _PoseDrive, upper: np.ndarray, lower: np.ndarray
    ) -> Cover:
        """Replace the map around the lips by one that is cut along the mouth line.

        Returns where the mouth is open: where what would be sampled lies past the edge of the lip
        that it should belong to.
        """
        rig, box = self._puppet.rig, _grid_box(self._puppet.rig.mouth)
        above, below = (
            _enlarge_field(
                invert_field(drive.field(basis, "mouth"), rig.mouth, MOUTH_STEPS), rig.mouth
            )
            for basis in (rig.above, rig.below)
        )
        pixels = _crop_view(self._pixels, box)
        past_upper = self._measure_past(above + pixels, self._puppet.mouth.upper)
        past_lower = -self._measure_past(below + pixels, self._puppet.mouth.lower)
        under = _weigh_below_mouth((upper + lower) / 2, box)
        past = np.where(under[..., 0] > 0.5, past_lower, past_upper)
        self._bare_lips(above, below, upper, lower)
        region = _crop_view(sampling, box)
        cut = above + (below - above) * under
        region += (cut - region) * self._fade
        return np.asarray(np.clip(past, 0, 1) * 255, dtype=np.uint8)

    def _measure_past(
        self, sampled: Field, line: np.ndarray
    ) -> Float32[np.ndarray, "rows columns"]:
        """Measure how far below a lip line (px) each pixel samples; 0 beside the line."""
        columns = np.arange(self._pixels.shape[1], dtype=np.float32)
        edge = np.interp(columns, line[:, 0], line[:, 1]).astype(np.float32)
        inside = ((columns >= line[0, 0]) & (columns <= line[-1, 0])).astype(np.float32)
        column = np.clip(np.rint(sampled[..., 0]), 0, len(columns) - 1).astype(np.int32)
        return np.asarray((sampled[..., 1] - edge[column]) * inside[column])

    def _bare_lips(self, above: Field, below: Field, upper: np.ndarray, lower: np.ndarray) -> None:
        """Sample the lips a little off their seam where the mouth opens.

        The seam's dark line must not be stretched over them.
        """
        lips, (left, top, right, bottom) = self._puppet.mouth, _grid_box(self._puppet.rig.mouth)
        gaps = (lower - upper) @ lips.down
        if lips.rest_gap >= CLOSED or gaps.max() < 0.002 * lips.unit:
            return
        x = np.arange(left, right, dtype=np.float32)
        gap = np.interp(x, upper[:, 0], gaps, left=0, right=0)
        # The corners follow the opening beside them, or their dark ends would stretch into blots.
        wide = maximum_filter1d(gap, max(3, round(0.22 * lips.unit)))
        share = uniform_filter1d(
            np.clip(wide / (0.04 * lips.unit), 0, 1), max(3, round(0.10 * lips.unit))
        )
        push = (SEAM * lips.unit * share).astype(np.float32)
        room = 0.16 * lips.unit
        for sampled, line, sign in ((above, upper, -1), (below, lower, 1)):
            edge = np.interp(x, line[:, 0], line[:, 1]).astype(np.float32)
            rows = _bound_slice(edge.min() - room, edge.max() + room, (top, bottom))
            y = np.arange(rows.start + top, rows.stop + top, dtype=np.float32)[:, None]
            distance = np.maximum((y - edge) * np.float32(sign), 0)
            shift = push * np.exp(distance * np.float32(-1 / (0.05 * lips.unit)))
            sampled[rows] += (sign * shift)[..., None] * lips.down

    def _move_eyes(
        self, sampling: Field, pose: Pose, units: np.ndarray
    ) -> list[tuple[eyes.Eye, eyes.Lid]]:
        face = self._puppet.face
        gaze = (pose.gaze[0] * face.unit, pose.gaze[1] * face.unit)
        raising, lowering = (
            expression.LID_UNITS[name][0] * float(units[INDEX[name]]) for name in ("AU5", "AU7")
        )
        lift = -(raising + lowering) * face.unit
        lids = []
        for eye, closure in zip(self._puppet.eyes, pose.lids, strict=True):
            region = _crop_view(sampling, eye.box)
            eyes.turn_eye(eye, region, face.axes, gaze)
            wide = eyes.widen_eye(eye, region, face.axes, lift)
            shut = eyes.close_eye(eye, region, face.axes, closure)
            lids += [(eye, painted) for painted in (wide, shut) if painted is not None]
        return lids

    def _paint_mouth(
        self,
        person: np.ndarray,
        opening: Cover,
        head: np.ndarray,
        lines: tuple[np.ndarray, np.ndarray],
    ) -> None:
        lips, (left, top, right, bottom) = self._puppet.mouth, _grid_box(self._puppet.rig.mouth)
        room = 0.08 * lips.unit
        both = np.concatenate(lines)
        rows = _bound_slice(both[:, 1].min() - room, both[:, 1].max() + room, (top, bottom))
        columns = _bound_slice(both[:, 0].min() - room, both[:, 0].max() + room, (left, right))
        box = (left + columns.start, top + rows.start, left + columns.stop, top + rows.stop)
        seam = lips.upper[20] + self._puppet.rig.lips[-len(HEAD) :, 20].T @ head
        offset = np.array(box[:2], np.float32)
        placed = mouth.MouthOpening(
            upper=lines[0] - offset, lower=lines[1] - offset, mask=opening[rows, columns]
        )
        mouth.paint_mouth(lips, _crop_view(person, box)[..., :3], placed, seam - offset)


def _crop_view(picture: np.ndarray, box: Box) -> np.ndarray:
    return picture[box[1] : box[3], box[0] : box[2]]


def _bound_slice(low: float, high: float, bounds: tuple[int, int]) -> slice:
    """Return whole steps from `low` to `high` inside bounds, counted from the first bound."""
    start, stop = max(int(low), bounds[0]), min(int(high) + 2, bounds[1])
    return slice(start - bounds[0], max(stop, start + 1) - bounds[0])


def _grid_box(grid: WarpGrid) -> Box:
    return grid.left, grid.top, grid.right, grid.bottom


@dataclass(frozen=True, slots=True, kw_only=False, eq=False)
class _PoseDrive:
    """A pose's weights, and by how much each place of each grid follows the units."""

    units: Float32[np.ndarray, " units"]
    head: Float32[np.ndarray, " head"]
    gains: dict[str, np.ndarray]

    def field(self, basis: np.ndarray, grid: str) -> np.ndarray:
        """Compute the displacement of every place of a grid: units by side, the head as a whole."""
        gain, count = self.gains[grid][..., None], len(self.units)
        face = (self.units @ basis[:count]).reshape(*gain.shape[:-1], 2)
        return np.asarray(face * gain + (self.head @ basis[count:]).reshape(face.shape))


def _weigh_sides(face: Face, places: np.ndarray) -> np.ndarray:
    """Return -1 on the viewer's left of the face to 1 on its right.

    Two channels: for what lies above the nose's tip, and for what lies below.
    """
    local = face.to_local(places.reshape(-1, 2).astype(np.float64))
    side = np.tanh(local[:, 0] / 0.35)
    below = 1 / (1 + np.exp(np.clip(-(local[:, 1] - face.local[1, 1]) / 0.1, -40, 40)))
    return (
        np.stack([side * (1 - below), side * below], axis=1)
        .reshape(*places.shape[:-1], 2)
        .astype(np.float32)
    )


def invert_field(field: Field, grid: WarpGrid, shares: tuple[float, ...]) -> Field:
    """Return offsets (px) of where to sample, so that what stands at p moves to p + field(p).

    Fixed-point steps; each goes that share of its way: where a movement doubles the distance of
    neighbours, whole steps swing without end.
    """
    across, down = grid.step
    scale = np.array([1 / across, 1 / down], np.float32)
    index = (grid.centres + 0.5 - (grid.left, grid.top)).astype(np.float32) * scale - 0.5
    offset = -field
    for share in shares:
        moved = cv2.remap(
            field, index + offset * scale, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        offset -= np.float32(share) * (offset + moved)
    return np.asarray(offset)


def _enlarge_field(field: Field, grid: WarpGrid) -> Field:
    size = (grid.right - grid.left, grid.bottom - grid.top)
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_LINEAR))


def _weigh_below_mouth(middle: np.ndarray, box: Box) -> Float32[np.ndarray, "rows columns 1"]:
    """Return 0 above and 1 below the mouth line: sharp between the corners, softer beside them."""
    left, top, right, bottom = box
    x, y = np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32)
    line = np.interp(x, middle[:, 0], middle[:, 1]).astype(np.float32)
    beside = np.maximum(np.maximum(middle[0, 0] - x, x - middle[-1, 0]), 0)
    softness = (beside * 0.35 + 1e-3).astype(np.float32)
    return np.asarray(np.clip((y[:, None] - line) / (2 * softness) + 0.5, 0, 1)[..., None])


def _fade_edges(grid: WarpGrid) -> Float32[np.ndarray, "rows columns 1"]:
    """Return 1 inside the mouth grid, falling to 0 within its outer eighth."""
    ramps = []
    for length in (grid.bottom - grid.top, grid.right - grid.left):
        place = (np.arange(length) + 0.5) / length
        ramps.append(np.clip(np.minimum(place, 1 - place) * 8, 0, 1))
    return np.asarray((ramps[0][:, None] * ramps[1][None])[..., None], dtype=np.float32)


def _composite(person: np.ndarray, plate: np.ndarray) -> np.ndarray:
    """Composite person over plate in 8 bits; exact where the matte is 0 or 255."""
    matte = cv2.extractChannel(person, 3)
    matte = cv2.merge([matte, matte, matte])
    front = cv2.multiply(cv2.cvtColor(person, cv2.COLOR_RGBA2RGB), matte, scale=1 / 255)
    return np.asarray(cv2.add(front, cv2.multiply(plate, cv2.bitwise_not(matte), scale=1 / 255)))
