# SPDX-License-Identifier: Apache-2.0
"""The master sound: all recordings on one timeline, exactly as long as the picture, at the
production's loudness.

Two passes and one gain for the whole programme, so nothing is compressed: the first pass measures
integrated loudness and true peak (ITU-R BS.1770-5 and EBU R 128, by ffmpeg's ebur128), the second
applies the gain. Where the gain would break the peak limit, the peak limit wins and the missing
loudness is said. Silence has no loudness: it is left alone.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from manifests import identity
from manifests.atomic_write import atomic_write
from manifests.errors import ToolError
from manifests.rows import Recording
from manifests.timebase import MASTER_HZ
from pipeline import media
from pipeline.speech.ingest import read_master

VERSION = "1"
MASTERS = "media/masters"
BLOCK = 10 * MASTER_HZ
SETTLING_ROUNDS, SETTLED_DB = 3, 0.06
SILENT_LUFS = -70.0  # the absolute gate of BS.1770: below it there is nothing to measure


@dataclass(frozen=True, slots=True, kw_only=True)
class LoudnessSettings:
    """Where the programme is brought to: integrated loudness in LUFS (None: left as recorded) and
    the highest true peak in dBTP.
    """

    target_lufs: float | None = -16.0
    peak_dbtp: float = -1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredLoudness:
    """What ebur128 measured: LUFS, loudness range in LU, dBTP. `lufs` and `peak_dbtp` are -inf for
    silence.
    """

    lufs: float
    range_lu: float
    peak_dbtp: float

    @property
    def measurable(self) -> bool:
        """Whether anything lies above the absolute gate."""
        return self.lufs > SILENT_LUFS


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterSound:
    """A master sound. `sound_id` keys recordings, places, length and loudness settings; `path` is
    relative to the media folder.

    `missed_lu`: how far the peak limit kept it below the target.
    """

    sound_id: str
    path: str
    samples: int
    gain_db: float
    before: MeasuredLoudness
    after: MeasuredLoudness
    missed_lu: float


def sound_id(recordings: Sequence[Recording], *, samples: int, settings: LoudnessSettings) -> str:
    """The identity of a master sound, known before it is made."""
    places = [[recording.recording_id, recording.offset_samples] for recording in recordings]
    return identity.digest([VERSION, places, samples, settings.target_lufs, settings.peak_dbtp])


def master_path(sound_id: str, *, root: Path) -> Path:
    """Where a master sound stands, made or not. `root`: the build folder."""
    return root / MASTERS / f"{sound_id}.flac"


def render_master(
    recordings: Sequence[Recording], *, samples: int, settings: LoudnessSettings, root: Path
) -> MasterSound:
    """Lay the recordings on the timeline and write `root/media/masters/<sound_id>.flac`: 48 kHz
    stereo, 24 bit, `samples` long.

    A standing file is not made again. Memory does not grow with length. Raises ToolError when
    measuring fails, or the copy of a recording is not there (any more).
    """
    name = sound_id(recordings, samples=samples, settings=settings)
    path, facts = master_path(name, root=root), master_path(name, root=root).with_suffix(".json")
    if path.exists() and facts.exists():
        return _read(facts)
    if gone := [row.source for row in recordings if not (root / row.master_path).is_file()]:
        raise ToolError(
            f"the sound cannot be put together: the copy of {', '.join(gone)} is gone; was it purged?"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    mix, gained = (path.with_name(f".{name}.{os.getpid()}.{kind}") for kind in ("mix.wav", "flac"))
    try:
        _write(mix, _blocks(recordings, samples, root), gain=1.0, subtype="FLOAT")
        before = measure_loudness(mix)
        gain_db, missed = _settle(mix, before, settings)
        _write(
            gained, _blocks(recordings, samples, root), gain=10 ** (gain_db / 20), subtype="PCM_24"
        )
        sound = MasterSound(
            sound_id=name,
            path=path.relative_to(root).as_posix(),
            samples=samples,
            gain_db=gain_db,
            before=before,
            after=measure_loudness(gained),
            missed_lu=missed,
        )
        gained.replace(path)
        with atomic_write(facts) as partial:
            partial.write_text(json.dumps(dataclasses.asdict(sound)))
    finally:
        mix.unlink(missing_ok=True)
        gained.unlink(missing_ok=True)
    return sound


def choose_gain(measured: MeasuredLoudness, settings: LoudnessSettings) -> tuple[float, float]:
    """The one gain in dB for a programme, and how many LU it stays below the target because of the
    peak limit.

    >>> gain(Loudness(lufs=-26, range_lu=5, peak_dbtp=-6), LoudnessSettings(target_lufs=-16, peak_dbtp=-1.5))
    (4.5, 5.5)
    """
    if settings.target_lufs is None or not measured.measurable:
        return 0.0, 0.0
    wanted = settings.target_lufs - measured.lufs
    allowed = min(wanted, settings.peak_dbtp - measured.peak_dbtp)
    return round(allowed, 3), round(wanted - allowed, 3)


def measure_loudness(path: Path, *, gain_db: float = 0.0) -> MeasuredLoudness:
    """Integrated loudness, range and true peak of a file's first audio stream, as if it were
    `gain_db` louder. Raises ToolError.
    """
    filters = f"volume={gain_db:.4f}dB:precision=double,ebur128=peak=true:framelog=quiet"
    arguments = ["-i", f"file:{path.resolve()}", "-map", "0:a:0", "-af", filters, "-f", "null", "-"]
    return parse_loudness(media.run(arguments))


def parse_loudness(text: str) -> MeasuredLoudness:
    """Read the summary that ffmpeg's ebur128 prints at its end. Raises ToolError when there is
    none.
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


def _settle(mix: Path, before: MeasuredLoudness, settings: LoudnessSettings) -> tuple[float, float]:
    """The gain, measured again with the gain applied: a quiet programme lies partly under the
    absolute gate until it is lifted.
    """
    gain_db, missed = choose_gain(before, settings)
    for _ in range(SETTLING_ROUNDS):
        lifted = measure_loudness(mix, gain_db=gain_db)
        more, missed = choose_gain(lifted, settings)
        if abs(more) < SETTLED_DB:
            break
        gain_db = round(gain_db + more, 3)
    return gain_db, missed


def _blocks(
    recordings: Sequence[Recording], samples: int, root: Path
) -> Iterator[Float32[np.ndarray, "samples 2"]]:
    for start in range(0, samples, BLOCK):
        yield read_master(recordings, start, min(start + BLOCK, samples), root=root)


def _write(
    path: Path, blocks: Iterator[Float32[np.ndarray, "samples 2"]], *, gain: float, subtype: str
) -> None:
    import soundfile

    form = "WAV" if subtype == "FLOAT" else "FLAC"
    with soundfile.SoundFile(
        path, "w", MASTER_HZ, 2, subtype=subtype, format="RF64" if form == "WAV" else form
    ) as file:
        for block in blocks:
            file.write(block * np.float32(gain))


def _read(facts: Path) -> MasterSound:
    plain = json.loads(facts.read_text())
    plain["before"], plain["after"] = MeasuredLoudness(**plain["before"]), MeasuredLoudness(**plain["after"])
    return MasterSound(**plain)
