# SPDX-License-Identifier: Apache-2.0
"""Dailies: small copies of takes for the review page, with thumbnails and the waveform.

Takes are lossless RGB, which no browser decodes. Their copies are H.264 in which every frame is a
key frame: a seek decodes one frame, and frame n of the copy is frame n of the take. They are not
graded, so that they can be compared with the version, which is. Each file is made once and lies
under the digest of its content in `media/dailies`, where anything may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.box import Box
from manifests.identity import digest
from manifests.rows import Cut, Take
from manifests.timebase import sample_of_frame
from pipeline import media
from pipeline.assemble import assemble
from pipeline.assemble.assemble import Picture, ReaderSettings
from pipeline.assemble.edit_list import Layer, Segment
from pipeline.deliver.profiles import AAC, BT709

VERSION = "1"
MOST_BYTES = 8 << 30  # of copies that are kept; the ones that were not asked for longest go first
LARGEST = (1280, 720)
THUMBNAIL = (240, 135)
PEAK_HZ = 8000  # enough to see words; a frame has more than a hundred samples
# Every frame a key frame; medium quality at a fast preset: these are looked at, never delivered.
INTRA = {"c:v": "libx264", "preset": "veryfast", "crf": 20, "profile:v": "high", "g": 1, "bf": 0}

Pairs = list[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeFraming:
    """How a take is framed.

    `crop` is in the take's pixels (`left,top,width,height`); `size` is the size of the copy (both
    even).
    """

    crop: str
    size: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeSound:
    """The master sound under a take.

    It has a file, an identity, and the timeline frame at which the take begins.
    """

    sound_id: str
    path: Path
    first_frame: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoStill:
    """One frame of a file.

    It is `frame` at `rate`, of which `crop` is shown (as in `TakeFraming`; "": all). `key`: the
    file's digest.
    """

    video: Path
    key: str
    frame: int
    rate: Fraction
    crop: str = ""


def frame_copy(cut: Cut, *, size: tuple[int, int]) -> TakeFraming:
    """Frame the copy of a cut in a picture of `size`, reduced to fit into `LARGEST`."""
    wide, high = cut.place_box.size if cut.place_box else size
    scale = min(1.0, LARGEST[0] / wide, LARGEST[1] / high)
    return TakeFraming(
        crop=cut.crop, size=(_round_to_even(wide * scale), _round_to_even(high * scale))
    )


def locate_copy(take: Take, seen: TakeFraming, sound: TakeSound | None, *, root: Path) -> Path:
    """Return the path of the browser's copy of a take, whether it exists or not."""
    laid = [sound.sound_id, sound.first_frame] if sound else []
    return (
        root
        / layout.DAILIES
        / f"{digest([VERSION, take.media_digest, seen.crop, list(seen.size), laid])}.mp4"
    )


def make_copy(take: Take, seen: TakeFraming, sound: TakeSound | None, *, root: Path) -> Path:
    """Make the browser's copy of a take, with the sound of its span, if it does not exist.

    Raises ToolError.
    """
    path = locate_copy(take, seen, sound, root=root)
    if path.is_file():
        # so that it is among the last to go
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
        return path
    with atomic_write(path) as partial:
        media.run_piped(
            [_build_source(take, seen, root)], _build_encoder(take, seen, sound, partial)
        )
    prune_copies(path.parent, keep=path)
    return path


def prune_copies(folder: Path, *, keep: Path, most_bytes: int = MOST_BYTES) -> list[Path]:
    """Delete the least recently used copies until the rest is within `most_bytes`.

    `keep` stays. Returns the deleted copies.
    """
    copies = [(path.stat(), path) for path in folder.glob("*.mp4") if not path.name.startswith(".")]
    left, gone = sum(facts.st_size for facts, _ in copies), []
    for facts, path in sorted(copies, key=lambda copy: copy[0].st_atime_ns):
        if left <= most_bytes:
            break
        if path != keep:
            path.unlink(missing_ok=True)
            left -= facts.st_size
            gone.append(path)
    return gone


def make_thumbnail(still: VideoStill, *, root: Path) -> Path:
    """Write a small JPEG of one frame of a file, unless the file has no such frame."""
    path = root / layout.DAILIES / f"{digest([VERSION, still.key, still.frame, still.crop])}.jpg"
    if not path.is_file():
        start = max(Fraction(0), (still.frame - Fraction(1, 4)) / still.rate)
        filters = ""
        if still.crop:
            left, top, wide, high = Box.parse(still.crop)
            filters = f"crop={wide}:{high}:{left}:{top}"
        with contextlib.closing(_read_thumbnail_frames(still.video, filters, start)) as frames:
            picture = next(frames, None)
        if picture is not None:
            save_jpeg(picture, path)
    return path


def _read_thumbnail_frames(
    video: Path, filters: str, start: Fraction
) -> Generator[UInt8[np.ndarray, "height width 3"], None, None]:
    yield from media.read_frames(
        video, width=THUMBNAIL[0], height=THUMBNAIL[1], filters=filters, start=start
    )


def save_jpeg(picture: UInt8[np.ndarray, "height width 3"], path: Path) -> None:
    """Write RGB pixels as a JPEG, atomically."""
    from PIL import Image

    with atomic_write(path) as partial:
        Image.fromarray(picture).save(partial, quality=82)


