# SPDX-License-Identifier: Apache-2.0
"""Measure a performance from a filmed face: brows, lids, mouth corners and head, by landmarks.

The mouth's speech is left out (it comes from the sound). Everything is measured against the filmed
person's own middle over the clip, so that another face can carry it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float64, UInt8
from scipy.ndimage import gaussian_filter1d

from manifests.errors import InputError, Problem
from model.previs import expression
from model.previs.expression import INDEX
from model.previs.landmarks import Face, Landmarker
from model.previs.rig import HEAD

INNER_BROWS, OUTER_BROWS = (107, 336, 55, 285), (70, 300, 63, 293)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmTuning:
    """Numbers of a filmed performance.

    Sizes of units are what `expression` moves at weight 1, in IOD; the rest is by eye.
    """

    most_lost: float = 0.2  # share of frames without a face that can be bridged
    least_confidence: float = 0.5  # of a face that is followed; below it the face is found anew
    smooth_frames: float = 0.8
    inner_brow: float = 0.125  # AU1
    inner_with_outer: float = 0.4  # AU1 that a raised outer brow explains
    outer_brow: float = 0.11  # AU2
    brow_down: float = 0.082  # AU4
    brows_together: float = 0.21  # AU4
    corner_up: float = 0.115  # AU12
    corner_down: float = 0.10  # AU15
    wider: float = 0.24  # AU20
    smiling: float = -0.02  # IOD; corners above this are a smile, not a stretch
    strongest: float = 1.8  # weight of any unit
    # right and down in IOD, roll, yaw and pitch in radians
    head_limits: tuple[float, ...] = (0.05, 0.05, 0.12, 0.20, 0.15)
    open_percentile: float = 70  # of the film's openings: an open eye
    closing: tuple[float, float] = (0.12, 0.5)  # share less open: where closing begins, and range


TUNING = FilmTuning()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FilmedPerformance:
    """A measured performance at `rate` frames a second.

    `units`: weights (see `_estimate_units`). `head`: in the order of `rig.HEAD`. `lids`: closure in
    [0, 1].
    """

    rate: Fraction
    units: Float64[np.ndarray, "frames units"]
    head: Float64[np.ndarray, "frames head"]
    lids: Float64[np.ndarray, "frames 2"]

    def sample_at(
        self, times: Float64[np.ndarray, " times"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sample units, head and lids at times (seconds); the last frame is held."""
        frames = times * float(self.rate) - 0.5
        known = np.arange(len(self.units))

        def sample(rows: np.ndarray) -> np.ndarray:
            return np.stack([np.interp(frames, known, column) for column in rows.T], axis=1)

        return sample(self.units), sample(self.head), sample(self.lids)


def measure_film(
    frames: Iterable[UInt8[np.ndarray, "height width 3"]],
    rate: Fraction,
    landmarker: Landmarker,
    *,
    name: str,
) -> FilmedPerformance:
    """Measure a film of a face. `name`: what errors call it.

    Raises:
        InputError: There is no face in more than a fifth of the film.
    """
    nothing = np.full(12, np.nan)
    faces = _follow_face(frames, landmarker)
    rows = np.array([nothing if face is None else _measure_face(face) for face in faces])
    _check_rows(rows, name)
    bridged = np.stack([_bridge_gaps(column) for column in rows.T], axis=1)
    change = bridged - np.median(bridged, axis=0)
    return FilmedPerformance(
        rate=rate,
        units=_estimate_units(change),
        head=_limit_head(change),
        lids=_estimate_closure(bridged),
    )


def _check_rows(rows: np.ndarray, name: str) -> None:
    """Refuse a film in which the face is lost for too long."""
    lost = np.isnan(rows).any(axis=-1).sum() / max(len(rows), 1)
    if len(rows) and lost <= TUNING.most_lost:
        return
    message = "no face can be followed in this film" if len(rows) else "the film has no frames"
    expected, got = "one face in every frame", f"{100 * lost:.0f} % lost"
    raise InputError(Problem(file=name, message=message, expected=expected, got=got))


def _follow_face(frames: Iterable[np.ndarray], landmarker: Landmarker) -> Iterator[Face | None]:
    face: Face | None = None
    rest: Face | None = None
    for frame in frames:
        face = landmarker.follow(frame, face, rest) if face is not None else None
        if face is None or face.confidence < TUNING.least_confidence:
            detections = landmarker.detect(frame)
            rest = face = (
                landmarker.fit_mesh(frame, max(detections, key=lambda detection: detection.size))
                if detections
                else None
            )
        yield face


def _measure_face(face: Face) -> np.ndarray:
    """Measure brows, corners and lids in IOD about the eyes (right, down), and the head's pose."""
    eyes = face.eyes.mean(axis=0)
    local = (face.points[:, :2] - eyes) @ face.axes / face.unit
    lids = [local[lower, 1] - local[upper, 1] for upper, lower in ((159, 145), (386, 374))]
    corners = local[291] - local[61]
    nose = (face.points[1] - face.points[168]) / face.unit
    return np.array(
        [
            local[list(INNER_BROWS), 1].mean(),
            local[list(OUTER_BROWS), 1].mean(),
            local[55, 0] - local[285, 0],
            (local[61, 1] + local[291, 1]) / 2 - local[2, 1],
            corners[0],
            *lids,
            face.centre[0] / face.unit,
            face.centre[1] / face.unit,
            math.atan2(face.axes[1, 0], face.axes[0, 0]),
            math.radians(face.yaw_degrees),
            math.atan2(-nose[2], nose[1]),
        ]
    )


def _bridge_gaps(column: np.ndarray) -> np.ndarray:
    known = np.flatnonzero(~np.isnan(column))
    bridged = np.interp(np.arange(len(column)), known, column[known])
    return np.asarray(gaussian_filter1d(bridged, TUNING.smooth_frames))


def _estimate_units(change: np.ndarray) -> np.ndarray:
    """Estimate how much of each unit gives the measured change: the inverse of its size."""
    units = np.zeros((len(change), len(expression.UNITS)))
    inner, outer, together, corner, width = change[:, :5].T
    raised, t = np.maximum(-outer, 0), TUNING
    taken = {
        "AU1": np.maximum(-inner, 0) / t.inner_brow - raised / t.inner_with_outer,
        "AU2": raised / t.outer_brow,
        "AU4": np.maximum(inner, 0) / t.brow_down + np.maximum(together, 0) / t.brows_together,
        "AU12": np.maximum(-corner, 0) / t.corner_up,
        "AU15": np.maximum(corner, 0) / t.corner_down,
        "AU20": np.where(corner > t.smiling, np.maximum(width, 0) / t.wider, 0),
    }
    for name, weight in taken.items():
        units[:, INDEX[name]] = np.clip(weight, 0, t.strongest)
    return units


def _limit_head(change: np.ndarray) -> np.ndarray:
    head = np.zeros((len(change), len(HEAD)))
    limits = np.array(TUNING.head_limits)
    head[:, :5] = np.clip(change[:, 7:12], -limits, limits)
    return head


def _estimate_closure(rows: np.ndarray) -> np.ndarray:
    opening = rows[:, 5:7]
    wide = np.percentile(opening, TUNING.open_percentile, axis=0)
    begins, reach = TUNING.closing
    return np.asarray(np.clip((1 - opening / np.maximum(wide, 1e-3) - begins) / reach, 0, 1))
