# SPDX-License-Identifier: Apache-2.0
"""Deliver: encode every profile of a version from one decode.

Raw frames of slate, segments and end card are piped into one ffmpeg that writes all files.
`versions` publishes the folder they are written into.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from manifests import identity
from manifests.delivery_rows import Deliverable
from manifests.rows import Cut
from manifests.timebase import MASTER_HZ, sample_of_frame
from pipeline import media
from pipeline.assemble import assemble, edit_list
from pipeline.assemble.assemble import ReaderSettings
from pipeline.deliver import chapters, watermark
from pipeline.deliver.burn_in import build_overlays
from pipeline.deliver.chapters import FileChapter
from pipeline.deliver.delivery_job import Card, DeliveryJob, compute_deliverable_id, count_frames
from pipeline.deliver.profiles import BT709, Profile

PATTERN = ".watermark.yuv"
TAGS = {"range": "limited", "color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}


def render_profiles(
    cuts: Sequence[Cut],
    job: DeliveryJob,
    *,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Path]:
    """Write every profile into `folder` from one decode; return the files by profile.

    `progress(frames done, frames)`. Raises ToolError that names the cut whose take cannot be read,
    or quotes the encoder's last words.
    """
    files = {profile.name: folder / profile.file for profile in job.profiles}
    for file in files.values():
        file.parent.mkdir(parents=True, exist_ok=True)
    chapters = folder / ".chapters.txt"
    chapters.write_text(format_job_chapters(cuts, job), encoding="utf-8")
    if job.code:
        pixel_format = job.reader_settings.pixel_format
        watermark.write_pattern(
            folder / PATTERN, job.code, size=job.picture.size, pixel_format=pixel_format
        )
    encoder = build_encoder(cuts, job, folder=folder, chapters=chapters)
    try:
        media.run_piped(build_sources(cuts, job), encoder, progress=progress)
    finally:
        chapters.unlink(missing_ok=True)
        (folder / PATTERN).unlink(missing_ok=True)
    return files


def build_sources(cuts: Sequence[Cut], job: DeliveryJob) -> list[media.FrameSource]:
    """Build the inputs of the encoder: the slate, every segment of the edit list, the end card."""
    settings = job.reader_settings
    inputs = []
    for segment in edit_list.split_segments(cuts):
        name = " over ".join(
            f"{layer.cut.number} ({layer.cut.take_path})" for layer in reversed(segment.layers)
        )
        arguments = assemble.build_reader(segment, settings, overlays=build_overlays(segment, job))
        inputs.append(
            media.FrameSource(name=name, arguments=tuple(arguments), frames=segment.frames)
        )
    before, after = (_build_card_sources(card, settings) for card in (job.slate, job.end_card))
    return [*before, *inputs, *after]


def build_encoder(
    cuts: Sequence[Cut], job: DeliveryJob, *, folder: Path, chapters: Path
) -> list[str]:
    """Build the arguments of the one encoder.

    Raw frames from `pipe:0` and the master sound go in; all profiles come out.
    """
    import ffmpeg

    options = assemble.build_input_options(job.reader_settings)
    picture = ffmpeg.input("pipe:0", **options).video.filter("setparams", **TAGS)
    if job.captions is not None:
        path = job.captions[0].resolve()
        picture = picture.filter("ass", filename=str(path), fontsdir=str(path.parent))
    if job.code:
        picture = _add_watermark(picture, job, folder / PATTERN)
    copies = picture.filter_multi_output("split", len(job.profiles))
    sounds = _split_sound(cuts, job)
    outputs = [
        _build_output(copies.stream(number), sounds[number], profile, job, folder)
        for number, profile in enumerate(job.profiles)
    ]
    arguments = list(ffmpeg.merge_outputs(*outputs).get_args())
    first_output = arguments.index("-filter_complex")
    listed = ["-f", "ffmetadata", "-i", f"file:{chapters.resolve()}"]
    return ["-v", "error", *arguments[:first_output], *listed, *arguments[first_output:]]


def _build_output(
    picture: Any, sound: Any, profile: Profile, job: DeliveryJob, folder: Path
) -> Any:
    import ffmpeg

    return ffmpeg.output(
        _fit_profile(picture, profile),
        sound,
        f"file:{(folder / profile.file).resolve()}",
        **{**profile.picture, **BT709, **profile.sound},
        **{
            "metadata": f"title={job.title}",
            "fflags": "+bitexact",
            "map_chapters": 3 if job.code else 2,
            **profile.container,
        },
    )


def _add_watermark(picture: Any, job: DeliveryJob, pattern: Path) -> Any:
    """Add the steps of the watermark's pattern to the picture; they turn over from slot to slot."""
    import ffmpeg

    per_second = job.picture.rate / watermark.count_slot_frames(job.picture.rate)
    read = assemble.build_input_options(job.reader_settings) | {
        "framerate": f"{per_second.numerator}/{per_second.denominator}"
    }
    steps = ffmpeg.input(f"file:{pattern.resolve()}", stream_loop=-1, **read).video.filter(
        "setparams", **TAGS
    )
    return ffmpeg.filter([picture, steps], "blend", all_mode="grainmerge", shortest=1)


