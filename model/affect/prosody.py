# SPDX-License-Identifier: Apache-2.0
"""Measure prosody: pitch, energy, tilt and rate of mono 16 kHz speech.

Neither speakers nor words matter here. Pitch is the autocorrelation of a windowed stretch over that
of the window: its best peak between 60 and 420 Hz, with a small cost for each octave, then a median
over five steps.

Reference: Boersma (1993), accurate short-term analysis of the fundamental frequency.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from model.affect.prepared_corpus import HZ, PROSODY, SAMPLES_PER_FRAME

STEP = HZ // 100  # of the tracks: 10 ms
WINDOW = 3 * HZ // 60  # three periods of the lowest pitch
LOWEST_HZ, HIGHEST_HZ = 60.0, 420.0
OCTAVE_COST = 0.03
VOICED = 0.5  # of the normalised autocorrelation
SILENT_DB = 35.0  # under the loudest step: neither voiced nor counted as speech
BAND_HZ = 1000.0  # tilt is the energy above it over that below
FLOOR = 1e-5
PEAK_SECONDS = 0.35  # rate counts energy peaks within this on either side

Sound = Float64[np.ndarray, " samples"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProsodyTrack:
    """One value for each 10 ms.

    `f0`: Hz, 0 where unvoiced. `energy_db`, `tilt_db`: relative to full scale. `peaks`: 1 at
    syllable-like peaks of energy, else 0.
    """

    f0: Float64[np.ndarray, " steps"]
    energy_db: Float64[np.ndarray, " steps"]
    tilt_db: Float64[np.ndarray, " steps"]
    peaks: Float64[np.ndarray, " steps"]

    @property
    def spoken(self) -> np.ndarray:
        """Steps that are loud enough to be speech."""
        return np.asarray(self.energy_db > self.energy_db.max() - SILENT_DB)


SUMMARY = ("pitch", "pitch_range", "energy", "energy_range", "tilt", "rate", "pauses", "voiced")
"""What `summarize_utterance` returns.

