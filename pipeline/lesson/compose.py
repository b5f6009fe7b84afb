# SPDX-License-Identifier: Apache-2.0
"""The picture of a lesson: its edit list, and its sections as files that are joined without being
encoded again.

Every section is encoded by itself, under an identity of everything that is seen in it, counted from
its own first frame. So a changed slide costs one section, wherever it stands; joining copies the
streams, adds the sound and names the chapters. Slides and presenter are laid over each other as
8-bit RGB, which is what both are, and become BT.709 once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from manifests import identity, layout
from manifests.atomic_write import atomic_write, hidden_file
from manifests.box import Box
from manifests.rows import Cut, Grade, Shot, Take
from model.talkers import MARKS
from pipeline import media
from pipeline.assemble import edit_list
from pipeline.assemble.assemble import TO_BT709, Picture
from pipeline.cut import framing
from pipeline.deliver.profiles import BT709, Profile
from pipeline.lesson import slides as slide_stills
from pipeline.lesson.layouts import Arrangement, Placement, Rect, parse, place
from pipeline.lesson.slides import Slide
from pipeline.lesson.timing import TimedSection, TimedSlide

VERSION = "1"
SLIDE = "slide"  # the label of an event that is a slide
# of an event, beside its frames
SEEN = ("shot_id", "grade_id", "take_frame", "crop", "layer", "place", "mask")
MARK_SHARE = 0.16  # of the presenter's height is the mark of a previs picture
MASK_SCALE = 4  # a mask is drawn larger and made small, for a smooth edge


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionInputs:
    """What sections are made of. `slides` and `grades` (by shot) by name; `base` is the arrangement
    where a section names none.

    `root`: the folder of the rows' paths; `burn_in`: write the mark into previs pictures.
    """

    picture: Picture
    root: Path
    slides: Mapping[str, Slide]
    takes: Mapping[str, Take]
    grades: Mapping[str, Grade]
    base: Arrangement
    burn_in: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonTracks:
    """What joins the pictures in a file: the master sound, the chapters (an ffmetadata file), the
    title.
    """

    sound: Path
    chapters: Path
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedSection:
    """A section as it is composed: its stretch of the timeline, where things lie, its events
    (frames of the timeline).
    """

    timed: TimedSection
    placement: Placement
    cuts: tuple[Cut, ...]


def compose_sections(
    stretches: Sequence[TimedSection], making: SectionInputs
) -> list[ComposedSection]:
    """Place slides and presenter and list the events of every section. Nothing is drawn but small
    masks for round presenters.
    """
    return [_composed(stretch, making) for stretch in stretches]


def place_section(stretch: TimedSection, making: SectionInputs) -> Placement:
    """Where slide and presenter lie in a section: the presenter keeps its place through all of the
    section's builds.
    """
    shown = [making.slides[slide] for slide in stretch.section.slides]
    arrangement = parse(stretch.section.layout, base=making.base)
    return place(
        arrangement,
        making.picture.size,
        slide_stills.collect_text_boxes(shown),
        art=sorted({box for slide in shown for box in slide.art}),
        full_bleed=all(slide.full_bleed for slide in shown),
    )


def identify_section(composed: ComposedSection, making: SectionInputs, profile: Profile) -> str:
    """The identity of a section's file: what is seen in which frames, counted from its first, and
    how it is encoded.
    """
    start = composed.timed.start
    events = [
        [cut.start_frame - start, cut.end_frame - start, *(getattr(cut, name) for name in SEEN)]
        for cut in composed.cuts
    ]
    papers = [making.slides[shown.slide].paper for shown in composed.timed.slides]
    picture = [
        making.picture.width,
        making.picture.height,
        making.picture.rate,
        profile.pixel_format,
        dict(profile.picture),
    ]
    return identity.digest([VERSION, events, papers, picture, making.burn_in])


def locate_section(composed: ComposedSection, making: SectionInputs, profile: Profile) -> Path:
    """Where a section's file stands, made or not."""
    return (
        making.root
        / layout.SECTIONS
        / f"{identify_section(composed, making, profile)}{Path(profile.file).suffix}"
    )


def list_missing_sections(
    composed: Sequence[ComposedSection], making: SectionInputs, profiles: Sequence[Profile]
) -> list[ComposedSection]:
    """The sections of which a file is not there yet."""
    return [
        one
        for one in composed
        if not all(locate_section(one, making, profile).is_file() for profile in profiles)
    ]


