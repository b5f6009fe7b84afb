# SPDX-License-Identifier: Apache-2.0
"""Assemble the picture: build the edit list and the ffmpeg arguments that read its segments.

Sound is laid once, elsewhere (`master_mix`), and never joined from clips. A short-lived ffmpeg
reads each segment of the edit list (decode, crop, scale, colour cube, BT.709, dissolve); its raw
frames are piped into one encoder. One filter graph over all takes would be shorter, but it would
hold a decoder and its queues per take from beginning to end. This way memory does not grow with the
number of shots, frame counts are checked byte by byte, and an error names the broken take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from manifests.errors import InputError, Problem
from manifests.rows import Cut, Grade, Shot, Take
from pipeline.assemble.edit_list import Layer, Segment
from pipeline.cut import framing

DEEP, FLAT = "yuv422p10le", "yuv420p"  # raw frames for files of ten bits, and for files of eight
TRANSPARENT = "yuva444p10le"  # raw frames of the people alone, straight alpha
COLOURS, MATTES = (
    "yuv444p10le",
    "gbrp",
)  # what those are put together of, colours opaque: as RGB a matte always has its full range
OVERLAY_FORMATS = {DEEP: "yuv422p10", FLAT: "yuv420", COLOURS: "yuv444p10", MATTES: "gbrp"}
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
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderSettings:
    """How segments are read.

    `picture` is the delivered picture, `root` the folder of the rows' paths, and `pixel_format` the
    raw format between readers and encoder.
    """

    picture: Picture
    root: Path
    pixel_format: str = DEEP

    @property
    def transparent(self) -> bool:
        """Whether only the people are shown, cut out by the mattes of their takes."""
        return self.pixel_format == TRANSPARENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A small picture with alpha in an upper corner of a segment: a mark or a label."""

    path: Path
    corner: Literal["left", "right"]


def build_cuts(
    shots: Sequence[Shot],
    takes: Sequence[Take],
    grades: Sequence[Grade],
    *,
    version: str,
    size: tuple[int, int],
) -> list[Cut]:
    """Build the edit list: every shot once, in order, from frame 0 without gap or overlap.

    Layers above the base lie over it. `size`: width and height of the delivered picture. Raises
    InputError naming every shot that has no complete take, and ValueError when the shots themselves
    leave a gap (an error of the breakdown).
    """
    ordered = sorted(shots, key=lambda shot: (shot.start_frame, shot.layer))
    _check_cover([shot for shot in ordered if not shot.layer])
    take_of = {take.shot_id: take for take in takes}
    grade_of = {grade.shot_id: grade for grade in grades}
    problems = [
        problem
        for shot in ordered
        if (problem := _find_take_problem(shot, take_of.get(shot.shot_id)))
    ]
    if problems:
        raise InputError(problems)
    return [
        _build_cut(
            shot, take_of[shot.shot_id], grade_of.get(shot.shot_id), version=version, size=size
        )
        for shot in ordered
    ]


def reframe_cuts(
    cuts: Sequence[Cut], shots: Sequence[Shot], takes: Sequence[Take], *, size: tuple[int, int]
) -> list[Cut]:
    """Frame the takes of an edit list anew for a picture of another size or shape."""
    shot_of, take_of = (
        {shot.shot_id: shot for shot in shots},
        {take.shot_id: take for take in takes},
    )
    framings = [_frame_cut(shot_of[cut.shot_id], take_of[cut.shot_id], size) for cut in cuts]
    return [
        replace(cut, crop=crop, place=place)
        for cut, (crop, place) in zip(cuts, framings, strict=True)
    ]


def build_reader(
    segment: Segment, settings: ReaderSettings, *, overlays: Sequence[Overlay] = ()
) -> list[str]:
    """Build the ffmpeg arguments that write a segment's finished raw frames to `pipe:1`."""
    if not settings.transparent:
        return _output_raw(_compose_layers(segment, settings, overlays), segment.frames)
    colours, mattes = (
        _compose_layers(segment, replace(settings, pixel_format=pixels), overlays)
        for pixels in (COLOURS, MATTES)
    )
    return _output_raw(_merge_matte(colours, mattes), segment.frames)


def build_still_reader(card: Path, frames: int, settings: ReaderSettings) -> list[str]:
    """Build the ffmpeg arguments that hold a still for a number of frames.

    The still is a slate or an end card: sRGB, of the delivered size.
    """
    import ffmpeg

    stream = ffmpeg.input(
        f"file:{card.resolve()}", loop=1, framerate=_format_rate(settings.picture.rate), threads=1
    ).video
    stream = stream.filter("format", "gbrp").filter(
        "zscale", settings.picture.width, settings.picture.height, **TO_BT709
    )
    return _output_raw(stream.filter("format", settings.pixel_format).filter("setsar", 1), frames)


