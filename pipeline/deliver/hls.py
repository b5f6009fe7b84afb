# SPDX-License-Identifier: Apache-2.0
"""HTTP Live Streaming: write the playlists of a ladder of renditions, and check them.

Playlists follow RFC 8216 (version 6). A rendition is one fragmented MP4, sound included, and its
segments are ranges of bytes in it. So a ladder is a handful of files that can be signed, measured
and played alone like any other. All numbers are read from those files (`fragments`), never from the
settings of the encoder; playlists are therefore written last, after credentials have moved the
bytes. m3u8 reads them back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from manifests.errors import InputError, Problem
from pipeline import media
from pipeline.deliver import fragments
from pipeline.deliver.fragments import FragmentedFile

MASTER, CAPTIONS = "master.m3u8", "captions.m3u8"
HEAD = ("#EXTM3U", "#EXT-X-VERSION:6")
# what m3u8 raises over damaged playlists
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """One film of a ladder: its file, its content, its width and height, and its frame rate."""

    path: Path
    content: FragmentedFile
    size: tuple[int, int]
    rate: Fraction

    @property
    def playlist(self) -> str:
        """The name of its media playlist."""
        return f"{self.path.stem}.m3u8"

    @property
    def lengths(self) -> list[Fraction]:
        """Seconds of each segment."""
        return [fragment.frames / self.rate for fragment in self.content.fragments]

    @property
    def bandwidth(self) -> int:
        """Peak bits a second, as RFC 8216 (4.3.4.2) defines them.

        They are those of any run of segments between 0.5 and 1.5 target durations long.
        """
        return _measure_peak([fragment.size for fragment in self.content.fragments], self.lengths)

    @property
    def average(self) -> int:
        """Bits a second over the whole film."""
        size = sum(fragment.size for fragment in self.content.fragments)
        return _round_up(8 * size / sum(self.lengths, start=Fraction(0)))


def open_rendition(path: Path) -> Rendition:
    """Measure a rendition's file. Raises InputError when it is not a rendition."""
    info = media.probe(path)
    if info.video is None or info.audio is None:
        raise InputError(Problem(file=str(path), message="a rendition needs a picture and sound"))
    size = (info.video.width, info.video.height)
    return Rendition(
        path=path, content=fragments.read_fragments(path), size=size, rate=info.video.rate
    )


def write_playlists(
    folder: Path,
    renditions: Sequence[Rendition],
    *,
    captions: Path | None = None,
    language: str = "en",
) -> Path:
    """Write the playlists of renditions that lie in `folder`; return the master playlist.

    `captions`: a WebVTT file on the frames of the renditions, copied with the clock that players
    need.
    """
    for rendition in renditions:
        (folder / rendition.playlist).write_text(
            _join_lines(build_media_playlist(rendition)), encoding="utf-8"
        )
    if captions is not None:
        length = sum(renditions[0].lengths, start=Fraction(0))
        _write_caption_playlist(captions, folder, length)
    master = folder / MASTER
    lines = build_master_playlist(renditions, captions=language if captions is not None else "")
    master.write_text(_join_lines(lines), encoding="utf-8")
    return master


def _write_caption_playlist(captions: Path, folder: Path, length: Fraction) -> None:
    cues = captions.read_text(encoding="utf-8").removeprefix("WEBVTT")
    timed = f"WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0{cues}"
    (folder / captions.name).write_text(timed, encoding="utf-8")
    segment = [f"#EXTINF:{_format_seconds(length)},", captions.name]
    listing = [*HEAD, *_head_lines([length]), *segment, "#EXT-X-ENDLIST"]
    (folder / CAPTIONS).write_text(_join_lines(listing), encoding="utf-8")


def build_media_playlist(rendition: Rendition) -> list[str]:
    """Build the lines of a rendition's media playlist."""
    name, content = rendition.path.name, rendition.content
    lines = [*HEAD, *_head_lines(rendition.lengths), "#EXT-X-INDEPENDENT-SEGMENTS"]
    lines.append(f'#EXT-X-MAP:URI="{name}",BYTERANGE="{content.header}@0"')
    for fragment, seconds in zip(content.fragments, rendition.lengths, strict=True):
        lines += [
            f"#EXTINF:{_format_seconds(seconds)},",
            f"#EXT-X-BYTERANGE:{fragment.size}@{fragment.start}",
            name,
        ]
    return [*lines, "#EXT-X-ENDLIST"]


