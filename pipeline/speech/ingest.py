# SPDX-License-Identifier: Apache-2.0
"""Bring in recordings: decode each once to canonical PCM, measure it, and hand out spans of the
timeline.

Canonical PCM is FLAC under `media/recordings/`: 48 kHz with one or two channels (24 bit) for
delivery, 16 kHz mono (16 bit) for analysis. Everything streams; memory does not grow with the
length. A file is refused when it is no such media, is cut short, holds no sound, or unpacks to far
more than its bytes can mean. This module does not decide what is said or by whom.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int16

from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem
from manifests.identity import DIGITS, digest_file
from manifests.rows import Recording
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from pipeline import media as ffmpeg

LONGEST_SECONDS = 4 * 3600
SHORTEST_SECONDS = 0.1
# the leanest speech codec in use (Opus at 6 kbit/s) needs 750; a bomb of silence far less
LEAST_BYTES_PER_SECOND = 200
BOMB_SECONDS = 600  # shorter files cannot hurt
MOST_CHANNELS = 64
CLIPPED = 0.9995  # of full scale
# how much less than its header promises a file may decode to (encoder delay, rounded headers)
SHORTFALL_SECONDS = 0.5
_RATIO = MASTER_HZ // ANALYSIS_HZ
_READ_SAMPLES = 1 << 20  # at a time, so that a span of hours is in memory once

Block = Float32[np.ndarray, "samples channels"]


def ingest(path: Path, *, order: int, offset_samples: int, media: Path, folder: Path) -> Recording:
    """Decode `path` once into `media/recordings/` and say what it is.

    `offset_samples`: where it begins on the timeline (48 kHz). `folder`: the production, `source`
    is relative to it. The paths in the row are relative to the folder that holds `media`. Files
    appear under their names only when whole. Raises InputError for a file that cannot be used,
    ToolError when decoding fails.
    """
    info = ffmpeg.probe(path)
    if info.audio is None:
        raise _refuse(
            path, "there is no sound in this file", expected="a file with an audio stream"
        )
    if not (1 <= info.audio.channels <= MOST_CHANNELS and info.audio.hz > 0):
        got = f"{info.audio.channels} channels at {info.audio.hz} Hz"
        raise _refuse(
            path, "no sound of this form exists", expected=f"1 to {MOST_CHANNELS} channels", got=got
        )
    _check_promises(path, float(info.seconds))
    store = media / "recordings"
    store.mkdir(parents=True, exist_ok=True)
    partial = store / f".{order}.{os.getpid()}.48k.flac"
    try:
        measure = _decode(path, partial, channels=min(2, info.audio.channels))
        _check_length(
            path,
            measure.samples / MASTER_HZ,
            promised=float(info.seconds),
            container=info.container,
        )
        recording_id = measure.identity()
        master = store / f"{recording_id}.48k.flac"
        partial.replace(master)
    finally:
        partial.unlink(missing_ok=True)
    analysis = _write_analysis(master, store / f"{recording_id}.16k.flac", samples=measure.samples)
    return Recording(
        recording_id=recording_id,
        source=_relative_path(path, folder),
        source_digest=digest_file(path),
        order=order,
        offset_samples=offset_samples,
        samples=measure.samples,
        master_path=_relative_path(master, media.parent),
        analysis_path=_relative_path(analysis, media.parent),
        source_hz=info.audio.hz,
        source_channels=info.audio.channels,
        peak_dbfs=_to_decibels(measure.peak),
        rms_dbfs=_to_decibels(measure.rms),
        clipped_samples=measure.clipped,
        dc_offset=round(measure.mean, 6),
    )


def list_warnings(recording: Recording) -> list[str]:
    """What a sound engineer would say about the recording: clipping, DC offset, very quiet, silent.
    Empty when all is well.
    """
    said = []
    if recording.peak_dbfs < -60:
        return ["is silent"]
    if recording.clipped_samples > recording.samples * 1e-5:
        said.append(f"clips ({recording.clipped_samples} samples at full scale)")
    if abs(recording.dc_offset) > 0.005:
        said.append(f"has a DC offset of {recording.dc_offset:.3f}")
    if recording.rms_dbfs < -50:
        said.append(f"is very quiet ({recording.rms_dbfs:.0f} dBFS)")
    return said


def place_recordings(
    sources: Sequence[str], samples: Sequence[int], *, characters: Iterable[str]
) -> list[int]:
    """Where recordings begin on the timeline, in 48 kHz samples: one after the other, or side by
    side when there is one an actor.

    `sources` are file names in order. Two or more, each named after another of the `characters`,
    are one performance on several microphones and all begin at 0. Offsets lie on the 16 kHz grid.

    >>> offsets(["mara.wav", "henrik.wav"], [48001, 52000], characters=["MARA", "HENRIK"])
    [0, 0]
    >>> offsets(["scene1.wav", "scene2.wav"], [48001, 52000], characters=["MARA", "HENRIK"])
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
    """Mono PCM of a timeline span, `start` and `end` in 48 kHz samples, at `hz` (48000 or 16000);
    zero where nothing was recorded.

    Recordings that lie over each other are added. `root`: the folder the recordings' paths are
    relative to.
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
    """Stereo 48 kHz PCM of a timeline span; mono recordings go to both sides. Otherwise as
    `read_span`.
    """
    mixed = np.zeros((end - start, 2), dtype=np.float32)
    for recording in recordings:
        _add_samples(mixed, root / recording.master_path, start - recording.offset_samples)
    return mixed


def span_digest(recordings: Sequence[Recording], start: int, end: int, *, root: Path) -> str:
    """Identity of what is heard in a timeline span: SHA-256 of its 16-bit 16 kHz mono PCM, streamed
    in blocks of ten seconds.
    """
    sha = hashlib.sha256()
    for begin in range(start, end, 10 * MASTER_HZ):
        sha.update(read_pcm(recordings, begin, min(end, begin + 10 * MASTER_HZ), root=root).data)
    return sha.hexdigest()[:DIGITS]


def read_pcm(
    recordings: Sequence[Recording], start: int, end: int, *, root: Path
) -> Int16[np.ndarray, " samples"]:
    """`as_int16` of `read_span` at 16 kHz, in the whole numbers in which it is stored: for digests
    of hours of sound.
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
    """Samples in [-1, 1] as 16-bit PCM, little-endian."""
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
    """Running measures of the blocks that pass by."""

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

    def identity(self) -> str:
        return self._sha.hexdigest()[:DIGITS]

    @property
    def mean(self) -> float:
        return self._total / max(1, self._values)

    @property
    def rms(self) -> float:
        return math.sqrt(self._squares / max(1, self._values))


