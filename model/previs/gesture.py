# SPDX-License-Identifier: Apache-2.0
"""Move a head beyond speech: sway, stress nods, blinks, glances, breath.

Everything is a function of time and seed alone, so any moment can be computed in any order. Rates:
12 to 20 blinks a minute (Bentivoglio et al. 1997); glances and fixations of 0.8 to 3 s; about 14
breaths a minute.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float64

Times = Float64[np.ndarray, " times"]
BLOCK = 64
HELD = 30  # ticks of 10 ms
# Seconds after the start of a blink, and how far the lid is closed then: fast down, slow up.
BLINK_TIMES = (0.0, 0.04, 0.08, 0.12, 0.15, 0.20, 0.26, 0.33, 0.40)
BLINK_SHAPE = (0.0, 0.18, 0.68, 1.0, 0.98, 0.74, 0.38, 0.11, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GestureTuning:
    """Numbers of what a head does beyond speech. Unless a line says otherwise they are by eye.

    Ticks are of 10 ms. Levels are in dB under the reference, the loud of a sound.
    """

    drift_reach: int = 12  # lattice points of noise beside the moments that are asked for
    drift_steps: float = 2.0  # of the lattice: width of the filter
    drift_bound: float = 2.0  # standard deviations
    # Blinks (rates: Bentivoglio et al. 1997).
    first_blink: tuple[float, float] = (0.6, 2.2)  # s: earliest and latest
    blink_twice: float = 0.08  # chance that a blink follows at once
    twice_seconds: float = 0.42  # from the one to the other
    blink_pause: float = 1.4  # s, the shortest
    blink_most: float = 7.0  # s over the shortest
    # Glances: fixations of 0.8 to 3 s.
    fixation: float = 0.7  # s, the shortest,
    fixation_gamma: tuple[float, float] = (2.0, 0.55)  # and shape and scale (s) of what is over it
    jump_most: float = 2.2  # standard deviations
    look_home: float = 0.45  # chance to look back at the camera
    jump_down: float = 0.5  # of a jump aside
    jump_seconds: float = 0.05  # that a jump takes
    # Breath: about 14 a minute.
    breath_hz: float = 0.23
    breath_drift: float = 6.0  # s in which the rate of breathing changes
    breath_swing: float = 0.35  # breaths off the clock
    breath_share: float = 0.2  # of that swing
    breathe_in: float = 0.4  # share of a breath; out is slower
    # Beats of a speaker's head.
    stress_db: float = 30  # from nothing to loud
    stress_most: float = 1.2
    stress_level_ticks: float = 12.0  # smoothing of the level,
    stress_ticks: float = 14.0  # and of its rise
    stress_gain: float = 30
    phrase_ticks: float = 5.0  # smoothing
    # Nods of a listener.
    phrase_ends: float = 0.3  # how far speech has faded at the end of a phrase
    phrase_seen: tuple[int, float] = (60, 0.2)  # ticks before an end with at least so much speech
    nod_chance: float = 0.5
    nod_after: int = 25  # ticks
    nod_ticks: float = 11.0  # smoothing


TUNING = GestureTuning()


def make_drift(times: Times, seed: int, channel: int, seconds: float) -> Times:
    """Make smooth noise of unit spread, bounded to +-2, that forgets itself over about `seconds`.

    Gaussian-filtered white noise on a lattice, normalised analytically so that short clips are not
    inflated.
    """
    step = seconds / 2
    reach, width = TUNING.drift_reach, TUNING.drift_steps
    first, last = math.floor(times.min() / step) - reach, math.ceil(times.max() / step) + reach
    values = np.array(
        [_draw_noise(seed, channel, k // BLOCK)[k % BLOCK] for k in range(first, last + 1)]
    )
    kernel = np.exp(-0.5 * ((times[:, None] / step - np.arange(first, last + 1)) / width) ** 2)
    smooth = kernel @ values / np.sqrt((kernel**2).sum(axis=1))
    return np.asarray(TUNING.drift_bound * np.tanh(smooth / TUNING.drift_bound))


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
        self._starts = [float(self._random.uniform(*TUNING.first_blink))]

    def measure_closure(self, times: Times) -> Times:
        """Return how far the lids are shut at times, 0 to 1."""
        self._grow(float(times.max()))
        shut = np.zeros(len(times))
        for start in self._starts:
            if times.min() - BLINK_TIMES[-1] < start <= times.max():
                shut = np.maximum(shut, np.interp(times - start, BLINK_TIMES, BLINK_SHAPE))
        return shut

    def _grow(self, until: float) -> None:
        while self._starts[-1] <= until:
            again = self._random.random() < TUNING.blink_twice
            pause = TUNING.twice_seconds if again else self._draw_pause()
            self._starts.append(self._starts[-1] + pause)

    def _draw_pause(self) -> float:
        shortest = TUNING.blink_pause
        return shortest + min(self._random.exponential(self._mean - shortest), TUNING.blink_most)


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
            self._jumps.append(self._draw_jump())
        path = np.zeros((len(times), 2))
        before = np.zeros(2)
        for start, x, y in self._jumps:
            share = np.clip((times - start) / TUNING.jump_seconds, 0, 1)[:, None]
            path += ((x, y) - before) * share
            before = np.array((x, y))
        return path

    def _draw_jump(self) -> tuple[float, float, float]:
        pause = TUNING.fixation + float(self._random.gamma(*TUNING.fixation_gamma))
        most = TUNING.jump_most * self._reach
        x, y = np.clip(self._random.normal(0, self._reach, 2), -most, most)
        start = self._jumps[-1][0] + pause
        if self._random.random() < TUNING.look_home:
            return start, 0.0, 0.0
        return start, float(x), float(y) * TUNING.jump_down


def make_breath(times: Times, seed: int) -> Times:
    """Return the rise of the chest at times, 0 to 1: quicker in than out."""
    drift = TUNING.breath_swing * make_drift(times, seed, 7, TUNING.breath_drift)
    drift *= TUNING.breath_share
    turn = (times * TUNING.breath_hz + drift + _make_generator(seed, 103).random()) % 1.0
    inward = TUNING.breathe_in
    rise = np.where(turn < inward, turn / inward, 1 - (turn - inward) / (1 - inward))
    return np.asarray(rise**2 * (3 - 2 * rise))


def find_stress(
    db: Float64[np.ndarray, " ticks"], reference: float
) -> Float64[np.ndarray, " ticks"]:
    """Find the beats of the head at 100 Hz, where the voice rises quickly: about 0 to 1."""
    from scipy.ndimage import gaussian_filter1d

    if len(db) < 2:
        return np.zeros(len(db))
    loud, most = TUNING.stress_db, TUNING.stress_most
    level = np.clip((db - reference + loud) / loud, 0, most)
    level = gaussian_filter1d(level, TUNING.stress_level_ticks)
    rise = np.maximum(np.gradient(level), 0) * TUNING.stress_gain
    return np.asarray(np.clip(gaussian_filter1d(rise, TUNING.stress_ticks), 0, most))


def find_phrases(speaking: Float64[np.ndarray, " ticks"]) -> Float64[np.ndarray, " ticks"]:
    """Return how busy a face is with speech at 100 Hz.

    It holds `HELD` ticks before and after the sound, and so over a phrase's short pauses.
    """
    from scipy.ndimage import gaussian_filter1d, maximum_filter1d

    if not len(speaking):
        return speaking
    return np.asarray(
        gaussian_filter1d(maximum_filter1d(speaking, 2 * HELD + 1), TUNING.phrase_ticks)
    )


def place_nods(speaking: Float64[np.ndarray, " ticks"], seed: int) -> Float64[np.ndarray, " ticks"]:
    """Place a listener's small nods at 100 Hz.

    They come after about every second phrase of the other, a quarter of a second into the pause.
    """
    from scipy.ndimage import gaussian_filter1d

    track = np.zeros(len(speaking))
    faded, (before, least) = TUNING.phrase_ends, TUNING.phrase_seen
    ends = np.flatnonzero((speaking[:-1] >= faded) & (speaking[1:] < faded))
    for number, end in enumerate(ends):
        spoke = speaking[max(int(end) - before, 0) : end].min(initial=1.0) > least
        if spoke and _make_generator(seed, 104, number).random() < TUNING.nod_chance:
            track[min(int(end) + TUNING.nod_after, len(track) - 1)] = 1.0
    width = TUNING.nod_ticks
    return np.asarray(gaussian_filter1d(track, width) * width * np.sqrt(2 * np.pi))