def render_section(
    composed: ComposedSection, making: SectionInputs, profiles: Sequence[Profile]
) -> None:
    """Encode a section's pictures in every profile. Files appear under their names when they are
    whole. Raises ToolError.
    """
    for profile in profiles:
        segments = edit_list.split_segments(
            [_from_zero(cut, composed.timed.start) for cut in composed.cuts]
        )
        sources = [
            media.FrameSource(
                name=_name(segment),
                arguments=tuple(build_reader(segment, composed, making, profile)),
                frames=segment.frames,
            )
            for segment in segments
        ]
        with atomic_write(locate_section(composed, making, profile)) as partial:
            media.run_piped(sources, _encoder(making.picture, profile, partial))


def join_sections(
    composed: Sequence[ComposedSection],
    making: SectionInputs,
    profile: Profile,
    *,
    tracks: LessonTracks,
    out: Path,
) -> None:
    """Join the sections of a profile with the sound and the chapters into one file. Raises
    ToolError.
    """
    paths = [locate_section(one, making, profile).resolve() for one in composed]
    sound, chapters = (f"file:{path.resolve()}" for path in (tracks.sound, tracks.chapters))
    with hidden_file(out.with_suffix(".txt")) as listing:
        listing.write_text("".join(f"file {_quoted(path)}\n" for path in paths), encoding="utf-8")
        media.run(
            [
                "-v",
                "error",
                "-f",
                "concat",
                "-safe",
                "0",
                "-i",
                str(listing),
                "-i",
                sound,
                "-f",
                "ffmetadata",
                "-i",
                chapters,
                "-map",
                "0:v",
                "-map",
                "1:a",
                "-map_chapters",
                "2",
                "-c:v",
                "copy",
                *_options(profile.sound),
                *_options(profile.container),
                *_options(BT709),
                "-metadata",
                f"title={tracks.title}",
                "-fflags",
                "+bitexact",
                f"file:{out.resolve()}",
            ]
        )


