# SPDX-License-Identifier: Apache-2.0
"""Ingest recordings: decode each once to canonical PCM, measure it, and read spans of the timeline.

Canonical PCM is FLAC under `media/recordings/`: 48 kHz with one or two channels (24 bit) for
delivery, 16 kHz mono (16 bit) for analysis. Everything streams; memory does not grow with the
length. `recording_checks` refuses files that cannot be used. What is said, and by whom, is decided
elsewhere.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int16

from manifests import layout
from manifests.atomic_write import atomic_write, hidden_file
from manifests.identity import DIGITS, digest_file
from manifests.rows import Recording
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from pipeline import media as ffmpeg
from pipeline.speech import recording_checks

CLIPPED = 0.9995  # of full scale
_RATIO = MASTER_HZ // ANALYSIS_HZ
_READ_SAMPLES = 1 << 20  # at a time, so that a span of hours is in memory once

Block = Float32[np.ndarray, "samples channels"]


def ingest(path: Path, *, order: int, offset_samples: int, root: Path, folder: Path) -> Recording:
    """Decode `path` once into the build folder `root`, and describe it as a row.

    `offset_samples`: where it begins on the timeline (48 kHz). `folder`: the production, `source`
    is relative to it. The paths in the row are relative to `root`. Files appear under their names
    only when whole. Raises InputError for a file that cannot be used, ToolError when decoding
    fails.
    """
    info = ffmpeg.probe(path)
    audio = recording_checks.check_audio_stream(info)
    recording_checks.check_promises(path, float(info.seconds))
    with hidden_file(root / layout.recording_file(str(order), khz=48)) as partial:
        meter = _decode(path, partial, channels=min(2, audio.channels))
        recording_checks.check_length(info, meter.samples / MASTER_HZ)
        recording_id = meter.digest()
        master = root / layout.recording_file(recording_id, khz=48)
        partial.replace(master)
    analysis = _write_analysis(
        master, root / layout.recording_file(recording_id, khz=16), samples=meter.samples
    )
    return Recording(
        recording_id=recording_id,
        source=_relative_path(path, folder),
        source_digest=digest_file(path),
        order=order,
        offset_samples=offset_samples,
        samples=meter.samples,
        master_path=_relative_path(master, root),
        analysis_path=_relative_path(analysis, root),
        source_hz=audio.hz,
        source_channels=audio.channels,
        peak_dbfs=_to_decibels(meter.peak),
        rms_dbfs=_to_decibels(meter.rms),
        clipped_samples=meter.clipped,
        dc_offset=round(meter.mean, 6),
    )


def place_recordings(
    sources: Sequence[str], samples: Sequence[int], *, characters: Iterable[str]
) -> list[int]:
    """Place recordings on the timeline: the 48 kHz sample at which each begins.

    They follow each other, or lie side by side when there is one an actor. `sources` are file names
    in order. Two or more, each named after another of the `characters`, are one performance on
    several microphones and all begin at 0. Offsets lie on the 16 kHz grid.

    >>> place_recordings(["mara.wav", "henrik.wav"], [48001, 52000], characters=["MARA", "HENRIK"])
    [0, 0]
    >>> place_recordings(["scene1.wav", "scene2.wav"], [48001, 52000], characters=["MARA"])
    [0, 48003]
    """
    names = [Path(source).stem.casefold() for source in sources]
    known = {character.casefold() for character in characters}
    if len(names) > 1 and len(set(names)) == len(names) and set(names) <= known:
        return [0] * len(names)
    found, now = [], 0
    for length in samples:
        found.append(now)
        now += -(-length // _RATIO) * _RATIO
    return found


def read_span(
    recordings: Sequence[Recording], start: int, end: int, *, hz: int, root: Path
) -> Float32[np.ndarray, " samples"]:
    """Read mono PCM of a timeline span at `hz` (48000 or 16000); zero where nothing was recorded.

    `start` and `end`: 48 kHz samples. Recordings that lie over each other are added. `root`: the
    folder the recordings' paths are relative to.
    """
    first, last = _to_grid(start, hz), _to_grid(end, hz)
    mixed = np.zeros(last - first, dtype=np.float32)
    for recording in recordings:
        path = root / (recording.analysis_path if hz == ANALYSIS_HZ else recording.master_path)
        begins = _to_grid(recording.offset_samples, hz)
        _add_samples(mixed[:, None], path, first - begins)
    return mixed


def read_master(
    recordings: Sequence[Recording], start: int, end: int, *, root: Path
) -> Float32[np.ndarray, "samples 2"]:
    """Read stereo 48 kHz PCM of a timeline span; mono recordings go to both sides.

    Otherwise as `read_span`.
    """
    mixed = np.zeros((end - start, 2), dtype=np.float32)
    for recording in recordings:
        _add_samples(mixed, root / recording.master_path, start - recording.offset_samples)
    return mixed


def read_pcm(
    recordings: Sequence[Recording], start: int, end: int, *, root: Path
) -> Int16[np.ndarray, " samples"]:
    """Read 16-bit PCM of a timeline span at 16 kHz: `to_int16` of `read_span`, bit for bit.

    It stays in the integers in which the sound is stored: for digests of hours of sound.
    """
    first, last = _to_grid(start, ANALYSIS_HZ), _to_grid(end, ANALYSIS_HZ)
    mixed = np.zeros(last - first, dtype="<i4" if len(recordings) > 1 else "<i2")
    for recording in recordings:
        begins = _to_grid(recording.offset_samples, ANALYSIS_HZ)
        for at, block in _read_blocks(
            root / recording.analysis_path, first - begins, len(mixed), dtype="int16"
        ):
            mixed[at : at + len(block)] += block[:, 0]
    return mixed if len(recordings) <= 1 else np.clip(mixed, -32768, 32767).astype("<i2")


def to_int16(samples: Float32[np.ndarray, " samples"]) -> Int16[np.ndarray, " samples"]:
    """Convert samples in [-1, 1] to 16-bit PCM, little-endian."""
    scaled: Int16[np.ndarray, " samples"] = np.clip(
        np.rint(samples * 32768.0), -32768, 32767
    ).astype("<i2")
    return scaled


def read_analysis_blocks(
    recording: Recording, *, root: Path, seconds: int = 30
) -> Iterator[Float32[np.ndarray, " samples"]]:
    """Stream a recording's 16 kHz mono PCM."""
    import soundfile

    with soundfile.SoundFile(root / recording.analysis_path) as file:
        yield from file.blocks(blocksize=seconds * ANALYSIS_HZ, dtype="float32")


