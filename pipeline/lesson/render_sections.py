# SPDX-License-Identifier: Apache-2.0
"""Encode the sections of a lesson as files, and join them without encoding them again.

Every section is encoded by itself. Joining copies the streams, adds the sound and names the
chapters. Slides and presenter are overlaid as 8-bit RGB, which is what both are, and become BT.709
once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from manifests.atomic_write import atomic_write, hidden_file
from manifests.rows import Cut
from pipeline import media
from pipeline.assemble import edit_list
from pipeline.assemble.assemble import Picture
from pipeline.deliver.profiles import BT709, Profile
from pipeline.lesson.compose import ComposedSection, SectionInputs, locate_section
from pipeline.lesson.section_filters import build_reader, format_ratio, list_options


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonTracks:
    """What is joined with the pictures: the master sound, the chapters and the title.

    `chapters`: an ffmetadata file.
    """

    sound: Path
    chapters: Path
    title: str


def render_sections(
    composed: Sequence[ComposedSection],
    inputs: SectionInputs,
    profiles: Sequence[Profile],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Encode the sections that are missing, and return their number.

    `progress(sections done, sections in all)`.
    """
    missing = list_missing_sections(composed, inputs, profiles)
    for number, section in enumerate(missing, start=1):
        render_section(section, inputs, profiles)
        if progress is not None:
            progress(number, len(missing))
    return len(missing)


def render_section(
    composed: ComposedSection, inputs: SectionInputs, profiles: Sequence[Profile]
) -> None:
    """Encode a section's pictures in every profile.

    Files appear under their names when they are complete. Raises ToolError.
    """
    for profile in profiles:
        segments = edit_list.split_segments(
            [_count_from_zero(cut, composed.timed.start) for cut in composed.cuts]
        )
        sources = [
            media.FrameSource(
                name=_name_segment(segment),
                arguments=tuple(build_reader(segment, composed, inputs, profile)),
                frames=segment.frames,
            )
            for segment in segments
        ]
        with atomic_write(locate_section(composed, inputs, profile)) as partial:
            media.run_piped(sources, _list_encoder_arguments(inputs.picture, profile, partial))


def join_sections(
    composed: Sequence[ComposedSection],
    inputs: SectionInputs,
    profile: Profile,
    *,
    tracks: LessonTracks,
    out: Path,
) -> None:
    """Join the sections of a profile with the sound and the chapters. Raises ToolError."""
    paths = [locate_section(section, inputs, profile).resolve() for section in composed]
    with hidden_file(out.with_suffix(".txt")) as listing:
        listing.write_text("".join(f"file {_quote(path)}\n" for path in paths), encoding="utf-8")
        media.run(_list_joining_arguments(listing, profile, tracks, out))


def _list_joining_arguments(
    listing: Path, profile: Profile, tracks: LessonTracks, out: Path
) -> list[str]:
    return [
        *("-v", "error"),
        *("-f", "concat", "-safe", "0", "-i", str(listing)),
        *("-i", f"file:{tracks.sound.resolve()}"),
        *("-f", "ffmetadata", "-i", f"file:{tracks.chapters.resolve()}"),
        *("-map", "0:v", "-map", "1:a", "-map_chapters", "2", "-c:v", "copy"),
        *list_options(profile.sound),
        *list_options(profile.container),
        *list_options(BT709),
        *("-metadata", f"title={tracks.title}", "-fflags", "+bitexact"),
        f"file:{out.resolve()}",
    ]


def list_missing_sections(
    composed: Sequence[ComposedSection], inputs: SectionInputs, profiles: Sequence[Profile]
) -> list[ComposedSection]:
    """List the sections that lack a file of some profile."""
    return [
        section
        for section in composed
        if not all(locate_section(section, inputs, profile).is_file() for profile in profiles)
    ]


def _count_from_zero(cut: Cut, start: int) -> Cut:
    return replace(cut, start_frame=cut.start_frame - start, end_frame=cut.end_frame - start)


def _list_encoder_arguments(picture: Picture, profile: Profile, out: Path) -> list[str]:
    """List the arguments of a section's encoder: raw frames from `pipe:0`, pictures only.

    Any section can be joined to any other, because each begins with a key frame and all are encoded
    alike.
    """
    tags = "setparams=range=limited:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    size, rate = f"{picture.width}x{picture.height}", format_ratio(picture.rate)
    return [
        *("-v", "error"),
        *("-f", "rawvideo", "-pixel_format", profile.pixel_format),
        *("-video_size", size, "-framerate", rate, "-i", "pipe:0"),
        *("-vf", tags),
        *list_options(profile.picture),
        *list_options(BT709),
        *("-pix_fmt", profile.pixel_format),
        *("-video_track_timescale", str(_compute_time_scale(picture.rate))),
        *("-fflags", "+bitexact"),
        f"file:{out.resolve()}",
    ]


def _compute_time_scale(rate: Fraction) -> int:
    """Compute the ticks per second in which every frame begins on a tick, for all sections."""
    return rate.numerator if rate.numerator >= 10_000 else rate.numerator * 512


def _name_segment(segment: edit_list.Segment) -> str:
    return " over ".join(
        f"{layer.cut.number} ({layer.cut.take_path})" for layer in reversed(segment.layers)
    )


def _quote(path: Path) -> str:
    """Quote a path for a list of ffmpeg's concat demuxer."""
    return "'" + str(path).replace("'", r"'\''") + "'"
