# SPDX-License-Identifier: Apache-2.0
"""Loudness normalization: measure a programme and choose the one gain that brings it to target.

Integrated loudness and true peak are measured by ffmpeg's ebur128 (ITU-R BS.1770-5 and EBU R 128).
There is one gain for the whole programme, so nothing is compressed. Where the gain would exceed the
peak limit, the peak limit wins and the missing loudness is reported. Silence has no loudness and is
left alone.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from manifests.errors import ToolError
from pipeline import media

SETTLING_ROUNDS, SETTLED_DB = 3, 0.06
SILENT_LUFS = -70.0  # the absolute gate of BS.1770: below it there is nothing to measure


@dataclass(frozen=True, slots=True, kw_only=True)
class LoudnessSettings:
    """The target of a programme.

    `target_lufs`: integrated loudness in LUFS (None: as recorded); `peak_dbtp`: highest true peak
    in dBTP.
    """

    target_lufs: float | None = -16.0
    peak_dbtp: float = -1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredLoudness:
    """What ebur128 measured: loudness in LUFS, loudness range in LU and true peak in dBTP.

    `lufs` and `peak_dbtp` are -inf for silence.
    """

    lufs: float
    range_lu: float
    peak_dbtp: float

    @property
    def measurable(self) -> bool:
        """Whether anything lies above the absolute gate."""
        return self.lufs > SILENT_LUFS


def choose_gain(measured: MeasuredLoudness, settings: LoudnessSettings) -> tuple[float, float]:
    """Choose the gain in dB for a programme.

    The second result is how many LU the programme stays below the target because of the peak limit.

    >>> choose_gain(
    ...     MeasuredLoudness(lufs=-26, range_lu=5, peak_dbtp=-6),
    ...     LoudnessSettings(target_lufs=-16, peak_dbtp=-1.5),
    ... )
    (4.5, 5.5)
    """
    if settings.target_lufs is None or not measured.measurable:
        return 0.0, 0.0
    wanted = settings.target_lufs - measured.lufs
    allowed = min(wanted, settings.peak_dbtp - measured.peak_dbtp)
    return round(allowed, 3), round(wanted - allowed, 3)


def measure_loudness(path: Path, *, gain_db: float = 0.0) -> MeasuredLoudness:
    """Measure the loudness, range and true peak of a file's first audio stream.

    They are measured as if the file were `gain_db` louder. Raises ToolError.
    """
    filters = f"volume={gain_db:.4f}dB:precision=double,ebur128=peak=true:framelog=verbose"
    arguments = ["-i", f"file:{path.resolve()}", "-map", "0:a:0", "-af", filters, "-f", "null", "-"]
    return parse_loudness(media.run(arguments))


def parse_loudness(text: str) -> MeasuredLoudness:
    """Parse the summary that ffmpeg's ebur128 prints at its end.

    Raises ToolError when there is none.
    """
    summary = text.rpartition("Summary:")[2]
    found = {
        name: re.search(rf"^\s*{name}:\s*(\S+) L?U?F?d?B?", summary, re.MULTILINE)
        for name in ("I", "LRA", "Peak")
    }
    if not all(found.values()):
        raise ToolError("ffmpeg measured no loudness", stderr=text)
    lufs, spread, peak = (float(match[1]) for match in found.values() if match)
    silent = lufs <= SILENT_LUFS
    return MeasuredLoudness(lufs=-math.inf if silent else lufs, range_lu=spread, peak_dbtp=peak)


def settle_gain(
    mix: Path, before: MeasuredLoudness, settings: LoudnessSettings
) -> tuple[float, float]:
    """Choose the gain, and measure again with the gain applied until it settles.

    A quiet programme lies partly under the absolute gate until it is raised.
    """
    gain_db, missed = choose_gain(before, settings)
    for _ in range(SETTLING_ROUNDS):
        lifted = measure_loudness(mix, gain_db=gain_db)
        more, missed = choose_gain(lifted, settings)
        if abs(more) < SETTLED_DB:
            break
        gain_db = round(gain_db + more, 3)
    return gain_db, missed