class _LevelMeter:
    """Running measurements of the blocks that pass by."""

    def __init__(self) -> None:
        self.samples = 0
        self.peak = 0.0
        self.clipped = 0
        self._values = 0
        self._total = 0.0
        self._squares = 0.0
        self._sha = hashlib.sha256()

    def add(self, block: Block, pcm: bytes) -> None:
        magnitude = np.abs(block)
        self.samples += len(block)
        self.peak = max(self.peak, float(magnitude.max(initial=0)))
        self.clipped += int((magnitude >= CLIPPED).sum())
        self._values += block.size
        self._total += float(block.sum(dtype=np.float64))
        self._squares += float(np.square(block, dtype=np.float64).sum())
        self._sha.update(pcm)

    def digest(self) -> str:
        return self._sha.hexdigest()[:DIGITS]

    @property
    def mean(self) -> float:
        return self._total / max(1, self._values)

    @property
    def rms(self) -> float:
        return math.sqrt(self._squares / max(1, self._values))


def _decode(path: Path, to: Path, *, channels: int) -> _LevelMeter:
    import soundfile

    meter = _LevelMeter()
    size = path.stat().st_size
    with soundfile.SoundFile(
        to, "w", samplerate=MASTER_HZ, channels=channels, subtype="PCM_24", format="FLAC"
    ) as file:
        for block in ffmpeg.read_audio(path, hz=MASTER_HZ, channels=channels, tolerant=True):
            if not np.isfinite(block).all():
                raise recording_checks.refuse(
                    path, "the sound contains values that are not numbers (NaN or infinity)"
                )
            pcm = np.clip(np.rint(block * 2.0**23), -(2**23), 2**23 - 1).astype(np.int32) << 8
            file.write(pcm)
            meter.add(block, pcm.tobytes())
            recording_checks.check_growth(path, meter.samples / MASTER_HZ, size)
    return meter


def _write_analysis(master: Path, target: Path, *, samples: int) -> Path:
    import soundfile

    wanted = -(-samples // _RATIO)
    settings = {"samplerate": ANALYSIS_HZ, "channels": 1, "subtype": "PCM_16", "format": "FLAC"}
    with atomic_write(target) as partial, soundfile.SoundFile(partial, "w", **settings) as file:
        for block in _fit_length(wanted, _read_mono(master)):
            file.write(to_int16(block))
    return target


def _read_mono(master: Path) -> Iterator[Float32[np.ndarray, " samples"]]:
    # Two channels are averaged here: ffmpeg's own downmix of float samples adds 3 dB and may clip.
    for block in ffmpeg.read_audio(master, hz=ANALYSIS_HZ, channels=2):
        yield block.mean(axis=1)


def _fit_length(
    wanted: int, blocks: Iterable[Float32[np.ndarray, " samples"]]
) -> Iterator[Float32[np.ndarray, " samples"]]:
    left = wanted
    for block in blocks:
        yield block[:left]
        left -= min(left, len(block))
    if left:  # a resampler may keep the last few samples to itself
        yield np.zeros(left, dtype=np.float32)


def _to_grid(sample: int, hz: int) -> int:
    return sample if hz == MASTER_HZ else (sample + _RATIO // 2) // _RATIO


def _add_samples(mixed: Block, path: Path, first: int) -> None:
    """Add a file's samples from `first` (negative: it begins later) to `mixed`."""
    for at, block in _read_blocks(path, first, len(mixed), dtype="float32"):
        mixed[at : at + len(block)] += (
            block.mean(axis=1, keepdims=True) if mixed.shape[1] == 1 else block
        )


def _read_blocks(path: Path, first: int, wanted: int, *, dtype: str) -> Iterator[tuple[int, Any]]:
    """Stream a file's samples from `first` in blocks (samples, channels), each with its place.

    A negative `first` means that the file begins later. Places count from the first of the `wanted`
    samples.
    """
    import soundfile

    at = max(0, -first)
    if at >= wanted:
        return
    with soundfile.SoundFile(path) as file:
        if first >= file.frames:
            return
        file.seek(max(0, first))
        for block in file.blocks(_READ_SAMPLES, frames=wanted - at, dtype=dtype, always_2d=True):
            yield at, block
            at += len(block)


def _relative_path(path: Path, folder: Path) -> str:
    return os.path.relpath(path.resolve(), folder.resolve())


def _to_decibels(ratio: float) -> float:
    return round(20 * math.log10(max(ratio, 1e-6)), 2)
