# SPDX-License-Identifier: Apache-2.0
"""Find sound and silence: levels of 10 ms frames, pauses, and words trimmed to the sound in them.

Pure, on mono 16 kHz sound. It tells loud from quiet, not speech from other sound. Recognisers let
words run into the silence around them; `trim_to_sound` takes that silence off again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Float64

from model.level_curve import HOP, measure_power, to_decibels

BLOCK = 6000 * HOP  # a minute at a time: hours of sound are never squared at once
SILENT_DB = -70.0  # quieter than this is nobody speaking, whatever the noise floor
_SMOOTH_FRAMES = 20  # a cut wants a pause, not a stop consonant

Sound = Float32[np.ndarray, " samples"]
Levels = Float64[np.ndarray, " frames"]


def measure_levels(sound: Sound) -> Levels:
    """Measure the level of each 10 ms frame in dBFS (RMS), at least -120.

    The last frame is padded with silence.

    >>> measure_levels(np.ones(320, dtype=np.float32)).round().tolist()
    [0.0, 0.0]
    """
    blocks = (sound[first : first + BLOCK] for first in range(0, len(sound), BLOCK))
    power = [
        measure_power(np.pad(block, (0, -len(block) % HOP)), pairwise=True) for block in blocks
    ]
    decibels: Levels = to_decibels(np.maximum(np.concatenate([np.zeros(0), *power]), 1e-12))
    return decibels


def has_sound(sound: Sound) -> bool:
    """Check whether anything in the sound could be speech."""
    return len(sound) > 0 and bool(measure_levels(sound).max() > SILENT_DB)


def find_quietest(frames: Levels) -> int:
    """Find the frame in the middle of the quietest fifth of a second."""
    if len(frames) <= _SMOOTH_FRAMES:
        return len(frames) // 2
    power = np.convolve(10 ** (frames / 10), np.ones(_SMOOTH_FRAMES), mode="valid")
    return int(np.argmin(power)) + _SMOOTH_FRAMES // 2


def measure_spread(frames: Levels) -> float:
    """Measure how far speech stands above its background, in dB: 95th less 10th percentile."""
    floor, speech = np.percentile(frames, [10, 95])
    return float(speech - floor)


def find_sounding(frames: Levels) -> Bool[np.ndarray, " frames"]:
    """Find the frames that rise above the noise.

    The threshold lies a third of the way in dB from the floor (10th percentile) to speech (95th),
    at least 6 dB above the floor.
    """
    floor, speech = np.percentile(frames, [10, 95])
    threshold = max(floor + max(6.0, (speech - floor) * 0.33), SILENT_DB)
    above: Bool[np.ndarray, " frames"] = frames > threshold
    return above


def find_silences(frames: Levels, least_samples: int) -> list[tuple[int, int]]:
    """Find stretches (in samples) of at least `least_samples` in which nothing sounds, in order."""
    quiet = np.concatenate([[False], ~find_sounding(frames), [False]]).astype(np.int8)
    starts, ends = np.flatnonzero(np.diff(quiet) == 1), np.flatnonzero(np.diff(quiet) == -1)
    found = [(int(a) * HOP, int(b) * HOP) for a, b in zip(starts, ends, strict=True)]
    return [(a, b) for a, b in found if b - a >= least_samples]


def trim_to_sound(spans: Sequence[tuple[int, int]], sound: Sound) -> list[tuple[int, int]]:
    """Trim silent frames off both ends of word spans (in samples); a silent span stays as it is."""
    if not spans:
        return []
    above = find_sounding(measure_levels(sound))
    return [_trim_span(span, above, length=len(sound)) for span in spans]


def _trim_span(
    span: tuple[int, int], above: Bool[np.ndarray, " frames"], *, length: int
) -> tuple[int, int]:
    first, last = max(0, span[0] // HOP), max(1, -(-min(span[1], length) // HOP))
    loud = np.flatnonzero(above[first:last])
    if not len(loud):
        return span[0], max(span[1], span[0] + HOP)
    return (first + int(loud[0])) * HOP, min(length, (first + int(loud[-1]) + 1) * HOP)
