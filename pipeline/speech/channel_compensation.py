# SPDX-License-Identifier: Apache-2.0
"""Remove what the room adds to a voice vector, so that a voice stays one voice in every room.

A voice vector moves with the level of the background. Over a session in several rooms it moves
further than the distance between two voices. The movement is estimated from the recording itself (a
line or a parabola over the level in every dimension) and subtracted, but only where the voices then
group clearly tighter: rooms with one voice in each cannot be told from those voices. Pure.

Reference: analysis of covariance (Fisher, 1932); as channel compensation in speaker recognition:
Solomonoff, Campbell and Boardman (2005).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from model.level_curve import HOP
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
class ChannelEffect:
    """How voice vectors move with the background.

    `slopes` (terms, dimension): one row for each term of `_build_terms`; without terms voices do
    not move.
    """

    centre: float
    offsets: Float64[np.ndarray, " terms"]
    slopes: Float64[np.ndarray, "terms dimension"]

    def remove_from(self, vectors: Vectors, backgrounds: Backgrounds) -> Vectors:
        """Move unit vectors to the mean background; zero vectors and NaN stay as they are."""
        if not len(self.slopes):
            return vectors
        terms = _build_terms(backgrounds, self.centre)[:, : len(self.slopes)] - self.offsets
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        moved = vectors - np.where(lengths == 0, 0.0, terms @ self.slopes)
        unit: Vectors = moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)
        return unit


CONSTANT_BACKGROUND: Backgrounds = np.zeros(1)  # a `track` of no change: nothing is taken off
NO_EFFECT = ChannelEffect(centre=0.0, offsets=np.zeros(0), slopes=np.zeros((0, 0)))


def track_background(levels: speech_levels.Levels) -> Float64[np.ndarray, " seconds"]:
    """Measure the background in each second, in dBFS: the 10th percentile of the frames around it.

    Levels under the silence threshold count as that threshold.
    """
    around = (
        levels[max(0, i - AROUND_FRAMES) : i + AROUND_FRAMES]
        for i in range(0, len(levels), STEP_FRAMES)
    )
    return np.array(
        [max(speech_levels.SILENT_DB, float(np.percentile(frames, 10))) for frames in around]
    )


def background_at(found: Float64[np.ndarray, " seconds"], samples: np.ndarray) -> Backgrounds:
    """Look up the background of `track_background` at these samples (16 kHz)."""
    seconds = np.asarray(samples) // (STEP_FRAMES * HOP)
    backgrounds: Backgrounds = found[np.clip(seconds, 0, len(found) - 1)]
    return backgrounds


def estimate_effect(
    vectors: Vectors, backgrounds: Backgrounds, seconds: Weights, speakers: Labels, *, count: int
) -> ChannelEffect:
    """Estimate how the rooms change voices (unit vectors) of `count` speakers.

    `speakers`: a first guess at who they are. Returns `NO_EFFECT` where compensation does not group
    the voices tighter, or where there is too little to know.
    """
    if count < 2 or len(vectors) < max(LEAST_ITEMS, count) or np.std(backgrounds) < LEAST_SPREAD_DB:
        return NO_EFFECT
    weight = np.minimum(seconds, resegment.HEAVIEST_SECONDS)
    rooms = [
        NO_EFFECT,
        *(
            _fit_effect(vectors, backgrounds, weight, terms=terms)
            for terms in range(1, MOST_TERMS + 1)
        ),
    ]

    def worth(room: ChannelEffect) -> float:
        moved = room.remove_from(vectors, backgrounds)
        labels = resegment.regroup(moved, seconds, speakers, count=count)
        return resegment.measure_tightness(moved, weight, labels) - GAIN * len(room.slopes)

    return max(rooms, key=worth)


def _build_terms(backgrounds: Backgrounds, centre: float) -> Float64[np.ndarray, "items terms"]:
    """Build the linear and quadratic term of each background, in tens of dB around `centre`."""
    tens = (backgrounds - centre) / 10
    return np.stack([tens, tens**2], axis=1)


def _fit_effect(
    vectors: Vectors, backgrounds: Backgrounds, weight: Weights, *, terms: int
) -> ChannelEffect:
    """Fit the vectors to the terms by weighted, centred ridge regression."""
    centre = float(np.average(backgrounds, weights=weight))
    columns = _build_terms(backgrounds, centre)[:, :terms]
    offsets = np.average(columns, axis=0, weights=weight)
    root = np.sqrt(weight)[:, None]
    x, y = (
        root * (columns - offsets),
        root * (vectors - np.average(vectors, axis=0, weights=weight)),
    )
    slopes = np.linalg.solve(x.T @ x + RIDGE * weight.sum() * np.eye(terms), x.T @ y)
    return ChannelEffect(centre=centre, offsets=offsets, slopes=slopes)
