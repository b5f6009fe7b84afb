# SPDX-License-Identifier: Apache-2.0
"""Measure a media file: one ffmpeg run decodes all of it and reports what it found.

The report covers frames, samples, black, freezes, silence, loudness and peaks (ITU-R BS.1770, EBU R
128).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from manifests.errors import InputError, Problem, ToolError
from pipeline import media
from pipeline.assemble import loudness
from pipeline.assemble.loudness import MeasuredLoudness

BLACK_SECONDS, FREEZE_SECONDS, SILENCE_SECONDS = 0.2, 2.0, 4.0
# mean absolute difference below which a picture stands still; a breathing portrait moves more
FREEZE_NOISE = 0.0003
FILTERS_PICTURE = (
    f"blackdetect=d={BLACK_SECONDS}:pix_th=0.08,freezedetect=n={FREEZE_NOISE}:d={FREEZE_SECONDS}"
)
FILTERS_SOUND = (
    f"silencedetect=n=-60dB:d={SILENCE_SECONDS},astats=measure_perchannel=none,"
    "ebur128=peak=true:framelog=verbose"
)
MEASURE = (
    *("-fps_mode", "passthrough", "-vf", FILTERS_PICTURE, "-af", FILTERS_SOUND),
    *("-f", "null", "-"),
)
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaReport:
    """The result of one decode of a file.

    Intervals are in seconds; `loudness` is None when the file has no sound.
    """

    width: int
    height: int
    rate: Fraction
    frames: int
    samples: int
    hz: int
    colour: str
    errors: tuple[str, ...]
    black: tuple[Interval, ...]
    freeze: tuple[Interval, ...]
    silence: tuple[Interval, ...]
    loudness: MeasuredLoudness | None
    clipped: int


def measure_file(path: Path, *, progress: Callable[[int], None] | None = None) -> MediaReport:
    """Decode all of a file once and read ffmpeg's report.

    Raises InputError when it cannot be decoded at all, and ToolError when ffmpeg itself cannot
    measure: that says nothing of the file.
    """
    frames = 0

    def count(done: int) -> None:
        nonlocal frames
        frames = done
        if progress is not None:
            progress(done)

    info = media.probe(path)
    if info.video is None or info.audio is None:
        lacks = "picture" if info.video is None else "sound"
        raise InputError(Problem(file=path.name, message=f"it has no {lacks}"))
    source = ["-i", f"file:{path.resolve()}", "-map", "0:v:0", "-map", "0:a:0"]
    try:
        text = media.run([*source, *MEASURE], progress=count)
    except ToolError as error:
        _require_working_filters()
        last = str(error).splitlines()[-1]
        raise InputError(Problem(file=path.name, message=f"it does not decode: {last}")) from error
    return _parse_report(text, video=info.video, hz=info.audio.hz, frames=frames)


def _require_working_filters() -> None:
    """Measure a picture and a sound that ffmpeg makes itself. Raises ToolError if that fails."""
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:duration=0.2")
    media.run([*picture, "-f", "lavfi", "-i", "sine=duration=0.2", *MEASURE])


def _parse_report(text: str, *, video: media.VideoInfo, hz: int, frames: int) -> MediaReport:
    seconds = float(Fraction(frames) / (video.rate or 1))
    return MediaReport(
        width=video.width,
        height=video.height,
        rate=video.rate,
        frames=frames,
        samples=_count_samples(text),
        hz=hz,
        colour=_read_colour_tags(text),
        errors=_find_errors(text),
        black=_find_intervals(text, r"black_start:(\S+) black_end:(\S+)"),
        freeze=_pair_intervals(text, "freeze_start", "freeze_end", seconds),
        silence=_pair_intervals(text, "silence_start", "silence_end", seconds),
        loudness=loudness.parse_loudness(text),
        clipped=_count_clipped(text),
    )


def _count_samples(text: str) -> int:
    found = re.findall(r"Number of samples: (\d+)", text)
    return int(found[-1]) if found else 0


def _count_clipped(text: str) -> int:
    """Count samples at full scale, as astats counts peaks: only when the peak is full scale."""
    level = re.search(r"Peak level dB: (\S+)", text)
    count = re.search(r"Peak count: ([\d.]+)", text)
    return round(float(count[1])) if level and count and float(level[1]) >= -0.0005 else 0


def _read_colour_tags(text: str) -> str:
    """Read the colour tags: `tv, bt709` when range, matrix, primaries and transfer all say so."""
    found = re.search(r"Video: .*?\((tv|pc), (bt709|[a-z0-9/]+)[,)]", text)
    return f"{found[1]}, {found[2]}" if found else "untagged"


def _find_errors(text: str) -> tuple[str, ...]:
    """Find the lines in which a decoder or demuxer reports an error."""
    complaint = re.compile(r"^\[[^\]]+\] .*(error|invalid|corrupt|missing|truncat)", re.IGNORECASE)
    return tuple(line for line in text.splitlines() if complaint.match(line))


def _find_intervals(text: str, pattern: str) -> tuple[Interval, ...]:
    return tuple((float(start), float(end)) for start, end in re.findall(pattern, text))


def _pair_intervals(text: str, begin: str, finish: str, length: float) -> tuple[Interval, ...]:
    """Pair starts and ends that ffmpeg prints on separate lines.

    An interval that is open at the end lasts to the end.
    """
    starts = [float(value) for value in re.findall(rf"{begin}: (-?[\d.]+)", text)]
    ends = [float(value) for value in re.findall(rf"{finish}: (-?[\d.]+)", text)]
    return tuple(zip(starts, [*ends, *[length] * (len(starts) - len(ends))], strict=False))