def _fit_profile(picture: Any, profile: Profile) -> Any:
    """Bring the picture to a profile's size and pixel format."""
    if profile.size is not None:
        picture = picture.filter("zscale", *profile.size, filter="spline36")
    return picture.filter("format", profile.pixel_format)


def format_job_chapters(cuts: Sequence[Cut], job: DeliveryJob) -> str:
    """Format the job's chapters as an ffmetadata file, behind its slate."""
    moved = [
        FileChapter(frame=chapter.frame + job.lead_frames, title=chapter.title)
        for chapter in job.chapters
    ]
    return chapters.format_chapters(
        moved, end=edit_list.count_frames(cuts) + job.lead_frames, rate=job.picture.rate
    )


def describe_files(
    files: dict[str, Path], cuts: Sequence[Cut], job: DeliveryJob, *, version: str
) -> list[Deliverable]:
    """Build the rows of rendered files; paths are relative to the folder of all versions."""
    frames = count_frames(cuts, job)
    return [
        Deliverable(
            deliverable_id=compute_deliverable_id(cuts, job, profile),
            version=version,
            profile=profile.name,
            path=f"{version}/{profile.file}",
            media_digest=identity.digest_file(files[profile.name]),
            frames=frames,
            seconds=float(frames / job.picture.rate),
            width=(profile.size or job.picture.size)[0],
            height=(profile.size or job.picture.size)[1],
        )
        for profile in job.profiles
    ]


def _split_sound(cuts: Sequence[Cut], job: DeliveryJob) -> list[Any]:
    """Provide the master sound for every profile, behind the slate and padded to the end card."""
    import ffmpeg

    sound = ffmpeg.input(f"file:{job.sound_path.resolve()}").audio
    if job.slate is None and job.end_card is None:
        return [sound] * len(job.profiles)
    late = sample_of_frame(job.lead_frames, job.picture.rate, MASTER_HZ)
    length = sample_of_frame(count_frames(cuts, job), job.picture.rate, MASTER_HZ)
    sound = sound.filter("adelay", delays=f"{late}S", all=1).filter("apad", whole_len=length)
    copies = sound.filter("atrim", end_sample=length).filter_multi_output(
        "asplit", len(job.profiles)
    )
    return [copies.stream(number) for number in range(len(job.profiles))]


def _build_card_sources(card: Card | None, settings: ReaderSettings) -> list[media.FrameSource]:
    if card is None:
        return []
    arguments = assemble.build_still_reader(card.path, card.frames, settings)
    return [media.FrameSource(name=card.path.name, arguments=tuple(arguments), frames=card.frames)]