def locate_matte(cut: Cut) -> Path:
    """Return the path of the matte of a cut's take, relative to the same folder as the take."""
    return Path(cut.take_path).with_suffix(".matte.mkv")


def build_input_options(settings: ReaderSettings) -> dict[str, object]:
    """Build the options with which the encoder reads the readers' raw frames from `pipe:0`."""
    return {
        "format": "rawvideo",
        "pixel_format": settings.pixel_format,
        "video_size": settings.picture.size,
        "framerate": _format_rate(settings.picture.rate),
    }


def _compose_layers(segment: Segment, settings: ReaderSettings, overlays: Sequence[Overlay]) -> Any:
    """Compose all layers of a segment and the overlays on top of them."""
    import ffmpeg

    pictures = [_place_layer(layer, segment.frames, settings) for layer in segment.layers]
    stream = pictures[0]
    for layer, picture in zip(segment.layers[1:], pictures[1:], strict=True):
        stream = _lay_over(stream, picture, layer, settings)
    margin = min(settings.picture.size) // 24
    for overlay in overlays:
        x = margin if overlay.corner == "left" else f"W-w-{margin}"
        corner = ffmpeg.input(f"file:{overlay.path.resolve()}")
        if settings.pixel_format == MATTES:  # where there is ink, the picture is opaque
            corner = corner.filter("format", "rgba").filter("lutrgb", r=255, g=255, b=255)
        stream = stream.overlay(
            corner, x=x, y=margin, format=OVERLAY_FORMATS[settings.pixel_format]
        )
    return stream


def _place_layer(layer: Layer, frames: int, settings: ReaderSettings) -> Any:
    """Place the frames of one take, or of its matte, in the picture.

    Layer 0 is padded to the full picture, because nothing lies below it.
    """
    shown = (
        _read_matte(layer, frames, settings)
        if settings.pixel_format == MATTES
        else _read_picture(layer, frames, settings)
    )
    left, top, wide, high = _parse_place(layer.cut, settings.picture)
    if layer.cut.layer or (wide, high) == settings.picture.size:
        return shown
    return shown.filter("pad", *settings.picture.size, left, top)


def _read_picture(layer: Layer, frames: int, settings: ReaderSettings) -> Any:
    """Read a take's frames: crop, scale and grade them, as limited-range BT.709.

    The grade is applied once, with tetrahedral interpolation.
    """
    cut = layer.cut
    stream = _read_frames(settings.root / cut.take_path, layer, frames, settings)
    assert cut.crop_box is not None  # framed before it is read
    width, height = cut.crop_box.size
    _, _, wide, high = _parse_place(cut, settings.picture)
    enlarged = wide * high > width * height
    if enlarged:  # the cube costs most: use it on the fewer pixels
        stream = _apply_grade(stream, cut, settings)
    stream = _scale(stream, wide, high)
    stream = stream if enlarged else _apply_grade(stream, cut, settings)
    return (
        stream.filter("zscale", **TO_BT709)
        .filter("format", settings.pixel_format)
        .filter("setsar", 1)
    )


def _read_matte(layer: Layer, frames: int, settings: ReaderSettings) -> Any:
    _, _, wide, high = _parse_place(layer.cut, settings.picture)
    stream = _read_frames(settings.root / locate_matte(layer.cut), layer, frames, settings)
    return _scale(stream, wide, high).filter("format", MATTES).filter("setsar", 1)


def _merge_matte(colours: Any, mattes: Any) -> Any:
    """Add a matte to colours as their fourth plane.

    The matte has the full range, whatever range the picture has.
    """
    import ffmpeg

    colours = colours.filter(
        "setparams", range="full"
    )  # so called while they are merged, else the matte would be made limited too
    matte = mattes.filter("extractplanes", "g").filter("format", "gray10le")
    planes = {"map1p": 1, "map2p": 2, "map3s": 1, "format": TRANSPARENT}
    return ffmpeg.filter([colours, matte], "mergeplanes", **planes).filter(
        "setparams", range="limited"
    )