Mean and deviation of f0 in semitones over 100 Hz, and of energy in dB; mean tilt; peaks a second of
speech; share of pauses between first and last sound; voiced share of speech."""


def measure_track(sound: Sound) -> ProsodyTrack:
    """Measure every 10 ms of a sound."""
    windows = _cut_windows(sound)
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW))) ** 2
    high = round(BAND_HZ / HZ * WINDOW)
    energy = 10 * np.log10(np.mean(windows**2, axis=1) + FLOOR**2)
    tilt = 10 * np.log10(
        (power[:, high:].sum(axis=1) + FLOOR) / (power[:, 1:high].sum(axis=1) + FLOOR)
    )
    f0 = _measure_pitch(windows)
    f0[energy < energy.max() - SILENT_DB] = 0
    return ProsodyTrack(f0=f0, energy_db=energy, tilt_db=tilt, peaks=_find_peaks(energy))


def measure_frames(sound: Sound) -> Float32[np.ndarray, "frames 6"]:
    """Measure the columns of `prepared_corpus.PROSODY`, one row for each whole 40 ms."""
    measured = measure_track(sound)
    count = len(sound) // SAMPLES_PER_FRAME
    steps = SAMPLES_PER_FRAME // STEP
    groups = np.minimum(np.arange(count)[:, None] * steps + np.arange(steps), len(measured.f0) - 1)
    f0 = measured.f0[groups]
    voiced = (f0 > 0).mean(axis=1) >= 0.5
    pitch = np.where(voiced, f0.sum(axis=1) / np.maximum((f0 > 0).sum(axis=1), 1), 1.0)
    energy = measured.energy_db[groups].mean(axis=1) / 20
    reach = round(PEAK_SECONDS * 100)
    rate = np.convolve(measured.peaks, np.ones(2 * reach + 1), "same")[groups[:, 0]] / (
        2 * PEAK_SECONDS
    )
    tilt = measured.tilt_db[groups].mean(axis=1) / 20
    rows = np.column_stack(
        [np.log(pitch), voiced, energy, np.diff(energy, prepend=energy[:1]), tilt, rate]
    )
    assert rows.shape[1] == len(PROSODY)
    return rows.astype(np.float32)


def summarize_utterance(sound: Sound) -> Float64[np.ndarray, " measures"]:
    """Summarize a whole utterance in the eight numbers of `SUMMARY`."""
    measured = measure_track(sound)
    spoken = measured.spoken
    first, last = (int(edge) for edge in np.flatnonzero(spoken)[[0, -1]])
    f0 = measured.f0[measured.f0 > 0]
    semitones = 12 * np.log2(f0 / 100) if len(f0) else np.zeros(1)
    energy = measured.energy_db[spoken]
    seconds = spoken.sum() / 100
    return np.array(
        [
            semitones.mean(),
            semitones.std(),
            energy.mean(),
            energy.std(),
            measured.tilt_db[spoken].mean(),
            measured.peaks[spoken].sum() / seconds,
            1 - spoken[first : last + 1].mean(),
            (measured.f0[spoken] > 0).mean(),
        ]
    )


def _cut_windows(sound: Sound) -> Float64[np.ndarray, "steps window"]:
    """Cut one stretch around the middle of each step."""
    count = max(1, len(sound) // STEP)
    padded = np.pad(np.asarray(sound, np.float64), WINDOW)
    starts = WINDOW + np.arange(count) * STEP + STEP // 2 - WINDOW // 2
    return np.asarray(padded[starts[:, None] + np.arange(WINDOW)])


def _measure_pitch(windows: np.ndarray) -> Float64[np.ndarray, " steps"]:
    shape = np.hanning(WINDOW)
    found = _autocorrelate((windows - windows.mean(axis=1, keepdims=True)) * shape)
    own = _autocorrelate(shape[None])[0]
    shortest, longest = int(HZ / HIGHEST_HZ), int(HZ / LOWEST_HZ)
    lags = np.arange(shortest, longest)
    ratio = found / np.maximum(found[:, :1], 1e-12) / (own / own[0])
    score = ratio[:, lags] - OCTAVE_COST * np.log2(lags / shortest)
    best = score.argmax(axis=1)
    exact = lags[best] + _refine_peak(ratio, lags[best])
    f0 = np.where(ratio[np.arange(len(best)), lags[best]] > VOICED, HZ / exact, 0.0)
    return _smooth_pitch(f0)


def _autocorrelate(rows: np.ndarray) -> np.ndarray:
    size = 1 << int(np.ceil(np.log2(2 * WINDOW)))
    return np.asarray(np.fft.irfft(np.abs(np.fft.rfft(rows, size)) ** 2, size)[:, :WINDOW])


def _refine_peak(ratio: np.ndarray, lag: np.ndarray) -> np.ndarray:
    """Locate the peak between samples by a parabola through its neighbours."""
    row = np.arange(len(lag))
    before, at, after = ratio[row, lag - 1], ratio[row, lag], ratio[row, lag + 1]
    curve = before - 2 * at + after
    return np.clip(
        np.where(np.abs(curve) > 1e-9, 0.5 * (before - after) / np.where(curve == 0, 1, curve), 0),
        -0.5,
        0.5,
    )


def _smooth_pitch(f0: np.ndarray) -> np.ndarray:
    """Take the median over five steps of voiced pitch; drop lone voiced steps."""
    padded = np.pad(f0, 2)
    around = np.stack([padded[k : k + len(f0)] for k in range(5)], axis=1)
    voiced = around > 0
    kept = (f0 > 0) & (voiced.sum(axis=1) >= 3)
    middle = np.array(
        [
            np.median(row[mask]) if mask.any() else 0.0
            for row, mask in zip(around, voiced, strict=True)
        ]
    )
    return np.where(kept, middle, 0.0)


def _find_peaks(energy: np.ndarray) -> np.ndarray:
    """Mark the peaks of the smoothed energy with 1.

    A peak is at least 2 dB over what lies before it and at most 25 dB under the loudest.
    """
    smooth = np.convolve(
        np.pad(energy, 3, mode="edge"), np.hanning(9)[1:-1] / np.hanning(9).sum(), "valid"
    )
    peaks = np.zeros(len(energy))
    low = high = smooth[0]
    place = 0
    for index, value in enumerate(smooth):
        if value > high:
            high, place = value, index
        if value < high - 2:
            if high > low + 2 and high > smooth.max() - 25:
                peaks[place] = 1
            low = high = value
        low = min(low, value)
        if value <= low:
            high = value
    return peaks
