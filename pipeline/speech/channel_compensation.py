# SPDX-License-Identifier: Apache-2.0
"""What the room adds to a voice, taken off: so that one voice in a quiet and in a loud room is one
voice.

A voice vector moves with the level of the background, over a session in several rooms further than
one voice is from the next. How it moves is estimated from the recording itself, a line or a
parabola over the level in every dimension, and subtracted; but only where the voices then group
clearly tighter, as rooms with one voice in each cannot be told from those voices. Pure.

Reference: analysis of covariance (Fisher, 1932); as channel compensation in speaker recognition:
Solomonoff, Campbell and Boardman (2005).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from pipeline.speech import resegment, speech_levels
from pipeline.speech.resegment import Labels, Vectors, Weights

AROUND_FRAMES = 1000  # the background is what lies under ten seconds to either side
STEP_FRAMES = 100
LEAST_ITEMS = 100  # of fewer voices too little is known
LEAST_SPREAD_DB = 3.0  # standard deviation of the background: less is one room
MOST_TERMS = 2
GAIN = 0.0025  # of likeness within the groups that each term must bring
RIDGE = 0.03  # a term that hardly varies is hardly believed

Backgrounds = Float64[np.ndarray, " items"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How voices move with the background. `slopes` (terms, dimension): per term, see `_terms`; no
    term: they do not.
    """

    centre: float
    offsets: Float64[np.ndarray, " terms"]
    slopes: Float64[np.ndarray, "terms dimension"]

    def without(self, vectors: Vectors, backgrounds: Backgrounds) -> Vectors:
        """The vectors as in the room between all rooms, of length 1; zero and NaN stay what they
        are.
        """
        if not len(self.slopes):
            return vectors
        terms = _terms(backgrounds, self.centre)[:, : len(self.slopes)] - self.offsets
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        moved = vectors - np.where(lengths == 0, 0.0, terms @ self.slopes)
        unit: Vectors = moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)
        return unit


ONE_ROOM: Backgrounds = np.zeros(1)  # a `track` of no change: nothing is taken off
NO_ROOM = Room(centre=0.0, offsets=np.zeros(0), slopes=np.zeros((0, 0)))


def track(levels: speech_levels.Levels) -> Float64[np.ndarray, " seconds"]:
    """The background in each second, in dBFS: what nine tenths of the frames around are above. What
    nobody hears is one level.
    """
    around = (
        levels[max(0, i - AROUND_FRAMES) : i + AROUND_FRAMES]
        for i in range(0, len(levels), STEP_FRAMES)
    )
    return np.array(
        [max(speech_levels.SILENT_DB, float(np.percentile(frames, 10))) for frames in around]
    )


def at(found: Float64[np.ndarray, " seconds"], samples: np.ndarray) -> Backgrounds:
    """The background of `track` at these samples (16 kHz)."""
    seconds = np.asarray(samples) // (STEP_FRAMES * speech_levels.HOP)
    backgrounds: Backgrounds = found[np.clip(seconds, 0, len(found) - 1)]
    return backgrounds


def heard(
    vectors: Vectors, backgrounds: Backgrounds, seconds: Weights, speakers: Labels, *, count: int
) -> Room:
    """What the rooms add to voices (unit vectors) of `count` speakers; nothing where it does not
    pay, or cannot be known.

    `speakers`: a first guess at who they are.
    """
    if count < 2 or len(vectors) < max(LEAST_ITEMS, count) or np.std(backgrounds) < LEAST_SPREAD_DB:
        return NO_ROOM
    weight = np.minimum(seconds, resegment.HEAVIEST_SECONDS)
    rooms = [
        NO_ROOM,
        *(_fitted(vectors, backgrounds, weight, terms=terms) for terms in range(1, MOST_TERMS + 1)),
    ]

    def worth(room: Room) -> float:
        moved = room.without(vectors, backgrounds)
        labels = resegment.regroup(moved, seconds, speakers, count=count)
        return resegment.tightness(moved, weight, labels) - GAIN * len(room.slopes)

    return max(rooms, key=worth)


def _terms(backgrounds: Backgrounds, centre: float) -> Float64[np.ndarray, "items terms"]:
    tens = (backgrounds - centre) / 10
    return np.stack([tens, tens**2], axis=1)


def _fitted(vectors: Vectors, backgrounds: Backgrounds, weight: Weights, *, terms: int) -> Room:
    """Weighted least squares of the vectors on the terms, both taken from their means."""
    centre = float(np.average(backgrounds, weights=weight))
    columns = _terms(backgrounds, centre)[:, :terms]
    offsets = np.average(columns, axis=0, weights=weight)
    root = np.sqrt(weight)[:, None]
    x, y = (
        root * (columns - offsets),
        root * (vectors - np.average(vectors, axis=0, weights=weight)),
    )
    slopes = np.linalg.solve(x.T @ x + RIDGE * weight.sum() * np.eye(terms), x.T @ y)
    return Room(centre=centre, offsets=offsets, slopes=slopes)