def _read_frames(path: Path, layer: Layer, frames: int, settings: ReaderSettings) -> Any:
    """Read the frames of a layer from a take or from its matte, cropped."""
    import ffmpeg

    cut = layer.cut
    first, last, held = _choose_frames(layer, frames)
    stream = ffmpeg.input(f"file:{path.resolve()}", threads=1).video
    stream = stream.filter("trim", start_frame=first, end_frame=last)
    if any(held.values()):  # a dissolve that reaches past the handles holds the nearest frame
        stream = stream.filter("tpad", start_mode="clone", stop_mode="clone", **held)
    stream = stream.filter("setpts", f"N/({_format_rate(settings.picture.rate)})/TB")
    assert cut.crop_box is not None  # framed before it is read
    left, top, width, height = cut.crop_box
    return stream.filter("crop", width, height, left, top, exact=1)


def _choose_frames(layer: Layer, frames: int) -> tuple[int, int, dict[str, int]]:
    """Choose which frames of a take a layer reads (at least one) and how often it holds its ends.

    The first and the last frame are held where the take has no frames.
    """
    available = layer.cut.take_frames or layer.cut.take_frame + layer.cut.frames
    first = min(max(0, layer.first), available - 1)
    last = max(min(available, layer.first + frames), first + 1)
    missing = frames - (last - first)
    before = min(max(0, -layer.first), missing)
    return first, last, {"start": before, "stop": missing - before}


def _scale(stream: Any, wide: int, high: int) -> Any:
    return stream.filter("zscale", wide, high, filter="spline36", rangein="full", range="full")


def _apply_grade(stream: Any, cut: Cut, settings: ReaderSettings) -> Any:
    """Apply the colour cube in twelve bits, so that its rounding is not visible in ten."""
    stream = stream.filter("format", "gbrp12le")
    if not cut.cube_path:
        return stream
    return stream.filter(
        "lut3d", file=str((settings.root / cut.cube_path).resolve()), interp="tetrahedral"
    )


def _lay_over(below: Any, picture: Any, layer: Layer, settings: ReaderSettings) -> Any:
    """Lay a picture over the layers below, in its place or as a step of a dissolve.

    A dissolve is linear in coded values, as in editing programs.
    """
    import ffmpeg

    if layer.ramp is not None:
        length, over = layer.ramp
        # T, because N counts from 0 or 1 by version
        share = f"((T*{_format_rate(settings.picture.rate)}+{over}+0.5)/{length})"
        return ffmpeg.filter([below, picture], "blend", all_expr=f"A+(B-A)*{share}")
    left, top, _, _ = _parse_place(layer.cut, settings.picture)
    return below.overlay(picture, x=left, y=top, format=OVERLAY_FORMATS[settings.pixel_format])


def _output_raw(stream: Any, frames: int) -> list[str]:
    import ffmpeg

    output = ffmpeg.output(
        stream, "pipe:1", format="rawvideo", fps_mode="passthrough", **{"frames:v": frames}
    )
    return list(output.get_args())


def _parse_place(cut: Cut, picture: Picture) -> tuple[int, int, int, int]:
    if cut.place_box is None:
        return 0, 0, picture.width, picture.height
    left, top, width, height = cut.place_box
    return left, top, width, height


def _format_rate(rate: Fraction) -> str:
    return f"{rate.numerator}/{rate.denominator}"


def _check_cover(shots: Sequence[Shot]) -> None:
    ends = [0, *(shot.end_frame for shot in shots)]
    for end, shot in zip(ends, shots, strict=False):
        if shot.start_frame != end:
            raise ValueError(
                f"shot {shot.number} starts at frame {shot.start_frame}, "
                f"but the shot before it ends at {end}"
            )


def _find_take_problem(shot: Shot, take: Take | None) -> Problem | None:
    if take is None:
        return Problem(
            file=shot.number, message="the shot has no take yet, so the episode cannot be assembled"
        )
    if take.frames < shot.frames:
        wanted, got = f"{shot.frames} frames", f"{take.frames} frames"
        return Problem(file=shot.number, message="the take is too short", expected=wanted, got=got)
    return None


def _build_cut(
    shot: Shot, take: Take, grade: Grade | None, *, version: str, size: tuple[int, int]
) -> Cut:
    crop, place = _frame_cut(shot, take, size)
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
        take_frames=take.frames,
        rate_num=shot.rate_num,
        rate_den=shot.rate_den,
        take_frame=shot.head_frames,
        dissolve_frames=shot.dissolve_frames,
        layer=shot.layer,
        crop=crop,
        place=place,
    )


def _frame_cut(shot: Shot, take: Take, size: tuple[int, int]) -> tuple[str, str]:
    """Compute `crop` and `place` of a cut, in the form in which its row holds them."""
    crop, place = framing.place_take(shot, take, size)
    whole = place == (0, 0, *size)
    return f"{crop.left},{crop.top},{crop.width},{crop.height}", "" if whole else ",".join(
        map(str, place)
    )
