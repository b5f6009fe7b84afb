# SPDX-License-Identifier: Apache-2.0
"""Deliver: every profile of a version from one decode, and the folder that appears whole or not at
all.

Files are written into a hidden folder beside the versions and renamed once; a version is never
overwritten, and `latest` moves last.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from manifests import identity
from manifests.atomic_write import atomic_write
from manifests.errors import ToolError
from manifests.rows import Cut, Deliverable
from manifests.timebase import MASTER_HZ, sample_of_frame
from model.talkers import MARKS
from pipeline import media
from pipeline.assemble import assemble, edit_list
from pipeline.assemble.assemble import Overlay, Picture, ReaderSettings
from pipeline.deliver import chapters, watermark
from pipeline.deliver.captions import Caption, write_ass
from pipeline.deliver.chapters import FileChapter
from pipeline.deliver.profiles import (
    ALPHA,
    ALPHA_WEB,
    BT709,
    MASTER,
    PROFILES,
    VERTICAL,
    WEB,
    Profile,
)

__all__ = [
    "ALPHA",
    "ALPHA_WEB",
    "MASTER",
    "PROFILES",
    "VERTICAL",
    "WEB",
    "Card",
    "Chapter",
    "Job",
    "Pass",
    "Profile",
    "deliverable_id",
    "describe",
    "render",
]

VERSION = "3"
LATEST = "latest"
PATTERN = ".watermark.yuv"
TAGS = {"range": "limited", "color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}
LABEL = "AI-generated"
MARK_INK, MARK_EDGE = (255, 255, 255, 150), (0, 0, 0, 110)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A still before or after the programme (a slate, an end card): a picture of the delivered size
    and how many frames it stands.
    """

    path: Path
    frames: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryJob:
    """What is delivered: the picture's size and rate, the master sound, the profiles. `root`: the
    build folder.

    `burn_in`: write the mark into the pictures of previs takes; `label`: write `LABEL` into all.
    `title` goes into the files' metadata. `watermark`: whose mark lies in all pictures, and `code`
    the number that it is (`pipeline.deliver.watermark`); "" for none. `slate` and `end_card` stand
    in silence before and after the programme. `captions`: an ASS file to write into the picture,
    and its digest; fonts lie beside it.
    """

    picture: Picture
    sound_id: str
    sound_path: Path
    root: Path
    profiles: tuple[Profile, ...] = (WEB, MASTER)
    burn_in: bool = True
    label: bool = False
    title: str = ""
    watermark: str = ""
    code: str = ""
    slate: Card | None = None
    end_card: Card | None = None
    chapters: tuple[FileChapter, ...] = ()
    captions: tuple[Path, str] | None = None

    @property
    def stage(self) -> ReaderSettings:
        """How the picture is read: with ten bits as soon as one profile keeps them, and with alpha
        when one asks for it.
        """
        deep = any(profile.pixel_format != assemble.FLAT for profile in self.profiles)
        transparent = any(profile.transparent for profile in self.profiles)
        pixels = assemble.TRANSPARENT if transparent else assemble.DEEP if deep else assemble.FLAT
        return ReaderSettings(picture=self.picture, root=self.root, pixel_format=pixels)

    @property
    def lead_frames(self) -> int:
        """How many frames stand before the programme."""
        return self.slate.frames if self.slate else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPass:
    """The files that show the same picture: one edit list, one decode, one encoder."""

    cuts: Sequence[Cut]
    job: DeliveryJob

    @property
    def frames(self) -> int:
        """Frames of its files: the programme and its cards."""
        return total_frames(self.cuts, self.job)

    @property
    def shown(self) -> list[Cut]:
        """The edit list on the frames of the files, behind the slate."""
        lead = self.job.lead_frames
        return [
            replace(cut, start_frame=cut.start_frame + lead, end_frame=cut.end_frame + lead)
            for cut in self.cuts
        ]


def deliverable_id(cuts: Sequence[Cut], job: DeliveryJob, profile: Profile) -> str:
    """The identity of one file: the cut, the sound, the picture and the profile; not the version or
    any path.

    A watermark counts by its text, so a film that stands is not made anew for the number of a
    version.
    """
    events = [
        [
            cut.shot_id,
            cut.grade_id,
            cut.start_frame,
            cut.end_frame,
            cut.take_frame,
            cut.crop,
            cut.dissolve_frames,
            cut.layer,
            cut.place,
        ]
        for cut in cuts
    ]
    picture = [job.picture.width, job.picture.height, job.picture.rate, job.stage.pixel_format]
    cards = [[card.frames, card.digest] if card else None for card in (job.slate, job.end_card)]
    named = [[chapter.frame, chapter.title] for chapter in job.chapters]
    extras = [
        job.burn_in,
        job.label,
        job.title,
        cards,
        named,
        job.captions[1] if job.captions else "",
    ]
    extras += [job.watermark] if job.watermark else []
    return identity.digest([VERSION, events, picture, job.sound_id, profile.plain(), extras])


