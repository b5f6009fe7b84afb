# SPDX-License-Identifier: Apache-2.0
"""Read a fragmented MP4: where its fragments lie, when they begin, and its codecs' names.

It reads the boxes of ISO/IEC 14496-12 that this needs, and no pictures. Codec names follow RFC
6381. It is not a general reader: it reads H.264 with AAC, one fragment per group of pictures, as
`profiles.build_ladder` specifies.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from manifests.errors import InputError, Problem

LARGEST_BOX = 64 << 20  # of those that are read whole: a header, a fragment's index
NOT_SYNC = 0x10000  # of sample flags: not a key frame
UNREADABLE = (
    OSError,
    StopIteration,
    struct.error,
    IndexError,
    KeyError,
    ZeroDivisionError,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A part of a file with its pictures.

    `start` and `size` are bytes. It has `frames` pictures from `time` (seconds) on; `key`: it
    begins with a key frame.
    """

    start: int
    size: int
    time: Fraction
    frames: int
    key: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentedFile:
    """A fragmented file.

    `header` is the size of its header in bytes; `fragments` are in order; `codecs` are names such
    as `avc1.64001F,mp4a.40.2`.
    """

    header: int
    fragments: tuple[Fragment, ...]
    codecs: str


@dataclass(frozen=True, slots=True)
class Mp4Box:
    """A box of a file or of another box: where its content begins and ends."""

    kind: bytes
    start: int
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class Mp4Track:
    """A track of a file: its number, ticks a second, codec and default sample flags."""

    number: int
    ticks: int
    codec: str
    flags: int


def read_fragments(path: Path) -> FragmentedFile:
    """Read a file's boxes. Raises InputError when it is not a fragmented MP4 with H.264."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _parse_file(data)
    except UNREADABLE as error:
        message = f"not a readable fragmented MP4: {error}"
        raise InputError(Problem(file=str(path), message=message)) from error


def _parse_file(data: mmap.mmap) -> FragmentedFile:
    boxes = list(_read_boxes(data))
    header = next(box for box in boxes if box.kind == b"moov")
    tracks = _read_tracks(_read_body(data, header))
    picture = next(track for track in tracks if track.codec.startswith("avc1"))
    moofs = [box for box in boxes if box.kind == b"moof"]
    last = max(box.end for box in boxes if box.kind == b"mdat")
    ends = [*(box.start for box in moofs[1:]), last]
    fragments = tuple(
        _read_fragment(_read_body(data, box), picture, start=box.start, size=end - box.start)
        for box, end in zip(moofs, ends, strict=True)
    )
    codecs = ",".join(track.codec for track in tracks)
    return FragmentedFile(header=header.end, fragments=fragments, codecs=codecs)


def _read_boxes(data: bytes | mmap.mmap) -> Iterator[Mp4Box]:
    """Read the boxes that lie one after another."""
    place, end = 0, len(data)
    while place + 8 <= end:
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        body = place + 8
        if size == 1:
            (size,) = struct.unpack(">Q", data[body : body + 8])
            body += 8
        last = place + size if size else end
        if not body <= last <= end:
            raise ValueError(f"box {kind!r} at byte {place} is {size} bytes long")
        yield Mp4Box(kind, place, body, last)
        place = last


def _read_body(data: bytes | mmap.mmap, box: Mp4Box) -> bytes:
    if box.end - box.body > LARGEST_BOX:
        raise ValueError(f"box {box.kind!r} is {box.end - box.body} bytes long")
    return data[box.body : box.end]


def _find_boxes(data: bytes, *path: bytes) -> Iterator[bytes]:
    """Find the contents of all boxes at a path of names in a box's content."""
    for box in _read_boxes(data):
        if box.kind == path[0]:
            body = _read_body(data, box)
            yield from _find_boxes(body, *path[1:]) if len(path) > 1 else (body,)