def _decode(path: Path, to: Path, *, channels: int) -> _LevelMeter:
    import soundfile

    measure = _LevelMeter()
    size = path.stat().st_size
    with soundfile.SoundFile(
        to, "w", samplerate=MASTER_HZ, channels=channels, subtype="PCM_24", format="FLAC"
    ) as file:
        for block in ffmpeg.read_audio(path, hz=MASTER_HZ, channels=channels):
            if not np.isfinite(block).all():
                raise _refuse(path, "the sound holds values that are no numbers (NaN or infinity)")
            pcm = np.clip(np.rint(block * 2.0**23), -(2**23), 2**23 - 1).astype(np.int32) << 8
            file.write(pcm)
            measure.add(block, pcm.tobytes())
            _check_growth(path, measure.samples / MASTER_HZ, size)
    return measure


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
    """A file's samples from `first` (negative: it begins later) in blocks (samples, channels), each
    with its place among those wanted.
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


def _check_promises(path: Path, seconds: float) -> None:
    """Refuse what the header or the last bytes already give away."""
    if seconds > LONGEST_SECONDS:
        hours = f"{LONGEST_SECONDS // 3600} hours"
        raise _refuse(
            path,
            "the recording is too long",
            expected=f"at most {hours}",
            got=f"{seconds / 3600:.1f} hours",
        )
    with path.open("rb") as file:
        head = file.read(12)
        file.seek(max(0, path.stat().st_size - 70_000))
        tail = file.read()
    if head[:4] == b"RIFF" and _riff_is_cut(head, path.stat().st_size):
        raise _refuse_cut_file(path)
    if head[:4] == b"OggS" and not _ogg_has_last_page(tail):
        raise _refuse_cut_file(path)


def _riff_is_cut(head: bytes, size: int) -> bool:
    (length,) = struct.unpack("<I", head[4:8])
    piped = length in (0, 0xFFFFFFFF)  # the recorder could not go back to note the length
    return not piped and length + 8 > size + 1  # some leave out the last pad byte


def _ogg_has_last_page(tail: bytes) -> bool:
    # RFC 3533, section 6: bit 4 marks the last page of a stream
    flags = tail[tail.rfind(b"OggS") :][5:6]
    return bool(flags and flags[0] & 4)


def _check_growth(path: Path, seconds: float, size: int) -> None:
    if seconds > LONGEST_SECONDS:
        raise _refuse(
            path, "the recording is too long", expected=f"at most {LONGEST_SECONDS // 3600} hours"
        )
    if seconds > BOMB_SECONDS and size / seconds < LEAST_BYTES_PER_SECOND:
        minutes = f"{size} bytes for over {seconds / 60:.0f} minutes of sound"
        raise _refuse(
            path,
            "the file unpacks to far more than it can hold",
            expected="a recording",
            got=minutes,
        )


def _check_length(path: Path, seconds: float, *, promised: float, container: str) -> None:
    if seconds < SHORTEST_SECONDS:
        raise _refuse(
            path,
            "there is no sound in this file",
            expected=f"at least {SHORTEST_SECONDS} s",
            got=f"{seconds:.3f} s",
        )
    if seconds < promised - SHORTFALL_SECONDS and _length_is_known(path, container):
        raise _refuse_cut_file(path, expected=f"{promised:.1f} s", got=f"{seconds:.1f} s")


def _length_is_known(path: Path, container: str) -> bool:
    """MP3 without a Xing or Info header and raw AAC only estimate how long they are."""
    if container not in ("mp3", "aac"):
        return True
    with path.open("rb") as file:
        head = file.read(1 << 16)
    return b"Xing" in head or b"Info" in head


def _refuse_cut_file(path: Path, expected: str | None = None, got: str | None = None) -> InputError:
    return _refuse(
        path, "the file is cut short; copy or export it again", expected=expected, got=got
    )


def _refuse(
    path: Path, message: str, *, expected: str | None = None, got: str | None = None
) -> InputError:
    return InputError(Problem(file=str(path), message=message, expected=expected, got=got))


def _relative_path(path: Path, folder: Path) -> str:
    return os.path.relpath(path.resolve(), folder.resolve())


def _to_decibels(ratio: float) -> float:
    return round(20 * math.log10(max(ratio, 1e-6)), 2)