def total_frames(cuts: Sequence[Cut], job: DeliveryJob) -> int:
    """Frames of the files: the programme and its cards."""
    return edit_list.total_frames(cuts) + sum(
        card.frames for card in (job.slate, job.end_card) if card
    )


def render_profiles(
    cuts: Sequence[Cut],
    job: DeliveryJob,
    *,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Path]:
    """Write every profile into `folder` from one decode and return the files by profile.
    `progress(frames done, frames)`.

    Raises ToolError naming the event whose take cannot be read, or the encoder's last words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for profile in job.profiles:
        (folder / profile.file).parent.mkdir(exist_ok=True)
    listed = folder / ".chapters.txt"
    listed.write_text(chapter_text(cuts, job), encoding="utf-8")
    if job.code:
        watermark.write_pattern(
            folder / PATTERN, job.code, size=job.picture.size, pixel_format=job.stage.pixel_format
        )
    try:
        media.run_piped(
            build_sources(cuts, job),
            build_encoder(cuts, job, folder=folder, chapters=listed),
            progress=progress,
        )
    finally:
        listed.unlink(missing_ok=True)
        (folder / PATTERN).unlink(missing_ok=True)
    return {profile.name: folder / profile.file for profile in job.profiles}


def build_sources(cuts: Sequence[Cut], job: DeliveryJob) -> list[media.FrameSource]:
    """What is poured into the encoder: the slate, every segment of the edit list, the end card."""
    stage = job.stage
    poured = []
    for segment in edit_list.split_segments(cuts):
        name = " over ".join(
            f"{layer.cut.number} ({layer.cut.take_path})" for layer in reversed(segment.layers)
        )
        arguments = assemble.build_reader(segment, stage, overlays=build_overlays(segment, job))
        poured.append(media.FrameSource(name=name, arguments=tuple(arguments), frames=segment.frames))
    before, after = (_card_source(card, stage) for card in (job.slate, job.end_card))
    return [*before, *poured, *after]


def build_encoder(cuts: Sequence[Cut], job: DeliveryJob, *, folder: Path, chapters: Path) -> list[str]:
    """The arguments of the one encoder: raw frames from `pipe:0` and the master sound in, all
    profiles out.
    """
    import ffmpeg

    picture = ffmpeg.input("pipe:0", **assemble.build_input_options(job.stage)).video.filter(
        "setparams", **TAGS
    )
    if job.captions is not None:
        path = job.captions[0].resolve()
        picture = picture.filter("ass", filename=str(path), fontsdir=str(path.parent))
    if job.code:
        picture = _watermarked(picture, job, folder / PATTERN)
    copies = picture.filter_multi_output("split", len(job.profiles))
    heard = _sounds(cuts, job)
    outputs = [
        ffmpeg.output(
            _fitted(copies.stream(number), profile),
            heard[number],
            f"file:{(folder / profile.file).resolve()}",
            **{**profile.picture, **BT709, **profile.sound},
            **{
                "metadata": f"title={job.title}",
                "fflags": "+bitexact",
                "map_chapters": 3 if job.code else 2,
                **profile.container,
            },
        )
        for number, profile in enumerate(job.profiles)
    ]
    arguments = list(ffmpeg.merge_outputs(*outputs).get_args())
    first_output = arguments.index("-filter_complex")
    return [
        "-v",
        "error",
        *arguments[:first_output],
        "-f",
        "ffmetadata",
        "-i",
        f"file:{chapters.resolve()}",
        *arguments[first_output:],
    ]


def _watermarked(picture: Any, job: DeliveryJob, pattern: Path) -> Any:
    """The picture with the steps of the pattern added to it, which turn over from slot to slot."""
    import ffmpeg

    per_second = job.picture.rate / watermark.slot_frames(job.picture.rate)
    read = assemble.build_input_options(job.stage) | {
        "framerate": f"{per_second.numerator}/{per_second.denominator}"
    }
    steps = ffmpeg.input(f"file:{pattern.resolve()}", stream_loop=-1, **read).video.filter(
        "setparams", **TAGS
    )
    return ffmpeg.filter([picture, steps], "blend", all_mode="grainmerge", shortest=1)


def _fitted(picture: Any, profile: Profile) -> Any:
    """The picture in a profile's size and pixel format."""
    if profile.size is not None:
        picture = picture.filter("zscale", *profile.size, filter="spline36")
    return picture.filter("format", profile.pixel_format)


def chapter_text(cuts: Sequence[Cut], job: DeliveryJob) -> str:
    """The job's chapters as an ffmetadata file, behind its slate."""
    moved = [
        FileChapter(frame=chapter.frame + job.lead_frames, title=chapter.title)
        for chapter in job.chapters
    ]
    return chapters.format_chapters(
        moved, end=edit_list.total_frames(cuts) + job.lead_frames, rate=job.picture.rate
    )