def _read_tracks(header: bytes) -> list[Mp4Track]:
    """Read the tracks of a `moov` box.

    `trex` gives the flags of their samples where fragments give none.
    """
    extends = [struct.unpack(">5I", box[4:24]) for box in _find_boxes(header, b"mvex", b"trex")]
    defaults = {number: flags for number, _, _, _, flags in extends}
    tracks = []
    for track in _find_boxes(header, b"trak"):
        (about,) = _find_boxes(track, b"tkhd")
        (timing,) = _find_boxes(track, b"mdia", b"mdhd")
        (sample,) = _find_boxes(track, b"mdia", b"minf", b"stbl", b"stsd")
        (number,) = struct.unpack_from(">I", about, 20 if about[0] else 12)
        (ticks,) = struct.unpack_from(">I", timing, 20 if timing[0] else 12)
        tracks.append(Mp4Track(number, ticks, _name_codec(sample[8:]), defaults.get(number, 0)))
    return tracks


def _name_codec(entries: bytes) -> str:
    """Name a sample description by RFC 6381."""
    entry = next(_read_boxes(entries))
    body = _read_body(entries, entry)
    if entry.kind == b"avc1":
        (record,) = _find_boxes(body[78:], b"avcC")
        return f"avc1.{record[1:4].hex().upper()}"
    if entry.kind == b"mp4a":
        (stream,) = _find_boxes(body[28:], b"esds")
        return f"mp4a.40.{_read_audio_object(stream)}"
    return entry.kind.decode("latin-1")


def _read_audio_object(stream: bytes) -> int:
    """Read the audio object type of an `esds` box.

    It is the first five bits of the decoder's own configuration (ISO/IEC 14496-1 and -3).
    """
    place = 4
    while stream[place] != 0x05:
        tag = stream[place]
        place = _skip_length(stream, place + 1)
        place += {0x03: 3, 0x04: 13}[tag]
    return stream[_skip_length(stream, place + 1)] >> 3


def _skip_length(stream: bytes, place: int) -> int:
    """Skip a length of up to four bytes; the highest bit of each says that another follows."""
    while stream[place] & 0x80:
        place += 1
    return place + 1


def _read_fragment(index: bytes, picture: Mp4Track, *, start: int, size: int) -> Fragment:
    """Read a `moof` box: the pictures in its fragment."""
    for part in _find_boxes(index, b"traf"):
        (head,) = _find_boxes(part, b"tfhd")
        flags, number = struct.unpack(">II", head[:8])
        if number != picture.number:
            continue
        (when,) = _find_boxes(part, b"tfdt")
        (time,) = struct.unpack_from(">Q" if when[0] else ">I", when, 4)
        runs = list(_find_boxes(part, b"trun"))
        first = _read_first_flags(runs[0], _read_default_flags(head, flags & 0xFFFFFF, picture))
        frames = sum(struct.unpack(">I", run[4:8])[0] for run in runs)
        return Fragment(
            start=start,
            size=size,
            time=Fraction(time, picture.ticks),
            frames=frames,
            key=not first & NOT_SYNC,
        )
    raise ValueError("a fragment without pictures")


def _read_default_flags(head: bytes, flags: int, picture: Mp4Track) -> int:
    """Read the sample flags of a `tfhd` box, behind the optional fields that it announces."""
    if not flags & 0x20:
        return picture.flags
    place = 8 + sum(size for bit, size in ((0x1, 8), (0x2, 4), (0x8, 4), (0x10, 4)) if flags & bit)
    (found,) = struct.unpack_from(">I", head, place)
    return int(found)


def _read_first_flags(run: bytes, default: int) -> int:
    """Read the sample flags of the first sample of a `trun` box."""
    flags = struct.unpack(">I", run[:4])[0] & 0xFFFFFF
    place = 8 + (4 if flags & 0x1 else 0)
    if flags & 0x4:
        return int(struct.unpack_from(">I", run, place)[0])
    if not flags & 0x400:
        return default
    place += sum(size for bit, size in ((0x100, 4), (0x200, 4)) if flags & bit)
    return int(struct.unpack_from(">I", run, place)[0])
