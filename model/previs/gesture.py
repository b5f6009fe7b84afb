# SPDX-License-Identifier: Apache-2.0
"""Move a head beyond speech: sway, stress nods, blinks, glances, breath.

Everything is a function of time and seed alone, so any moment can be computed in any order. Rates:
12 to 20 blinks a minute (Bentivoglio et al. 1997); glances and fixations of 0.8 to 3 s; about 14
breaths a minute.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float64

Times = Float64[np.ndarray, " times"]
BLOCK = 64
HELD = 30  # ticks of 10 ms
# Seconds after the start of a blink, and how far the lid is closed then: fast down, slow up.
BLINK_TIMES = (0.0, 0.04, 0.08, 0.12, 0.15, 0.20, 0.26, 0.33, 0.40)
BLINK_SHAPE = (0.0, 0.18, 0.68, 1.0, 0.98, 0.74, 0.38, 0.11, 0.0)


def make_drift(times: Times, seed: int, channel: int, seconds: float) -> Times:
    """Make smooth noise of unit spread, bounded to +-2, that forgets itself over about `seconds`.

    Gaussian-filtered white noise on a lattice, normalised analytically so that short clips are not
    inflated.
    """
    step = seconds / 2
    first, last = math.floor(times.min() / step) - 12, math.ceil(times.max() / step) + 12
    values = np.array(
        [_draw_noise(seed, channel, k // BLOCK)[k % BLOCK] for k in range(first, last + 1)]
    )
    kernel = np.exp(-0.5 * ((times[:, None] / step - np.arange(first, last + 1)) / 2) ** 2)
    smooth = kernel @ values / np.sqrt((kernel**2).sum(axis=1))
    return np.asarray(2 * np.tanh(smooth / 2))


@lru_cache(maxsize=512)
def _draw_noise(seed: int, channel: int, block: int) -> Float64[np.ndarray, " block"]:
    return _make_generator(seed, channel, block).standard_normal(BLOCK)


def _make_generator(seed: int, channel: int, block: int = 0) -> np.random.Generator:
    return np.random.Generator(
        np.random.Philox(np.random.SeedSequence((seed & (2**64 - 1), channel, block & 0xFFFFFFFF)))
    )


class Blinks:
    """The times at which the eyes shut; grows as later times are needed."""

    def __init__(self, seed: int, mean_seconds: float = 3.6) -> None:
        """Seed the blinks; `mean_seconds` lie between them."""
        self._random = _make_generator(seed, 101)
        self._mean = mean_seconds
        self._starts = [float(self._random.uniform(0.6, 2.2))]

    def measure_closure(self, times: Times) -> Times:
        """Return how far the lids are shut at times, 0 to 1."""
        self._grow(float(times.max()))
        shut = np.zeros(len(times))
        for start in self._starts:
            if times.min() - 0.4 < start <= times.max():
                shut = np.maximum(shut, np.interp(times - start, BLINK_TIMES, BLINK_SHAPE))
        return shut

    def _grow(self, until: float) -> None:
        while self._starts[-1] <= until:
            again = self._random.random() < 0.08  # now and then twice in a row
            pause = 0.42 if again else 1.4 + min(self._random.exponential(self._mean - 1.4), 7.0)
            self._starts.append(self._starts[-1] + pause)


class Glances:
    """Where the eyes look, in IOD (right, down).

    They fixate near the camera, with quick small jumps between.
    """

    def __init__(self, seed: int, reach: float) -> None:
        """Seed the glances; `reach` is the spread of the jumps."""
        self._random = _make_generator(seed, 102)
        self._reach = reach
        self._jumps = [(0.0, 0.0, 0.0)]

    def at(self, times: Times) -> Float64[np.ndarray, "times 2"]:
        """Return the gaze at times."""
        while self._jumps[-1][0] <= times.max():
            pause = 0.7 + float(self._random.gamma(2.0, 0.55))
            x, y = np.clip(
                self._random.normal(0, self._reach, 2), -2.2 * self._reach, 2.2 * self._reach
            )
            home = self._random.random() < 0.45  # back to the camera
            self._jumps.append(
                (
                    self._jumps[-1][0] + pause,
                    0.0 if home else float(x),
                    0.0 if home else float(y) * 0.5,
                )
            )
        path = np.zeros((len(times), 2))
        before = np.zeros(2)
        for start, x, y in self._jumps:
            share = np.clip((times - start) / 0.05, 0, 1)[:, None]
            path += ((x, y) - before) * share
            before = np.array((x, y))
        return path


def make_breath(times: Times, seed: int) -> Times:
    """Return the rise of the chest at times, 0 to 1: quicker in than out."""
    phase = (
        times * 0.23
        + 0.35 * make_drift(times, seed, 7, 6.0) * 0.2
        + _make_generator(seed, 103).random()
    )
    turn = phase % 1.0
    rise = np.where(turn < 0.4, turn / 0.4, 1 - (turn - 0.4) / 0.6)
    return np.asarray(rise**2 * (3 - 2 * rise))


def find_stress(
    db: Float64[np.ndarray, " ticks"], reference: float
) -> Float64[np.ndarray, " ticks"]:
    """Find the beats of the head at 100 Hz, where the voice rises quickly: about 0 to 1."""
    from scipy.ndimage import gaussian_filter1d

    if len(db) < 2:
        return np.zeros(len(db))
    level = gaussian_filter1d(np.clip((db - reference + 30) / 30, 0, 1.2), 12.0)
    rise = np.maximum(np.gradient(level), 0) * 30
    return np.asarray(np.clip(gaussian_filter1d(rise, 14.0), 0, 1.2))


def find_phrases(speaking: Float64[np.ndarray, " ticks"]) -> Float64[np.ndarray, " ticks"]:
    """Return how busy a face is with speech at 100 Hz.

    It holds `HELD` ticks before and after the sound, and so over a phrase's short pauses.
    """
    from scipy.ndimage import gaussian_filter1d, maximum_filter1d

    if not len(speaking):
        return speaking
    return np.asarray(gaussian_filter1d(maximum_filter1d(speaking, 2 * HELD + 1), 5.0))


def place_nods(speaking: Float64[np.ndarray, " ticks"], seed: int) -> Float64[np.ndarray, " ticks"]:
    """Place a listener's small nods at 100 Hz.

    They come after about every second phrase of the other, a quarter of a second into the pause.
    """
    from scipy.ndimage import gaussian_filter1d

    track = np.zeros(len(speaking))
    ends = (
        np.flatnonzero((speaking[:-1] >= 0.3) & (speaking[1:] < 0.3))
        if len(speaking) > 1
        else np.zeros(0, int)
    )
    for number, end in enumerate(ends):
        spoke = speaking[max(end - 60, 0) : end].min(initial=1.0) > 0.2
        if spoke and _make_generator(seed, 104, number).random() < 0.5:
            track[min(end + 25, len(track) - 1)] = 1.0
    return np.asarray(gaussian_filter1d(track, 11.0) * 11.0 * np.sqrt(2 * np.pi))