def render_sections(
    composed: Sequence[ComposedSection],
    making: SectionInputs,
    profiles: Sequence[Profile],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Encode the sections that are missing and return how many those were. `progress(sections done,
    sections in all)`.
    """
    wanted = list_missing_sections(composed, making, profiles)
    for number, one in enumerate(wanted, start=1):
        render_section(one, making, profiles)
        if progress is not None:
            progress(number, len(wanted))
    return len(wanted)


# Events


def _composed(stretch: TimedSection, making: SectionInputs) -> ComposedSection:
    placed = place_section(stretch, making)
    size = making.picture.size
    whole = Rect(0, 0, *size)
    slides = [
        _slide_cut(shown, making.slides[shown.slide], placed.slide, size)
        for shown in stretch.slides
        if placed.slide
    ]
    layer = 1 if placed.slide else 0
    mask = (
        str(_mask(placed.presenter.width, making.root).relative_to(making.root))
        if placed.presenter and placed.round
        else ""
    )
    presenters = [
        replace(
            _presenter_cut(shot, stretch, making, placed.presenter),
            layer=layer,
            place="" if placed.presenter == whole else str(placed.presenter),
            mask=mask,
        )
        for shot in stretch.shots
        if placed.presenter
    ]
    return ComposedSection(timed=stretch, placement=placed, cuts=(*slides, *presenters))


def _slide_cut(shown: TimedSlide, slide: Slide, where: Rect, size: tuple[int, int]) -> Cut:
    return Cut(
        version="",
        order=0,
        shot_id=slide.digest,
        grade_id="",
        start_frame=shown.start,
        end_frame=shown.end,
        take_path=f"{layout.SLIDES}/{slide.path.name}",
        cube_path="",
        number=f"slide {shown.slide}",
        label=SLIDE,
        place="" if where == Rect(0, 0, *size) else str(where),
    )


def _presenter_cut(shot: Shot, stretch: TimedSection, making: SectionInputs, where: Rect) -> Cut:
    """The part of a shot that lies in the section, framed for its place."""
    take, grade = making.takes[shot.shot_id], making.grades.get(shot.shot_id)
    start, end = max(shot.start_frame, stretch.start), min(shot.end_frame, stretch.end)
    crop = framing.frame_take(take, (where.width, where.height))
    return Cut(
        version="",
        order=0,
        shot_id=shot.shot_id,
        grade_id=grade.grade_id if grade else "",
        start_frame=start,
        end_frame=end,
        take_path=take.path,
        cube_path=grade.cube_path if grade else "",
        number=shot.number,
        label=take.label,
        rate_num=shot.rate_num,
        rate_den=shot.rate_den,
        take_frame=start - shot.first_drawn,
        take_frames=take.frames,
        crop=f"{crop.left},{crop.top},{crop.width},{crop.height}",
    )


def _from_zero(cut: Cut, start: int) -> Cut:
    return replace(cut, start_frame=cut.start_frame - start, end_frame=cut.end_frame - start)


def _mask(side: int, root: Path) -> Path:
    """A grey still of a disc that fills a square of `side` pixels, made once."""
    from PIL import Image, ImageDraw

    path = root / layout.MASKS / f"disc_{side}.png"
    if not path.is_file():
        large = Image.new("L", (side * MASK_SCALE, side * MASK_SCALE), 0)
        ImageDraw.Draw(large).ellipse(
            (0, 0, side * MASK_SCALE - 1, side * MASK_SCALE - 1), fill=255
        )
        with atomic_write(path) as partial:
            large.resize((side, side), Image.Resampling.BOX).save(partial)
    return path


# ffmpeg


def build_reader(
    segment: edit_list.Segment, composed: ComposedSection, making: SectionInputs, profile: Profile
) -> list[str]:
    """The ffmpeg arguments that write a segment's finished raw frames to `pipe:1`. No text of
    people reaches the filter graph.
    """
    graph = _FilterGraph(making)
    stream = ""
    for layer in segment.layers:
        paper = (
            making.slides[layer.cut.number.removeprefix("slide ")].paper
            if layer.cut.label == SLIDE
            else ""
        )
        picture = graph.slide(layer.cut, paper) if paper else graph.take(layer, segment.frames)
        stream = graph.over(stream, picture, layer.cut) if stream else picture
    marks = sorted({MARKS[layer.cut.label] for layer in segment.layers if layer.cut.label in MARKS})
    if making.burn_in and marks:
        stream = graph.marked(stream, " + ".join(marks), composed.placement.presenter)
    finish = ":".join(f"{name}={value}" for name, value in TO_BT709.items())
    graph.chain(stream, f"zscale={finish},format={profile.pixel_format},setsar=1", "out")
    return [
        *graph.inputs,
        "-filter_complex",
        ";".join(graph.chains),
        "-map",
        "[out]",
        "-f",
        "rawvideo",
        "-fps_mode",
        "passthrough",
        "-frames:v",
        str(segment.frames),
        "pipe:1",
    ]


class _FilterGraph:
    """A filter graph as it grows: inputs, and chains that join named streams."""

    def __init__(self, making: SectionInputs) -> None:
        self.making = making
        self.inputs: list[str] = []
        self.chains: list[str] = []
        self._count = 0

    def chain(self, streams: str | Sequence[str], filters: str, name: str = "") -> str:
        """Add a chain and return its output's name."""
        self._count += 1
        out = name or f"s{self._count}"
        given = [streams] if isinstance(streams, str) else streams
        self.chains.append("".join(f"[{stream}]" for stream in given) + f"{filters}[{out}]")
        return out

    def slide(self, cut: Cut, paper: str) -> str:
        """A slide held still, in its place on the colour of its own paper."""
        wide, high = self.making.picture.size
        where = cut.place_box or Box(0, 0, wide, high)
        filters = "format=gbrp"
        if where.size != (wide, high):
            filters += (
                f",zscale=w={where.width}:h={where.height}:filter=spline36,format=gbrp"
                f",pad={wide}:{high}:{where.left}:{where.top}:0x{paper}"
            )
        return self.chain(self._still(self.making.root / cut.take_path), filters)

    def take(self, layer: edit_list.Layer, frames: int) -> str:
        """A presenter's frames, cropped, scaled to their place and graded once."""
        cut = layer.cut
        wide, high = cut.place_box.size if cut.place_box else self.making.picture.size
        assert cut.crop_box is not None  # presenters are framed when they are placed
        left, top, width, height = cut.crop_box
        rate = _ratio(self.making.picture.rate)
        filters = (
            f"trim=start_frame={layer.first}:end_frame={layer.first + frames},setpts=N/({rate})/TB"
        )
        filters += f",crop={width}:{height}:{left}:{top}:exact=1,zscale=w={wide}:h={high}:filter=spline36:rangein=full:range=full"
        if cut.cube_path:
            cube = _escaped(str((self.making.root / cut.cube_path).resolve()))
            filters += f",format=gbrp12le,lut3d=file={cube}:interp=tetrahedral"
        stream = self.chain(
            self._input(["-threads", "1"], self.making.root / cut.take_path),
            f"{filters},format=gbrp",
        )
        if not cut.mask:
            return stream
        mask = self.chain(self._still(self.making.root / cut.mask), "format=gray")
        return self.chain([self.chain(stream, "format=gbrap"), mask], "alphamerge")

    def over(self, below: str, above: str, cut: Cut) -> str:
        """One picture over another, in its place."""
        left, top = cut.place_box[:2] if cut.place_box else (0, 0)
        return self.chain([below, above], f"overlay={left}:{top}:format=gbrp")

    def marked(self, stream: str, text: str, presenter: Rect | None) -> str:
        """The mark of what is no final, low in the presenter's picture."""
        where = presenter or Rect(0, 0, *self.making.picture.size)
        path, (wide, high) = _mark(text, where, self.making.root)
        left, top = (
            where.left + (where.width - wide) // 2,
            where.bottom - high - max(2, where.height // 24),
        )
        return self.chain([stream, self._input([], path)], f"overlay={left}:{top}:format=gbrp")

    def _still(self, path: Path) -> str:
        return self._input(
            ["-loop", "1", "-framerate", _ratio(self.making.picture.rate), "-threads", "1"], path
        )

    def _input(self, options: Sequence[str], path: Path) -> str:
        number = self.inputs.count("-i")
        self.inputs += [*options, "-i", f"file:{path.resolve()}"]
        return f"{number}:v"


def _mark(text: str, where: Rect, root: Path) -> tuple[Path, tuple[int, int]]:
    """The mark's words as a picture with alpha that fits into a presenter's place, made once, and
    its size.
    """
    from PIL import Image, ImageDraw, ImageFont

    high = max(10, round(min(where.height * MARK_SHARE, 40)) // 2 * 2)
    size = high * 0.6
    room = where.width - high
    font = ImageFont.load_default(
        size=min(size, size * room / ImageFont.load_default(size=size).getlength(text))
    )
    wide = round(font.getlength(text) + high) // 2 * 2
    path = root / layout.MASKS / f"{text.lower().replace(' ', '_')}_{wide}x{high}.png"
    if not path.is_file():
        image = Image.new("RGBA", (wide, high), (0, 0, 0, 0))
        draw = ImageDraw.Draw(image)
        draw.rounded_rectangle((0, 0, wide - 1, high - 1), radius=high // 2, fill=(0, 0, 0, 120))
        draw.text((wide // 2, high // 2), text, font=font, fill=(255, 255, 255, 210), anchor="mm")
        with atomic_write(path) as partial:
            image.save(partial)
    return path, (wide, high)


def _encoder(picture: Picture, profile: Profile, out: Path) -> list[str]:
    """The arguments of a section's encoder: raw frames from `pipe:0`, pictures only. A section can
    be joined to any other because each begins with a whole picture and all are encoded alike.
    """
    tags = "setparams=range=limited:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    size, rate = f"{picture.width}x{picture.height}", _ratio(picture.rate)
    return [
        "-v",
        "error",
        "-f",
        "rawvideo",
        "-pixel_format",
        profile.pixel_format,
        "-video_size",
        size,
        "-framerate",
        rate,
        "-i",
        "pipe:0",
        "-vf",
        tags,
        *_options(profile.picture),
        *_options(BT709),
        "-pix_fmt",
        profile.pixel_format,
        "-video_track_timescale",
        str(_time_scale(picture.rate)),
        "-fflags",
        "+bitexact",
        f"file:{out.resolve()}",
    ]


def _time_scale(rate: Fraction) -> int:
    """Ticks a second in which every frame begins on a tick, the same for all sections."""
    return rate.numerator if rate.numerator >= 10_000 else rate.numerator * 512


def _options(options: Mapping[str, str | int]) -> list[str]:
    return [word for name, value in options.items() for word in (f"-{name}", str(value))]


def _name(segment: edit_list.Segment) -> str:
    return " over ".join(
        f"{layer.cut.number} ({layer.cut.take_path})" for layer in reversed(segment.layers)
    )


def _ratio(rate: Fraction) -> str:
    return f"{rate.numerator}/{rate.denominator}"


def _quoted(path: Path) -> str:
    """A path in a list for ffmpeg's concat demuxer."""
    return "'" + str(path).replace("'", r"'\''") + "'"


def _escaped(text: str) -> str:
    """A value in a filter graph: escaped for the filter's options, then for the graph."""
    return re.sub(r"([\\'\[\],;])", r"\\\1", re.sub(r"([\\':])", r"\\\1", text))
