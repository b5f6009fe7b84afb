# SPDX-License-Identifier: Apache-2.0
"""Assemble: the edit list, and the one picture stream that it describes. Sound is laid once, elsewhere (`sound`), never joined from clips.

Every event is read by a short-lived ffmpeg of its own (decode, crop, scale, colour cube, BT.709) and poured as raw frames into one
encoder. One filter graph over all takes would be shorter, but it holds a decoder and its queues per take from beginning to end; this
way memory does not grow with the number of shots, frame counts are checked byte by byte, and a broken take is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from manifests.errors import InputError, Problem
from manifests.rows import Cut, Grade, Shot, Take
from pipeline import layout

PIXEL_FORMAT = "yuv422p10le"  # what the master keeps; the web picture is made from the same frames
BYTES_PER_PIXEL = 4  # 10-bit 4:2:2: two samples of two bytes per pixel

TO_BT709 = {
    "transferin": "709",
    "primariesin": "709",
    "rangein": "full",
    "matrix": "709",
    "transfer": "709",
    "primaries": "709",
    "range": "limited",
    "chromal": "left",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The delivered picture: width and height in pixels (both even) and frames per second."""

    width: int
    height: int
    rate: Fraction

    @property
    def frame_bytes(self) -> int:
        """Bytes of one raw frame between reader and encoder."""
        return self.width * self.height * BYTES_PER_PIXEL


def cuts(
    shots: Sequence[Shot], takes: Sequence[Take], grades: Sequence[Grade], *, version: str, size: tuple[int, int]
) -> list[Cut]:
    """The edit list: every shot once, in order, covering the timeline from frame 0 without gap or overlap.

    `size`: width and height of the delivered picture. Raises InputError naming every shot that has no whole take, and ValueError
    when the shots themselves leave a gap (the breakdown's fault).
    """
    ordered = sorted(shots, key=lambda shot: shot.start_frame)
    _check_cover(ordered)
    take_of = {take.shot_id: take for take in takes}
    grade_of = {grade.shot_id: grade for grade in grades}
    problems = [problem for shot in ordered if (problem := _short_of(shot, take_of.get(shot.shot_id)))]
    if problems:
        raise InputError(problems)
    return [
        _cut(shot, take_of[shot.shot_id], grade_of.get(shot.shot_id), version=version, size=size) for shot in ordered
    ]


def total_frames(cuts: Sequence[Cut]) -> int:
    """Frames of the programme."""
    return max((cut.end_frame for cut in cuts), default=0)


def reader(cut: Cut, picture: Picture, *, root: Path, mark: Path | None = None) -> list[str]:
    """The ffmpeg arguments that write one event's finished raw frames to `pipe:1`. `root`: the media folder.

    `mark`: a small picture with alpha that is laid over the top right corner."""
    import ffmpeg

    left, top, width, height = map(int, cut.crop.split(","))
    stream = ffmpeg.input(f"file:{(root / cut.take_path).resolve()}", threads=1)
    stream = stream.video.filter("trim", start_frame=cut.take_frame, end_frame=cut.take_frame + cut.frames)
    stream = stream.filter("crop", width, height, left, top, exact=1)
    stream = stream.filter("zscale", picture.width, picture.height, filter="spline36", rangein="full", range="full")
    stream = stream.filter("format", "gbrp12le")
    if cut.cube_path:
        stream = stream.filter("lut3d", file=str((root / cut.cube_path).resolve()), interp="tetrahedral")
    stream = stream.filter("zscale", **TO_BT709)
    stream = stream.filter("format", PIXEL_FORMAT).filter("setsar", 1)
    if mark is not None:
        margin = picture.height // 24
        corner = ffmpeg.input(f"file:{mark.resolve()}")
        stream = stream.overlay(corner, x=f"W-w-{margin}", y=margin, format="yuv422p10")
    output = ffmpeg.output(stream, "pipe:1", format="rawvideo", fps_mode="passthrough", **{"frames:v": cut.frames})
    return list(output.get_args())


def concatenation(picture: Picture) -> tuple[str, ...]:
    """The encoder's input arguments for what the readers pour into it."""
    rate = f"{picture.rate.numerator}/{picture.rate.denominator}"
    size = f"{picture.width}x{picture.height}"
    return ("-f", "rawvideo", "-pixel_format", PIXEL_FORMAT, "-video_size", size, "-framerate", rate, "-i", "pipe:0")


def _check_cover(shots: Sequence[Shot]) -> None:
    ends = [0, *(shot.end_frame for shot in shots)]
    for end, shot in zip(ends, shots, strict=False):
        if shot.start_frame != end:
            raise ValueError(f"shot {shot.number} starts at frame {shot.start_frame}, the one before it ends at {end}")


def _short_of(shot: Shot, take: Take | None) -> Problem | None:
    if take is None:
        return Problem(file=shot.number, message="the shot has no take, so the episode cannot be assembled")
    if take.frames < shot.frames:
        wanted, got = f"{shot.frames} frames", f"{take.frames} frames"
        return Problem(file=shot.number, message="the take is too short", expected=wanted, got=got)
    return None


def _cut(shot: Shot, take: Take, grade: Grade | None, *, version: str, size: tuple[int, int]) -> Cut:
    crop = layout.frame_take(take, size)
    return Cut(
        version=version,
        order=shot.order,
        shot_id=shot.shot_id,
        grade_id=grade.grade_id if grade else "",
        start_frame=shot.start_frame,
        end_frame=shot.end_frame,
        take_path=take.path,
        cube_path=grade.cube_path if grade else "",
        number=shot.number,
        label=take.label,
        rate_num=shot.rate_num,
        rate_den=shot.rate_den,
        crop=f"{crop.left},{crop.top},{crop.width},{crop.height}",
    )