def build_master_playlist(renditions: Sequence[Rendition], *, captions: str = "") -> list[str]:
    """Build the lines of the master playlist. `captions`: their language, "" without captions."""
    lines = [*HEAD, "#EXT-X-INDEPENDENT-SEGMENTS"]
    if captions:
        group = f'GROUP-ID="captions",NAME="{captions}",LANGUAGE="{captions}"'
        flags = f'AUTOSELECT=YES,DEFAULT=NO,FORCED=NO,URI="{CAPTIONS}"'
        lines.append(f"#EXT-X-MEDIA:TYPE=SUBTITLES,{group},{flags}")
    for rendition in renditions:
        facts = ",".join(
            f"{name}={value}" for name, value in _describe_rendition(rendition).items()
        )
        lines += [
            f"#EXT-X-STREAM-INF:{facts}" + (',SUBTITLES="captions"' if captions else ""),
            rendition.playlist,
        ]
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The renditions of a master playlist as measured, and the problems found, by subject."""

    renditions: tuple[Rendition, ...]
    playlists: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()

    @property
    def problems(self) -> list[str]:
        """Every problem found: of the playlists, then of the segments, then of the attributes."""
        return [*self.playlists, *self.segments, *self.attributes]


def inspect_playlists(master: Path) -> Ladder:
    """Follow a master playlist and compare it with its files.

    What cannot be read becomes a problem; nothing is raised.
    """
    folder = master.parent
    try:
        playlists = _load_playlist(master).playlists
        listed = {str(entry.uri): _list_attributes(entry.stream_info) for entry in playlists}
    except ValueError as error:
        return Ladder(renditions=(), playlists=(f"{master.name}: {error}",))
    problems = [] if listed else [f"{master.name} names no rendition"]
    renditions = list[Rendition]()
    for uri in listed:
        try:
            playlist, file = _open_media_playlist(folder, uri)
            renditions.append(open_rendition(file))
            differences = _find_differences(playlist, renditions[-1])
            problems += [f"{uri}: {difference}" for difference in differences]
        except (InputError, ValueError) as error:
            problems.append(f"{uri}: {str(error).splitlines()[0]}")
    return Ladder(
        renditions=tuple(renditions),
        playlists=tuple(problems),
        segments=tuple(_find_unaligned(renditions)),
        attributes=tuple(_find_wrong_attributes(listed, renditions)),
    )


def _find_wrong_attributes(
    listed: Mapping[str, Mapping[str, str]], renditions: Sequence[Rendition]
) -> list[str]:
    """Find attributes of the master playlist that differ from the measured ones."""
    wrong = []
    for rendition in renditions:
        stated = listed.get(rendition.playlist, {})
        wrong += [
            f"{rendition.playlist}: {name} is {stated.get(name)}, measured {value}"
            for name, value in _describe_rendition(rendition).items()
            if stated.get(name) != value
        ]
    return wrong


def play_rendition(master: Path, number: int) -> int:
    """Fetch a rendition through the master playlist with ffmpeg's HLS reader; count its pictures.

    Nothing is decoded: the rendition's own file shows whether the pictures can be. Raises
    ToolError.
    """
    came = 0

    def count(done: int) -> None:
        nonlocal came
        came = done

    source = [
        "-v",
        "error",
        "-protocol_whitelist",
        "file",
        "-f",
        "hls",
        "-i",
        f"file:{master.resolve()}",
    ]
    media.run([*source, "-map", f"0:p:{number}:v", "-c", "copy", "-f", "null", "-"], progress=count)
    return came


def _open_media_playlist(folder: Path, uri: str) -> tuple[Any, Path]:
    """Load the media playlist of a file that holds its header and all segments; name the file.

    Raises ValueError when it is none, or leads out of its folder.
    """
    listed = _load_playlist(folder / _check_local(uri))
    headers = listed.segment_map
    used = [part.init_section for part in listed.segments]
    if listed.target_duration is None or len(headers) != 1 or None in (*headers, *used):
        raise ValueError("it is not a playlist with a target duration and a header")
    files = {segment.uri for segment in (*headers, *listed.segments)}
    if len(files) != 1:
        raise ValueError("its segments lie in several files")
    return listed, folder / _check_local(files.pop())


def _load_playlist(path: Path) -> Any:
    """Load a playlist with m3u8. Raises ValueError when the file is none."""
    import m3u8

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError("it cannot be read") from error
    if not text.startswith("#EXTM3U"):
        raise ValueError("it is not a playlist")
    try:
        return m3u8.loads(text)
    except UNREADABLE as error:
        raise ValueError("it is not a readable playlist") from error


def _find_differences(listed: Any, rendition: Rendition) -> list[str]:
    """Find where a media playlist differs from its file."""
    content = rendition.content
    wrong = [] if listed.is_endlist else ["it does not end"]
    header = listed.segment_map[0].byterange
    if header != f"{content.header}@0":
        wrong.append(f"the header is {content.header} bytes from 0 on, the playlist says {header}")
    stated = [_format_segment(part.duration or 0, part.byterange) for part in listed.segments]
    measured = [
        _format_segment(seconds, f"{fragment.size}@{fragment.start}")
        for seconds, fragment in zip(rendition.lengths, content.fragments, strict=True)
    ]
    if len(measured) != len(stated):
        wrong.append(f"{len(stated)} segments, the file has {len(measured)}")
    wrong += [
        f"segment {number} is {real}, the playlist says {said}"
        for number, (said, real) in enumerate(zip(stated, measured, strict=False), start=1)
        if said != real
    ]
    if any(round(seconds) > listed.target_duration for seconds in rendition.lengths):
        wrong.append("a segment is longer than the target duration")
    return wrong


def _find_unaligned(renditions: Sequence[Rendition]) -> list[str]:
    """Find segments that are not aligned.

    They do not begin with key frames, begin elsewhere than those of the first rendition, or leave
    gaps.
    """
    wrong = []
    for rendition in renditions:
        starts = [fragment.time for fragment in rendition.content.fragments]
        counted = [
            sum(rendition.lengths[:number], start=Fraction(0)) for number in range(len(starts))
        ]
        keyless = sum(not fragment.key for fragment in rendition.content.fragments)
        if keyless:
            wrong.append(f"{rendition.path.name}: {keyless} segments do not begin with a key frame")
        if starts != counted:
            wrong.append(f"{rendition.path.name}: segments do not follow one another")
        if rendition.lengths != renditions[0].lengths:
            wrong.append(
                f"{rendition.path.name}: segments begin at other times "
                f"than in {renditions[0].path.name}"
            )
    return wrong


def _describe_rendition(rendition: Rendition) -> Mapping[str, str]:
    """Build the attributes of a rendition in the master playlist."""
    width, height = rendition.size
    return {
        "BANDWIDTH": str(rendition.bandwidth),
        "AVERAGE-BANDWIDTH": str(rendition.average),
        "CODECS": f'"{rendition.content.codecs}"',
        "RESOLUTION": f"{width}x{height}",
        "FRAME-RATE": f"{float(rendition.rate):.3f}",
    }


def _list_attributes(stated: Any) -> dict[str, str]:
    """List what a master playlist states of a rendition, as `_describe_rendition` does."""
    width, height = stated.resolution or (0, 0)
    return {
        "BANDWIDTH": str(stated.bandwidth),
        "AVERAGE-BANDWIDTH": str(stated.average_bandwidth),
        "CODECS": f'"{stated.codecs}"',
        "RESOLUTION": f"{width}x{height}",
        "FRAME-RATE": f"{stated.frame_rate or 0:.3f}",
    }


def _head_lines(lengths: Sequence[Fraction]) -> list[str]:
    """Build the first lines of a media playlist.

    The target duration is at least the rounded duration of every segment.
    """
    return [f"#EXT-X-TARGETDURATION:{max(1, *map(round, lengths))}", "#EXT-X-PLAYLIST-TYPE:VOD"]


def _measure_peak(sizes: Sequence[int], lengths: Sequence[Fraction]) -> int:
    target = max(1, *map(round, lengths))
    most = Fraction(0)
    for first in range(len(sizes)):
        length, size = Fraction(0), 0
        for seconds, part in zip(lengths[first:], sizes[first:], strict=True):
            length, size = length + seconds, size + part
            if length > Fraction(3, 2) * target:
                break
            if length >= Fraction(target, 2):
                most = max(most, 8 * size / length)
    return _round_up(most or 8 * sum(sizes) / sum(lengths, start=Fraction(0)))


def _round_up(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


def _format_seconds(length: Fraction | float) -> str:
    return f"{float(length):.6f}"


def _format_segment(seconds: Fraction | float, span: str | None) -> str:
    return f"{_format_seconds(seconds)} s at bytes {span}"


def _check_local(uri: str) -> str:
    """Return a name of a file in the same folder. Raises ValueError for anything else."""
    if not re.fullmatch(r"[\w-][\w.-]*", uri):
        raise ValueError(f"{uri!r} is not a file in the same folder")
    return uri


def _join_lines(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"
