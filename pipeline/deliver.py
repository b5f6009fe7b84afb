# SPDX-License-Identifier: Apache-2.0
"""Deliver: every profile of a version from one decode, and the folder that appears whole or not at all.

Profiles are data. All pictures are BT.709 in tags and in pixels (ITU-R BT.709-6, limited range). Files are written into a hidden
folder beside the versions and renamed once; a version is never overwritten, and `latest` moves last.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from manifests import identity
from manifests.errors import ToolError
from manifests.rows import Cut, Deliverable
from pipeline import assemble, media
from pipeline.assemble import Picture

VERSION = "1"
LATEST = "latest"
BT709 = ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv")
TAG_FRAMES = "setparams=range=limited:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
MARK_INK, MARK_EDGE = (255, 255, 255, 150), (0, 0, 0, 110)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of file: its name, its ffmpeg output options for picture, sound and container, and a filter that precedes the encoder."""

    name: str
    file: str
    picture: tuple[str, ...]
    sound: tuple[str, ...]
    container: tuple[str, ...]
    filters: str = "null"


WEB = Profile(
    name="web",
    file="web.mp4",
    filters="format=yuv420p",
    picture=("-c:v", "libx264", "-preset", "medium", "-crf", "18", "-profile:v", "high", "-pix_fmt", "yuv420p"),
    sound=("-c:a", "aac", "-b:a", "256k", "-aac_pns", "0", "-ar", "48000"),  # noise substitution overshoots peaks
    container=("-movflags", "+faststart"),
)
MASTER = Profile(
    name="master",
    file="master.mov",
    # prores_aw takes 0.37 of the time of prores_ks and is 2 dB nearer, for a fifth more bytes; 3 is HQ (apch)
    picture=("-c:v", "prores_aw", "-profile:v", "3", "-vendor", "apl0", "-pix_fmt", "yuv422p10le"),
    sound=("-c:a", "pcm_s24le", "-ar", "48000"),
    container=("-movflags", "+write_colr"),
)
PROFILES = {profile.name: profile for profile in (WEB, MASTER)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is delivered: the picture's size and rate, the master sound, the profiles. `root`: the media folder.

    `burn_in`: write the mark into the pictures of previs takes. `title` goes into the files' metadata."""

    picture: Picture
    sound_id: str
    sound_path: Path
    root: Path
    profiles: tuple[Profile, ...] = (WEB, MASTER)
    burn_in: bool = True
    title: str = ""


def deliverable_id(cuts: Sequence[Cut], job: Job, profile: Profile) -> str:
    """The identity of one file: the cut, the sound, the picture and the profile; not the version or any path."""
    edit = [[cut.shot_id, cut.grade_id, cut.start_frame, cut.end_frame, cut.take_frame, cut.crop] for cut in cuts]
    picture = [job.picture.width, job.picture.height, job.picture.rate]
    settings = [profile.name, profile.filters, *profile.picture, *profile.sound, *profile.container]
    return identity.digest([VERSION, edit, picture, job.sound_id, settings, job.burn_in, job.title])


def render(
    cuts: Sequence[Cut], job: Job, *, folder: Path, progress: Callable[[int, int], None] | None = None
) -> dict[str, Path]:
    """Write every profile into `folder` from one decode and return the files by profile. `progress(frames done, frames)`.

    Raises ToolError naming the event whose take cannot be read, or the encoder's last words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    frame_bytes = job.picture.frame_bytes
    sources = [
        media.Source(
            name=f"{cut.number} ({cut.take_path})",
            arguments=tuple(assemble.reader(cut, job.picture, root=job.root, mark=mark(cut, job))),
            size=cut.frames * frame_bytes,
        )
        for cut in cuts
    ]

    def in_frames(done: int, total: int) -> None:
        if progress is not None:
            progress(done // frame_bytes, total // frame_bytes)

    media.run_piped(sources, encoder(job, folder=folder), progress=in_frames)
    return {profile.name: folder / profile.file for profile in job.profiles}


def encoder(job: Job, *, folder: Path) -> list[str]:
    """The arguments of the one encoder: raw frames from `pipe:0` and the master sound in, all profiles out."""
    names = [f"[v{number}]" for number in range(len(job.profiles))]
    graph = f"[0:v]{TAG_FRAMES},split={len(names)}" + "".join(f"[s{number}]" for number in range(len(names)))
    for number, profile in enumerate(job.profiles):
        graph += f";[s{number}]{profile.filters}{names[number]}"
    arguments = ["-v", "error", *assemble.concatenation(job.picture), "-i", f"file:{job.sound_path.resolve()}"]
    arguments += ["-filter_complex", graph]
    for name, profile in zip(names, job.profiles, strict=True):
        arguments += ["-map", name, "-map", "1:a:0", *profile.picture, *BT709, *profile.sound]
        arguments += ["-metadata", f"title={job.title}", "-fflags", "+bitexact", *profile.container]
        arguments += [f"file:{(folder / profile.file).resolve()}"]
    return arguments


def describe(files: dict[str, Path], cuts: Sequence[Cut], job: Job, *, version: str) -> list[Deliverable]:
    """The rows of rendered files; paths are relative to the version's folder."""
    frames = assemble.total_frames(cuts)
    return [
        Deliverable(
            deliverable_id=deliverable_id(cuts, job, profile),
            version=version,
            profile=profile.name,
            path=f"{version}/{profile.file}",
            media_digest=identity.digest_file(files[profile.name]),
            frames=frames,
            seconds=float(frames / job.picture.rate),
            width=job.picture.width,
            height=job.picture.height,
        )
        for profile in job.profiles
    ]


def mark(cut: Cut, job: Job) -> Path | None:
    """The picture that is laid over an event's frames: the label of a previs take, made once per size, or None."""
    if not job.burn_in or cut.label != "previs":
        return None
    path = job.root / "media" / "marks" / f"{cut.label}_{job.picture.height}.png"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _draw_mark(path, cut.label.upper(), job.picture.height)
    return path


def versions(deliverables: Path) -> list[str]:
    """The versions that stand, oldest first: folders named v001, v002 ..."""
    names = [entry.name for entry in deliverables.iterdir()] if deliverables.is_dir() else []
    return sorted((name for name in names if re.fullmatch(r"v\d{3,}", name)), key=lambda name: int(name[1:]))


def next_version(deliverables: Path) -> str:
    """The name of the version to be made."""
    standing = versions(deliverables)
    return f"v{int(standing[-1][1:]) + 1 if standing else 1:03}"


@contextmanager
def staging(deliverables: Path, version: str) -> Iterator[Path]:
    """A hidden folder to write a version into; it is removed unless `publish` has taken it."""
    folder = deliverables / f".{version}.{os.getpid()}.partial"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(staged: Path, deliverables: Path, version: str, *, latest: bool = True) -> Path:
    """Give the staged folder its version's name, then point `latest` at it (not when a check failed: `latest=False`).

    Raises ToolError when the version already stands."""
    final = deliverables / version
    if final.exists():
        raise ToolError(f"version {version} already stands and is never overwritten: {final}")
    staged.rename(final)
    if not latest:
        return final
    pointer = deliverables / f".{LATEST}.{os.getpid()}"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(version, target_is_directory=True)
    pointer.replace(deliverables / LATEST)
    return final


def _draw_mark(path: Path, text: str, height: int) -> None:
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=max(10, height // 36))
    spaced = " ".join(text)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(spaced, stroke_width=1))
    image = Image.new("RGBA", (right - left + 4, bottom - top + 4), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.text((2 - left, 2 - top), spaced, font=font, fill=MARK_INK, stroke_width=1, stroke_fill=MARK_EDGE)
    partial = path.with_suffix(f".{os.getpid()}.png")
    image.save(partial)
    partial.replace(path)
