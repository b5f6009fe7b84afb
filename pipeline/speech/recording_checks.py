# SPDX-License-Identifier: Apache-2.0
"""Refuse recordings that cannot be used: cut short, too long, empty, or a decompression bomb."""

from __future__ import annotations

import struct
from pathlib import Path

from manifests.errors import InputError, Problem
from pipeline.media import AudioInfo, MediaInfo

LONGEST_SECONDS = 4 * 3600
SHORTEST_SECONDS = 0.1
# the leanest speech codec in use (Opus at 6 kbit/s) needs 750; a bomb of silence far less
LEAST_BYTES_PER_SECOND = 200
BOMB_SECONDS = 600  # shorter files cannot hurt
# how much less than its header promises a file may decode to (encoder delay, rounded headers)
SHORTFALL_SECONDS = 0.5
MOST_CHANNELS = 64


def check_audio_stream(info: MediaInfo) -> AudioInfo:
    """Return the file's first audio stream; refuse files without one that can be used."""
    if info.audio is None:
        raise refuse(info.path, "this file has no sound", expected="a file with an audio stream")
    if not (1 <= info.audio.channels <= MOST_CHANNELS and info.audio.hz > 0):
        raise refuse(
            info.path,
            "not a readable audio file",
            expected=f"1 to {MOST_CHANNELS} channels",
            got=f"{info.audio.channels} channels at {info.audio.hz} Hz",
        )
    return info.audio


def check_promises(path: Path, seconds: float) -> None:
    """Refuse a file that its header or its last bytes show to be too long or cut short."""
    if seconds > LONGEST_SECONDS:
        hours = f"{LONGEST_SECONDS // 3600} hours"
        raise refuse(
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


def check_growth(path: Path, seconds: float, size: int) -> None:
    """Refuse a file of `size` bytes that decodes to far more sound than it can hold."""
    if seconds > LONGEST_SECONDS:
        raise refuse(
            path, "the recording is too long", expected=f"at most {LONGEST_SECONDS // 3600} hours"
        )
    if seconds > BOMB_SECONDS and size / seconds < LEAST_BYTES_PER_SECOND:
        minutes = f"{size} bytes for over {seconds / 60:.0f} minutes of sound"
        raise refuse(
            path,
            "the file decodes to far more sound than it can hold",
            expected="a recording",
            got=minutes,
        )


def check_length(info: MediaInfo, seconds: float) -> None:
    """Refuse a file that decoded to no sound, or to less than its header promised."""
    path, promised = info.path, float(info.seconds)
    if seconds < SHORTEST_SECONDS:
        raise refuse(
            path,
            "this file has no sound",
            expected=f"at least {SHORTEST_SECONDS} s",
            got=f"{seconds:.3f} s",
        )
    if seconds < promised - SHORTFALL_SECONDS and _length_is_known(path, info.container):
        raise _refuse_cut_file(path, expected=f"{promised:.1f} s", got=f"{seconds:.1f} s")


def _length_is_known(path: Path, container: str) -> bool:
    """Check whether the header knows the length.

    MP3 without a Xing or Info header and raw AAC only estimate it.
    """
    if container not in ("mp3", "aac"):
        return True
    with path.open("rb") as file:
        head = file.read(1 << 16)
    return b"Xing" in head or b"Info" in head


def _refuse_cut_file(path: Path, expected: str | None = None, got: str | None = None) -> InputError:
    return refuse(
        path, "the file is cut short; copy or export it again", expected=expected, got=got
    )


def refuse(
    path: Path, message: str, *, expected: str | None = None, got: str | None = None
) -> InputError:
    """Build the error for a file that cannot be used."""
    return InputError(Problem(file=str(path), message=message, expected=expected, got=got))
