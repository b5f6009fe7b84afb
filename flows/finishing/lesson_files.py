# SPDX-License-Identifier: Apache-2.0
"""Write the files of a lesson: video, chapters, transcript, pictures and packages."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.finishing import sidecars
from flows.finishing.lesson_layout import LessonLayout, list_profiles
from flows.project import Project
from flows.review import export
from flows.version import Draft, VersionInputs, build_loudness_settings
from manifests import identity, layout
from manifests.delivery_rows import Deliverable
from manifests.timebase import sample_of_frame
from pipeline.assemble import master_mix
from pipeline.deliver import chapters, contact_sheet
from pipeline.deliver.chapters import FileChapter
from pipeline.deliver.profiles import Profile
from pipeline.lesson import compose, packages, render_sections, transcript
from pipeline.lesson.compose import ComposedSection

VERSION = "2"


THUMBNAIL = (640, 360)  # at most, in pixels


CELL = (320, 180)  # of the contact sheet, at most, in pixels


def join_sections(
    project: Project, lesson: LessonLayout, sound_path: Path, folder: Path
) -> dict[str, Path]:
    """Join every profile from its sections, with the chapters inside."""
    marks = transcript.build_entries(lesson.stretches, lesson.script, [], lesson.making.slides)
    written = folder / ".chapters.txt"
    written.write_text(
        chapters.format_chapters(
            [FileChapter(frame=mark.frame, title=mark.title) for mark in marks],
            end=lesson.frames,
            rate=project.production.rate,
        ),
        encoding="utf-8",
    )
    files = {profile.name: folder / profile.file for profile in list_profiles(project)}
    tracks = render_sections.LessonTracks(
        sound=sound_path, chapters=written, title=project.production.title
    )
    for profile in list_profiles(project):
        render_sections.join_sections(
            lesson.composed, lesson.making, profile, tracks=tracks, out=files[profile.name]
        )
    written.unlink()
    return files


def write_texts(draft: Draft, lesson: LessonLayout) -> None:
    """Write captions, chapters, transcript, and a list of the sections for people and programs."""
    production, rate = draft.project.production, draft.project.production.rate
    sidecars.write_captions(draft.project, draft.captions_on_frames, folder=draft.folder)
    entries = transcript.build_entries(
        lesson.stretches, lesson.script, draft.inputs.cues, lesson.making.slides
    )
    texts = {
        layout.CHAPTERS: transcript.render_chapters_vtt(entries, frames=lesson.frames, rate=rate),
        layout.TRANSCRIPT_TEXT: transcript.render_text(production.title, entries, rate=rate),
        layout.TRANSCRIPT_PAGE: transcript.render_page(
            production.title, entries, rate=rate, language=production.language
        ),
        layout.SECTION_LIST: json.dumps(
            [_describe_section(section, lesson) for section in lesson.composed],
            indent=1,
            ensure_ascii=False,
        )
        + "\n",
    }
    for name, text in texts.items():
        (draft.folder / name).write_text(text, encoding="utf-8")


def write_pictures(draft: Draft, lesson: LessonLayout) -> None:
    """Write a thumbnail per section, a poster, and a contact sheet."""
    profile, size = list_profiles(draft.project)[0], lesson.making.picture.size
    cells = [
        _write_thumbnail(draft, lesson, section, number=number)
        for number, section in enumerate(lesson.composed, start=1)
    ]
    _write_contact_sheet(draft, lesson, cells)
    contact_sheet.write_poster(
        compose.locate_section(lesson.composed[0], lesson.making, profile),
        lesson.stretches[0].frames // 2,
        draft.folder / layout.POSTER,
        size=size,
    )


def _write_thumbnail(
    draft: Draft, lesson: LessonLayout, section: ComposedSection, *, number: int
) -> contact_sheet.SheetCell:
    """Write the thumbnail of a section; return its cell of the contact sheet."""
    timed, picture = section.timed, lesson.making.picture
    within = min(timed.frames - 1, timed.chapter - timed.start + 2 * timed.frames // 3)
    path = draft.folder / layout.THUMBNAILS / f"{number:02}.jpg"
    path.parent.mkdir(exist_ok=True)
    video = compose.locate_section(section, lesson.making, list_profiles(draft.project)[0])
    contact_sheet.write_poster(video, within, path, size=_fit_inside(THUMBNAIL, picture.size))
    note = f"slide {', '.join(shown.slide for shown in timed.slides)}"
    return contact_sheet.SheetCell(frame=timed.start + within, title=timed.section.title, note=note)


def _write_contact_sheet(
    draft: Draft, lesson: LessonLayout, cells: Sequence[contact_sheet.SheetCell]
) -> None:
    picture, video = lesson.making.picture, next(iter(draft.files.values()))
    shown = [cut for cut in lesson.cuts if cut.label != compose.SLIDE]
    frames = [*(cell.frame for cell in cells), *map(export.find_middle_frame, shown)]
    pictures = contact_sheet.pick_frames(video, frames, size=_fit_inside(CELL, picture.size))
    contact_sheet.lay_out(pictures, cells, draft.folder / layout.CONTACT_SHEET, rate=picture.rate)
    export.write_thumbnails(pictures, shown, draft.folder)


def write_packages(draft: Draft, lesson: LessonLayout) -> dict[str, Path]:
    """Write the packages to deliver, by their kind, if there is a file that browsers play."""
    production = draft.project.production
    if "web" not in draft.files:
        return {}
    entries = transcript.build_entries(
        lesson.stretches, lesson.script, draft.inputs.cues, lesson.making.slides
    )
    name = f"{production.episode}-{identity.digest(production.title)[:8]}"
    package = packages.Package(
        title=production.title,
        identifier=f"lesson-{name}",
        language=production.language,
        rate=production.rate,
        transcript=entries,
        video=draft.files["web"],
        captions=draft.folder / layout.VTT,
        chapters=draft.folder / layout.CHAPTERS,
        poster=draft.folder / layout.POSTER,
    )
    wanted = dict.fromkeys(production.lesson.packages)
    return {
        kind: packages.write(package, draft.folder / f"{kind}.zip", kind=kind) for kind in wanted
    }


def describe_files(
    draft: Draft, lesson: LessonLayout, written: dict[str, Path]
) -> list[Deliverable]:
    """Describe the files as rows; packages are rows too, with an identity of the video in them."""
    profiles = list_profiles(draft.project)
    keys = [identify_file(draft.project, draft.inputs, lesson, profile) for profile in profiles]
    named = [
        (profile.name, draft.files[profile.name], key)
        for profile, key in zip(profiles, keys, strict=True)
    ]
    named += [(kind, path, identity.digest([kind, *keys])) for kind, path in written.items()]
    return [_describe_file(draft, lesson, name, path, key) for name, path, key in named]


def _describe_file(
    draft: Draft, lesson: LessonLayout, name: str, path: Path, key: str
) -> Deliverable:
    picture = lesson.making.picture
    return Deliverable(
        deliverable_id=key,
        version=draft.name,
        profile=name,
        path=f"{draft.name}/{path.name}",
        media_digest=identity.digest_file(path),
        frames=lesson.frames,
        seconds=float(lesson.frames / picture.rate),
        width=picture.width,
        height=picture.height,
    )


def identify_file(
    project: Project, inputs: VersionInputs, lesson: LessonLayout, profile: Profile
) -> str:
    """Compute the identity of a file: its sections, sound and names; not its version or path."""
    sections = [
        compose.identify_section(section, lesson.making, profile) for section in lesson.composed
    ]
    samples = sample_of_frame(lesson.frames, project.production.rate)
    sound_id = master_mix.compute_sound_id(
        inputs.recordings, samples=samples, settings=build_loudness_settings(project)
    )
    named = [[stretch.chapter, stretch.section.title] for stretch in lesson.stretches]
    extras = [
        project.production.title,
        project.production.language,
        project.production.lesson.packages,
    ]
    return identity.digest([VERSION, sections, sound_id, profile.plain(), named, extras])


def _describe_section(section: ComposedSection, lesson: LessonLayout) -> dict[str, Any]:
    stretch, rate = section.timed, lesson.making.picture.rate
    return {
        "title": stretch.section.title,
        "start_frame": stretch.start,
        "end_frame": stretch.end,
        "chapter_frame": stretch.chapter,
        "chapter_seconds": float(stretch.chapter / rate),
        "slides": [dataclasses.asdict(shown) for shown in stretch.slides],
        "shots": [shot.number for shot in stretch.shots],
        "presenter": str(section.placement.presenter) if section.placement.presenter else "",
        "slide": str(section.placement.slide) if section.placement.slide else "",
        "text_covered_pixels": section.placement.covered,
    }


def _fit_inside(most: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Scale `size` down to fit inside `most`, keeping its shape."""
    scale = min(1.0, most[0] / size[0], most[1] / size[1])
    return max(2, round(size[0] * scale)), max(2, round(size[1] * scale))
