# SPDX-License-Identifier: Apache-2.0
"""Draw how a synthetic clip is performed and filmed.

The draws make clips of one emotion differ and classes overlap: how strong the level is, how much of
each action unit is used (65 to 135 %), which side of the face leads, when the emotion comes, a
trace of another emotion, how the head is held, and the light, crop and compression of the camera.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from model.emotion import LABELS, Performance, PerformanceKey
from model.previs.expression import UNITS
from model.previs.rig import HEAD
from model.previs.warp import Pose
from pipeline.corpus.prepare import CropVariation

LEVELS = {1: 0.6, 2: 0.85, 3: 1.1}
LEVEL_SPREAD = 0.10
UNIT_SPREAD = 0.35
TRACE = 0.2  # at most this much of another emotion
NEUTRAL_TRACE = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceDraw:
    """One draw.

    `gains`: factor on each of `expression.UNITS`. `sides`: as in `Pose`. `head`: added to
    `Pose.head`. `onset`: first frame and length of the rise. `light`: gain, its slope to the right
    and down, and its colour. `noise`: deviation in 8-bit steps.
    """

    emotion: str
    intensity: float
    trace: tuple[str, float]
    gains: tuple[float, ...]
    sides: tuple[float, float]
    head: tuple[float, ...]
    onset: tuple[int, int]
    light: tuple[float, float, float, float]
    noise: float
    framing: CropVariation
    seed: int

    def build_performance(self) -> Performance:
        """Build the emotion for the talker: some from the start, all of it after the onset."""
        weights = np.zeros(len(LABELS))
        weights[LABELS.index(self.emotion)] = self.intensity if self.emotion != "neutral" else 1.0
        weights[LABELS.index(self.trace[0])] += self.trace[1]
        start, length = self.onset
        begun = 0.3 * weights
        return Performance(
            (
                PerformanceKey(start, tuple(begun.tolist())),
                PerformanceKey(start + length, tuple(weights.tolist())),
            )
        )


def draw(emotion: str, level: int, chance: np.random.Generator) -> PerformanceDraw:
    """Draw a performance of an emotion at a level (1 to 3)."""
    intensity = float(np.clip(LEVELS[level] + LEVEL_SPREAD * chance.standard_normal(), 0.25, 1.25))
    other = LABELS[int(chance.integers(len(LABELS)))]
    most = NEUTRAL_TRACE if emotion == "neutral" else TRACE
    return PerformanceDraw(
        emotion=emotion,
        intensity=round(intensity, 3),
        trace=(other, round(float(chance.uniform(0, most)), 3)),
        gains=_plain(chance.uniform(1 - UNIT_SPREAD, 1 + UNIT_SPREAD, len(UNITS))),
        sides=_pair(0.18 * chance.standard_normal(2)),
        head=_plain(
            np.array([0.02, 0.02, 0.035, 0.09, 0.05, 0.01])[: len(HEAD)]
            * chance.standard_normal(len(HEAD))
        ),
        onset=(int(chance.integers(-8, 6)), int(chance.integers(4, 16))),
        light=_draw_light(chance),
        noise=round(float(chance.uniform(0, 5)), 2),
        framing=CropVariation(
            scale=round(float(chance.uniform(0.92, 1.1)), 3),
            shift=_pair(0.035 * chance.standard_normal(2)),
            quality=int(chance.integers(18, 90)),
        ),
        seed=int(chance.integers(1 << 31)),
    )


def act_poses(poses: Iterable[Pose], take: PerformanceDraw) -> Iterator[Pose]:
    """Change the talker's poses as the draw wants them performed."""
    gains, head = np.array(take.gains, np.float32), np.array(take.head, np.float32)
    for pose in poses:
        sides = (pose.sides[0] + take.sides[0], pose.sides[1] + take.sides[1])
        yield dataclasses.replace(
            pose, units=pose.units * gains, head=pose.head + head, sides=sides
        )


def film_frames(frames: Iterable[np.ndarray], take: PerformanceDraw) -> Iterator[np.ndarray]:
    """Put frames into the draw's light and add a camera's noise."""
    chance = np.random.default_rng(take.seed)
    gain: np.ndarray | None = None
    for frame in frames:
        if gain is None:
            gain = _compute_gain(frame.shape[:2], take.light)
        noise = take.noise * chance.standard_normal(frame.shape[:2], dtype=np.float32)[..., None]
        yield np.clip(frame * gain + noise, 0, 255).astype(np.uint8)


def _compute_gain(shape: tuple[int, ...], light: tuple[float, float, float, float]) -> np.ndarray:
    level, right, down, warmth = light
    rows, columns = (np.linspace(-1, 1, length, dtype=np.float32) for length in shape)
    plane = level * (1 + right * columns[None, :] + down * rows[:, None])
    return np.asarray(
        plane[..., None] * (1 + warmth * np.array([1, 0.1, -1], np.float32)), np.float32
    )


def _draw_light(chance: np.random.Generator) -> tuple[float, float, float, float]:
    level, right, down, warmth = chance.uniform([0.7, -0.25, -0.2, -0.1], [1.15, 0.25, 0.2, 0.1])
    return round(level, 3), round(right, 3), round(down, 3), round(warmth, 3)


def _plain(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)


def _pair(values: np.ndarray) -> tuple[float, float]:
    first, second = _plain(values)
    return first, second