def read_peaks(sound: Path, *, sound_id: str, frames: int, rate: Fraction, root: Path) -> Pairs:
    """Return the lowest and highest sample of each frame of the timeline.

    Samples are -1 to 1, with three decimals.
    """
    path = root / layout.DAILIES / f"{digest([VERSION, sound_id, frames, str(rate)])}.peaks.json"
    if not path.is_file():
        with atomic_write(path) as partial:
            partial.write_text(
                json.dumps(list(_measure_peaks(sound, frames, rate)), separators=(",", ":"))
            )
    return [(low, high) for low, high in json.loads(path.read_text())]


def thin_peaks(pairs: Pairs, width: int) -> Pairs:
    """Reduce a waveform to at most `width` pairs.

    >>> thin_peaks([(-0.1, 0.2), (-0.3, 0.1), (0.0, 0.4)], 2)
    [(-0.1, 0.2), (-0.3, 0.4)]
    """
    if width >= len(pairs):
        return pairs
    edges = [len(pairs) * place // width for place in range(width + 1)]
    return [
        (min(low for low, _ in pairs[first:last]), max(high for _, high in pairs[first:last]))
        for first, last in itertools.pairwise(edges)
    ]


def _measure_peaks(sound: Path, frames: int, rate: Fraction) -> Iterator[tuple[float, float]]:
    """Measure peaks frame by frame; memory does not grow with length.

    Frames past the end of the sound are silent.
    """
    waiting = np.zeros(0, dtype=np.float32)
    origin, frame = 0, 0
    for block in media.read_audio(sound, hz=PEAK_HZ, channels=1):
        waiting = np.concatenate([waiting, block[:, 0]])
        edges = []
        while frame < frames and sample_of_frame(frame + 1, rate, PEAK_HZ) <= origin + len(waiting):
            edges.append(sample_of_frame(frame, rate, PEAK_HZ) - origin)
            frame += 1
        if edges:
            end = sample_of_frame(frame, rate, PEAK_HZ) - origin
            yield from _find_extremes(waiting[:end], edges)
            waiting, origin = waiting[end:], origin + end
    if frame < frames and len(waiting):
        yield from _find_extremes(waiting, [0])
        frame += 1
    yield from [(0.0, 0.0)] * (frames - frame)


def _find_extremes(
    samples: Float32[np.ndarray, " samples"], edges: list[int]
) -> Iterator[tuple[float, float]]:
    lows, highs = np.minimum.reduceat(samples, edges), np.maximum.reduceat(samples, edges)
    return (
        (round(float(low), 3), round(float(high), 3)) for low, high in zip(lows, highs, strict=True)
    )


def _build_settings(take: Take, seen: TakeFraming, root: Path) -> ReaderSettings:
    rate = Fraction(take.rate_num, take.rate_den)
    picture = Picture(width=seen.size[0], height=seen.size[1], rate=rate)
    return ReaderSettings(picture=picture, root=root, pixel_format=assemble.FLAT)


def _build_source(take: Take, seen: TakeFraming, root: Path) -> media.FrameSource:
    """Build the source of all frames of a take, framed as in the edit list, without a grade."""
    event = Cut(
        version="",
        order=0,
        shot_id=take.shot_id,
        grade_id="",
        start_frame=0,
        end_frame=take.frames,
        take_path=take.path,
        cube_path="",
        crop=seen.crop,
        take_frames=take.frames,
    )
    whole = Segment(start=0, end=take.frames, layers=(Layer(cut=event, first=0),))
    arguments = assemble.build_reader(whole, _build_settings(take, seen, root))
    return media.FrameSource(name=take.path, arguments=tuple(arguments), frames=take.frames)


def _build_encoder(take: Take, seen: TakeFraming, sound: TakeSound | None, path: Path) -> list[str]:
    settings = _build_settings(take, seen, path.parent)
    width, height = settings.picture.size
    raw = ["-f", "rawvideo", "-pixel_format", settings.pixel_format]
    raw += ["-video_size", f"{width}x{height}", "-framerate", f"{take.rate_num}/{take.rate_den}"]
    arguments = ["-v", "error", *raw, "-i", "pipe:0"]
    options = {**INTRA, **BT709, "movflags": "+faststart", "fflags": "+bitexact"}
    if sound is not None:
        arguments += ["-i", f"file:{sound.path.resolve()}", "-map", "0:v", "-map", "1:a"]
        filters = _cut_sound(sound, take.frames, settings.picture.rate)
        options |= {**AAC, "b:a": "128k", "af": filters}
    flags = [part for name, value in options.items() for part in (f"-{name}", str(value))]
    return [*arguments, *flags, f"file:{path}"]


def _cut_sound(sound: TakeSound, frames: int, rate: Fraction) -> str:
    """Build the filters that cut the span of a take out of the master sound."""
    first, last = (sample_of_frame(sound.first_frame + frame, rate) for frame in (0, frames))
    trim = f"atrim=start_sample={max(0, first)}:end_sample={max(0, last)},asetpts=N/SR/TB"
    early = f",adelay={-first}S:all=1" if first < 0 else ""
    return f"{trim}{early},apad=whole_len={last - first}"


def _round_to_even(length: float) -> int:
    return max(2, round(length / 2) * 2)
