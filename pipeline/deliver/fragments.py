# SPDX-License-Identifier: Apache-2.0
"""Read a fragmented MP4: where its fragments lie, when they begin, and its codecs' names.

PyAV lists the packets with their places in the file. Only the outermost boxes (ISO/IEC 14496-12)
are read here, because a playlist names the bytes at which they begin and no demuxer tells them.
Codec names follow RFC 6381. It reads H.264 with AAC, one fragment per group of pictures, as
`profiles.build_ladder` specifies.
"""

from __future__ import annotations

import bisect
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from manifests.errors import InputError, Problem

SAFE_INPUT = {"protocol_whitelist": "file", "format_whitelist": "mov,mp4"}
UNREADABLE = (
    OSError,
    StopIteration,
    struct.error,
    IndexError,
    TypeError,
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
    """An outermost box of a file: where it begins and ends."""

    kind: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True, order=True)
class PicturePacket:
    """A coded picture: its byte in the file, when it is shown (seconds), whether a key frame."""

    position: int
    time: Fraction
    key: bool


def read_fragments(path: Path) -> FragmentedFile:
    """Read a file's fragments. Raises InputError when it is not a fragmented MP4 with H.264."""
    from av.error import FFmpegError

    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            boxes = list(_read_boxes(data))
        header = next(box.end for box in boxes if box.kind == b"moov")
        spans = _find_spans(boxes)
        packets, codecs = _read_packets(path)
        fragments = tuple(_build_fragment(packets, start, end) for start, end in spans)
    except (FFmpegError, *UNREADABLE) as error:
        message = f"not a readable fragmented MP4: {error}"
        raise InputError(Problem(file=str(path), message=message)) from error
    return FragmentedFile(header=header, fragments=fragments, codecs=codecs)


def _read_boxes(data: mmap.mmap) -> Iterator[Mp4Box]:
    """Read the outermost boxes of a file."""
    place, end = 0, len(data)
    while place + 8 <= end:
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        if size == 1:
            (size,) = struct.unpack(">Q", data[place + 8 : place + 16])
        last = place + size if size else end
        if not place + 8 <= last <= end:
            raise ValueError(f"box {kind!r} at byte {place} is {size} bytes long")
        yield Mp4Box(kind, place, last)
        place = last


def _find_spans(boxes: list[Mp4Box]) -> list[tuple[int, int]]:
    """Find the bytes of each fragment; it ends where the next begins."""
    starts = [box.start for box in boxes if box.kind == b"moof"]
    last = max(box.end for box in boxes if box.kind == b"mdat")
    return list(zip(starts, [*starts[1:], last], strict=True))


def _read_packets(path: Path) -> tuple[list[PicturePacket], str]:
    """Read the picture packets of a file in their order in it, and the names of its codecs."""
    import av

    with av.open(str(path.resolve()), options=SAFE_INPUT) as container:
        codecs = ",".join(_name_codec(stream.codec_context) for stream in container.streams)
        packets = [
            PicturePacket(packet.pos, packet.pts * packet.time_base, packet.is_keyframe)
            for packet in container.demux(container.streams.video[0])
            if packet.size
        ]
    return sorted(packets), codecs


def _name_codec(codec: Any) -> str:
    """Name a codec by RFC 6381, from the configuration of its decoder."""
    if codec.name == "h264":
        return f"avc1.{codec.extradata[1:4].hex().upper()}"
    if codec.name == "aac":
        return f"mp4a.40.{codec.extradata[0] >> 3}"
    raise ValueError(f"{codec.name} is neither H.264 nor AAC")


def _build_fragment(packets: list[PicturePacket], start: int, end: int) -> Fragment:
    """Build the fragment of the packets that lie between two bytes of the file."""
    first, last = (bisect.bisect_left(packets, place, key=_get_position) for place in (start, end))
    inside = packets[first:last]
    if not inside:
        raise ValueError("a fragment without pictures")
    time = min(packet.time for packet in inside)
    return Fragment(start=start, size=end - start, time=time, frames=len(inside), key=inside[0].key)


def _get_position(packet: PicturePacket) -> int:
    return packet.position
