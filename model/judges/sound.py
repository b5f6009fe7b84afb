# SPDX-License-Identifier: Apache-2.0
"""Prepare sound for the judges: log-mel frames, and a level curve that no talker uses.

16 kHz mono, 100 steps a second, four to a frame of picture.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float32, Float64, Int16

from manifests.timebase import ANALYSIS_HZ

STEP = ANALYSIS_HZ // 100
STEPS_PER_FRAME = 4
WINDOW = 400
FFT = 512
BANDS = 32
LOW_HZ, HIGH_HZ = 80.0, 7600.0
VOICE_HZ = (300.0, 3000.0)  # where an open mouth is louder than a shut one
FLOOR = 1e-8  # of power at full scale 1
RANGE_DB = 45.0  # below its loudest moments a voice counts as silent

Samples = Int16[np.ndarray, " samples"]


def compute_mel(speech: Samples) -> Float32[np.ndarray, "steps bands"]:
    """Compute log-mel power in whole 10 ms steps, with mean 0 and deviation 1 over the clip."""
    bands = np.log(_compute_power(speech) @ _build_bands().T + FLOOR)
    centred: Float32[np.ndarray, "steps bands"] = (
        (bands - bands.mean()) / (bands.std() + 1e-3)
    ).astype(np.float32)
    return centred


def measure_level(speech: Samples, frames: int) -> Float64[np.ndarray, " frames"]:
    """Measure the level of the voice in each frame of picture, 0 (silent) to 1 (its loudest).

    It covers 300 to 3000 Hz: a crude guess at how open the mouth is. It is wrong for m and s, but
    no talker had a part in it.
    """
    hz = np.fft.rfftfreq(FFT, 1 / ANALYSIS_HZ)
    power = _compute_power(speech)[:, (hz >= VOICE_HZ[0]) & (hz <= VOICE_HZ[1])].sum(axis=1)
    whole = np.zeros(frames * STEPS_PER_FRAME)
    whole[: min(len(power), len(whole))] = power[: len(whole)]
    db = 10 * np.log10(whole.reshape(frames, STEPS_PER_FRAME).mean(axis=1) + FLOOR)
    return np.asarray(np.clip(1 + (db - np.percentile(db, 95)) / RANGE_DB, 0, 1))


def _compute_power(speech: Samples) -> Float64[np.ndarray, "steps bins"]:
    """Compute power spectra of windows around the middle of each step."""
    steps, reach = len(speech) // STEP, (WINDOW - STEP) // 2
    padded = np.pad(speech[: steps * STEP].astype(np.float64) / 32768, reach)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::STEP]
    return np.asarray(np.abs(np.fft.rfft(windows * np.hanning(WINDOW), FFT)) ** 2 / WINDOW)


@cache
def _build_bands() -> Float64[np.ndarray, "bands bins"]:
    """Build triangles, evenly spaced in mel (O'Shaughnessy 1987), each with sum 1."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOW_HZ, HIGH_HZ))
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    hz = np.fft.rfftfreq(FFT, 1 / ANALYSIS_HZ)
    rising = (hz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - hz) / np.diff(edges)[1:, None]
    shapes = np.clip(np.minimum(rising, falling), 0, None)
    return np.asarray(shapes / shapes.sum(axis=1, keepdims=True))
