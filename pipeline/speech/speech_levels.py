# SPDX-License-Identifier: Apache-2.0
"""Where there is sound: levels of 10 ms frames, pauses, and words drawn in to what is heard.

Pure, on mono 16 kHz sound. It knows loud from quiet, not speech from other sound; recognisers run
words into the silence around them, and this takes the silence back off.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Float64

from manifests.timebase import ANALYSIS_HZ

HOP = ANALYSIS_HZ // 100
BLOCK = 6000 * HOP  # a minute at a time: hours of sound are never squared at once
SILENT_DB = -70.0  # quieter than this is nobody speaking, whatever the noise floor
_SMOOTH_FRAMES = 20  # a cut wants a pause, not a stop consonant

Sound = Float32[np.ndarray, " samples"]
Levels = Float64[np.ndarray, " frames"]


def levels(sound: Sound) -> Levels:
    """Level of each 10 ms frame in dBFS (RMS), the last one padded with silence; at least -120.

    >>> levels(np.ones(320, dtype=np.float32)).round().tolist()
    [0.0, 0.0]
    """
    found = np.concatenate(
        [np.zeros(0), *(_block_levels(sound[i : i + BLOCK]) for i in range(0, len(sound), BLOCK))]
    )
    decibels: Levels = 10 * np.log10(np.maximum(found, 1e-12))
    return decibels


def _block_levels(sound: Sound) -> Levels:
    frames = np.pad(sound, (0, -len(sound) % HOP)).reshape(-1, HOP)
    power: Levels = np.square(frames, dtype=np.float64).mean(axis=1)
    return power


def is_sound(sound: Sound) -> bool:
    """Whether anything in it could be speech."""
    return len(sound) > 0 and bool(levels(sound).max() > SILENT_DB)


def quietest(frames: Levels) -> int:
    """The frame in the middle of the quietest fifth of a second."""
    if len(frames) <= _SMOOTH_FRAMES:
        return len(frames) // 2
    power = np.convolve(10 ** (frames / 10), np.ones(_SMOOTH_FRAMES), mode="valid")
    return int(np.argmin(power)) + _SMOOTH_FRAMES // 2


def spread(frames: Levels) -> float:
    """How far speech stands above its background, in dB: the 95th less the 10th percentile."""
    floor, speech = np.percentile(frames, [10, 95])
    return float(speech - floor)


def sounding(frames: Levels) -> Bool[np.ndarray, " frames"]:
    """Which frames rise above the noise: a third of the way in dB from the floor (10th percentile)
    to speech (95th), at least 6 dB.
    """
    floor, speech = np.percentile(frames, [10, 95])
    threshold = max(floor + max(6.0, (speech - floor) * 0.33), SILENT_DB)
    above: Bool[np.ndarray, " frames"] = frames > threshold
    return above


def silences(frames: Levels, least_samples: int) -> list[tuple[int, int]]:
    """Stretches (samples) of at least `least_samples` in which nothing sounds, in order."""
    quiet = np.concatenate([[False], ~sounding(frames), [False]]).astype(np.int8)
    starts, ends = np.flatnonzero(np.diff(quiet) == 1), np.flatnonzero(np.diff(quiet) == -1)
    found = [(int(a) * HOP, int(b) * HOP) for a, b in zip(starts, ends, strict=True)]
    return [(a, b) for a, b in found if b - a >= least_samples]


def draw_in(spans: Sequence[tuple[int, int]], sound: Sound) -> list[tuple[int, int]]:
    """Word spans (samples) with silent frames at both ends taken off; a span that is silent all
    through stays as it is.
    """
    if not spans:
        return []
    above = sounding(levels(sound))
    return [_drawn_in(span, above, length=len(sound)) for span in spans]


def _drawn_in(
    span: tuple[int, int], above: Bool[np.ndarray, " frames"], *, length: int
) -> tuple[int, int]:
    first, last = max(0, span[0] // HOP), max(1, -(-min(span[1], length) // HOP))
    heard = np.flatnonzero(above[first:last])
    if not len(heard):
        return span[0], max(span[1], span[0] + HOP)
    return (first + int(heard[0])) * HOP, min(length, (first + int(heard[-1]) + 1) * HOP)
