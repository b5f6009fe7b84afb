# SPDX-License-Identifier: Apache-2.0
"""Checks of a finished file's sound: its offset from the master sound, and lines that are lost.

Both are read once as level curves at 100 Hz; nothing here knows the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from manifests.delivery_rows import Check
from manifests.rows import Cue
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ, format_timecode, round_half_up
from model import level_curve
from model.level_curve import HZ
from pipeline import media

LONGEST_OFFSET = 100  # hundredths of a second, either way
FLOOR_DB = -70.0
LOST_DB = 20.0  # a line that much softer than in the master is lost
SILENT_DB = -55.0  # a line whose loudest tenth of a second is softer was never heard

Levels = Float64[np.ndarray, " times"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundLevels:
    """Levels in dB full scale, one each 10 ms.

    `file` is the file from where its programme begins; `master` is the master sound it was made of.
    """

    file: Levels
    master: Levels


def read_levels(path: Path, master: Levels, *, lead: Fraction = Fraction(0)) -> SoundLevels:
    """Read the levels of a file's sound.

    `master`: the levels of its master, which begins after `lead` seconds (of a slate). Sound that
    the container starts before or after the picture is moved by as much, because players do the
    same. Raises ToolError.
    """
    info = media.probe(path)
    late = info.audio.start - info.video.start if info.audio and info.video else Fraction(0)
    return SoundLevels(
        file=_shift_curve(measure_levels(path), round((late - lead) * HZ)), master=master
    )


def check_offset(levels: SoundLevels, *, version: str, profile: str, rate: Fraction) -> Check:
    """Check that the sound lies where the master lies, to a frame.

    The offset is where the level curves agree best.
    """
    limit = "less than one frame"
    about = {"version": version, "profile": profile, "name": "sound offset", "limit": limit}
    offset = _measure_offset(levels.file, levels.master)
    if offset is None:
        return Check(**about, value="not measurable: no sound that changes", verdict="pass")
    frames = offset / HZ * float(rate)
    value = f"{1000 * offset / HZ:+.0f} ms ({frames:+.1f} frames)"
    if abs(frames) < 1:
        return Check(**about, value=value, verdict="pass")
    advice = f"the sound is {'late' if offset > 0 else 'early'}: render again"
    return Check(**about, value=value, verdict="fail", advice=advice)


def check_lines(
    levels: SoundLevels, cues: Sequence[Cue], *, version: str, profile: str, rate: Fraction
) -> Check:
    """Check that every line is heard.

    A lost line is much softer than in the master, or silent in both.
    """
    lost = [cue for cue in cues if cue.end > cue.start >= 0 and _is_lost(levels, cue)]
    timecode = advice = ""
    if lost:
        first = lost[0]
        frame = round_half_up(Fraction(first.start, MASTER_HZ) * rate)
        timecode, advice = format_timecode(frame, rate), f"{first.character}: {first.text[:60]}"
    return Check(
        version=version,
        profile=profile,
        name="lines heard",
        value=f"{len(lost)} lines are not heard",
        limit="0 lines",
        verdict="fail" if lost else "pass",
        timecode=timecode,
        advice=advice,
    )


def measure_levels(path: Path) -> Levels:
    """Measure the level of a file's sound each 10 ms. Raises ToolError."""
    parts = [
        level_curve.measure_power(block[:, 0])
        for block in media.read_audio(path, hz=ANALYSIS_HZ, channels=1)
    ]
    power = np.concatenate(parts) if parts else np.zeros(1)
    found: Levels = np.maximum(level_curve.to_decibels(power, floor=1e-12), FLOOR_DB)
    return found


def _shift_curve(curve: Levels, later: int) -> Levels:
    """Shift a curve by a number of steps: later (after silence), or earlier when it is negative."""
    return np.concatenate([np.full(later, FLOOR_DB), curve]) if later > 0 else curve[-later:]


def _measure_offset(file: Levels, master: Levels) -> float | None:
    """Measure by how many hundredths of a second the file's curve is later than the master's.

    The result is None when one of them is flat.
    """
    count = min(len(file), len(master))
    curve, other = file[:count] - file[:count].mean(), master[:count] - master[:count].mean()
    if count <= 2 * LONGEST_OFFSET or curve.std() < 0.5 or other.std() < 0.5:
        return None
    size = 1 << (2 * count - 1).bit_length()
    agreement = np.fft.irfft(np.fft.rfft(curve, size) * np.conj(np.fft.rfft(other, size)), size)
    near = np.concatenate([agreement[-LONGEST_OFFSET:], agreement[: LONGEST_OFFSET + 1]])
    peak = int(near.argmax())
    if 0 < peak < len(near) - 1:  # a parabola through the three highest places
        low, top, high = near[peak - 1 : peak + 2]
        return peak - LONGEST_OFFSET + float(0.5 * (low - high) / (low - 2 * top + high))
    return float(peak - LONGEST_OFFSET)


def _is_lost(levels: SoundLevels, cue: Cue) -> bool:
    first, last = cue.start * HZ // MASTER_HZ, -(-cue.end * HZ // MASTER_HZ)
    file, master = levels.file[first:last], levels.master[first:last]
    if not len(file):
        return True
    loudest = [float(np.sort(curve)[-10:].mean()) for curve in (file, master)]
    return loudest[0] < SILENT_DB or loudest[1] - loudest[0] > LOST_DB