def describe_files(
    files: dict[str, Path], cuts: Sequence[Cut], job: DeliveryJob, *, version: str
) -> list[Deliverable]:
    """The rows of rendered files; paths are relative to the version's folder."""
    frames = total_frames(cuts, job)
    return [
        Deliverable(
            deliverable_id=deliverable_id(cuts, job, profile),
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


def build_overlays(segment: edit_list.Segment, job: DeliveryJob) -> list[Overlay]:
    """What is laid over a segment's frames: the mark of takes that are no finals, the label when it
    is asked for.
    """
    laid = []
    marks = sorted({MARKS[layer.cut.label] for layer in segment.layers if layer.cut.label in MARKS})
    if job.burn_in and marks:
        laid.append(Overlay(path=_mark(" + ".join(marks), job), corner="right"))
    if job.label:
        laid.append(Overlay(path=_mark(LABEL, job), corner="left"))
    return laid


def _mark(text: str, job: DeliveryJob) -> Path:
    """The picture of a mark, drawn once per text and size."""
    short_side = min(job.picture.size)
    path = job.root / "media" / "marks" / f"{text.lower()}_{short_side}.png"
    if not path.exists():
        _draw_mark(path, text, short_side)
    return path


def burn_captions(captions: Sequence[Caption], job: DeliveryJob) -> DeliveryJob:
    """The job with its captions written into the picture, in the font that Pillow carries (Aileron,
    CC0), so that machines agree.
    """
    from PIL import ImageFont

    folder = job.root / "media" / "captions"
    folder.mkdir(parents=True, exist_ok=True)
    font = ImageFont.load_default(20)
    assert isinstance(font, ImageFont.FreeTypeFont)  # Pillow's wheels are built with FreeType
    (folder / "aileron.ttf").write_bytes(font.font_bytes)
    digest = identity.digest([[c.start, c.end, list(c.lines)] for c in captions])
    path = folder / f"{digest}_{job.picture.width}x{job.picture.height}.ass"
    write_ass(
        captions, path, size=job.picture.size, rate=job.picture.rate, font=str(font.getname()[0])
    )
    return replace(job, captions=(path, digest))


def version_number(name: str) -> int:
    """The number in a version's name.

    >>> version_number("v012")
    12
    """
    return int(name[1:])


def list_versions(deliverables: Path) -> list[str]:
    """The versions that stand, oldest first: folders named v001, v002 ..."""
    names = [entry.name for entry in deliverables.iterdir()] if deliverables.is_dir() else []
    return sorted((name for name in names if re.fullmatch(r"v\d{3,}", name)), key=version_number)


def next_version(deliverables: Path) -> str:
    """The name of the version to be made."""
    standing = list_versions(deliverables)
    return f"v{version_number(standing[-1]) + 1 if standing else 1:03}"


@contextmanager
def stage_version(deliverables: Path, version: str) -> Iterator[Path]:
    """A hidden folder to write a version into; it is removed unless `publish` has taken it."""
    folder = deliverables / f".{version}.{os.getpid()}.partial"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish_version(staged: Path, deliverables: Path, version: str, *, latest: bool = True) -> Path:
    """Give the staged folder its version's name, then point `latest` at it (not when a check
    failed: `latest=False`).

    Raises ToolError when the version already stands.
    """
    final = deliverables / version
    if final.exists():
        raise ToolError(f"version {version} already stands and is never overwritten: {final}")
    staged.rename(final)
    if latest:
        point_latest(deliverables, version)
    return final


def point_latest(deliverables: Path, version: str) -> None:
    """Let `latest` lead to a version that stands, in one step."""
    pointer = deliverables / f".{LATEST}.{os.getpid()}"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(version, target_is_directory=True)
    pointer.replace(deliverables / LATEST)


def _sounds(cuts: Sequence[Cut], job: DeliveryJob) -> list[Any]:
    """The master sound for every profile, moved behind the slate and padded to the end card."""
    import ffmpeg

    sound = ffmpeg.input(f"file:{job.sound_path.resolve()}").audio
    if job.slate is None and job.end_card is None:
        return [sound] * len(job.profiles)
    late = sample_of_frame(job.lead_frames, job.picture.rate, MASTER_HZ)
    length = sample_of_frame(total_frames(cuts, job), job.picture.rate, MASTER_HZ)
    sound = sound.filter("adelay", delays=f"{late}S", all=1).filter("apad", whole_len=length)
    copies = sound.filter("atrim", end_sample=length).filter_multi_output(
        "asplit", len(job.profiles)
    )
    return [copies.stream(number) for number in range(len(job.profiles))]


def _card_source(card: Card | None, stage: ReaderSettings) -> list[media.FrameSource]:
    if card is None:
        return []
    arguments = assemble.build_still_reader(card.path, card.frames, stage)
    return [media.FrameSource(name=card.path.name, arguments=tuple(arguments), frames=card.frames)]


def _draw_mark(path: Path, text: str, short_side: int) -> None:
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=max(10, short_side // 36))
    spaced = " ".join(text)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(spaced, stroke_width=1))
    image = Image.new("RGBA", (right - left + 4, bottom - top + 4), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.text(
        (2 - left, 2 - top), spaced, font=font, fill=MARK_INK, stroke_width=1, stroke_fill=MARK_EDGE
    )
    with atomic_write(path) as partial:
        image.save(partial)
