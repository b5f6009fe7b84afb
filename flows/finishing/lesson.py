# SPDX-License-Identifier: Apache-2.0
"""The finishing of a lesson: presenter's takes over slides, chapters, captions, transcript, a
package for learning systems.

The same four steps as `finish` has for an episode (`colour_match`, `edit`, `make_version`,
`standing`), so that everything before them, from listening to the farm, is shared. What is seen of
a section is rendered and kept by itself; a version joins the sections.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.finishing import checking, recorded, sidecars
from flows.lesson_inputs import base_layout, read_script, words_of
from flows.progress import reporter
from flows.project import Project
from flows.review import export
from flows.trust import consents
from flows.version import Draft, Version, VersionInputs, look_settings, loudness_settings
from manifests import identity, layout
from manifests.delivery_rows import Check, Deliverable
from manifests.rows import Cut, Grade, Shot
from manifests.run_rows import new_event
from manifests.timebase import MASTER_HZ, sample_of_frame
from pipeline.assemble import master_mix
from pipeline.assemble.assemble import Picture
from pipeline.checks import check_captions, check_edit, check_picture, qc
from pipeline.checks.check_faces import ScreenedFile
from pipeline.colour import grade as grading
from pipeline.deliver import caption_lint, caption_rules, chapters, contact_sheet, versions
from pipeline.deliver.chapters import FileChapter
from pipeline.deliver.profiles import PROFILES, Profile
from pipeline.lesson import compose, packages, render_sections, slides, timing, transcript
from pipeline.lesson.compose import ComposedSection, SectionInputs
from pipeline.lesson.lesson_script import LessonScript
from pipeline.lesson.timing import TimedSection
from pipeline.render.slate import SLATE

VERSION = "2"
THUMBNAIL = (640, 360)


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonLayout:
    """A lesson laid out: its script, its sections as they are composed, what they are made of."""

    script: LessonScript
    composed: list[ComposedSection]
    making: SectionInputs

    @property
    def stretches(self) -> list[TimedSection]:
        """Its sections on the timeline."""
        return [one.timed for one in self.composed]

    @property
    def frames(self) -> int:
        """How long it is."""
        return self.composed[-1].timed.end

    @property
    def cuts(self) -> list[Cut]:
        """The events of all sections, numbered."""
        return [
            dataclasses.replace(cut, order=order)
            for order, cut in enumerate(c for one in self.composed for c in one.cuts)
        ]


# The four steps of finishing


def match_colours(project: Project, inputs: VersionInputs) -> list[Grade]:
    """One transform per shot, estimated section by section, so that a changed section leaves the
    others' pixels as they are.
    """
    groups = _group_shots(project, inputs)
    grades = [
        grade
        for shots in groups
        for grade in grading.grade_shots(
            shots,
            inputs.takes,
            look=look_settings(project, shots),
            root=project.root,
            progress=reporter().count,
        )
    ]
    recorded.record_grades(project, grades)
    return grades


def build_cuts(project: Project, inputs: VersionInputs, grades: Sequence[Grade]) -> list[Cut]:
    """The edit list: slides with the presenter over them; its version is named when it is
    delivered.
    """
    return lay_out_lesson(project, inputs, grades).cuts


def find_standing_files(project: Project, inputs: VersionInputs) -> list[Deliverable] | None:
    """The deliverables when a version of exactly this lesson stands, else None. Opens no takes."""
    ids = _compute_grade_ids(project, inputs)
    grades = recorded.find_grades(project, ids)
    if grades is None:
        return None
    lesson = lay_out_lesson(project, inputs, grades)
    wanted = {_identify_file(project, inputs, lesson, profile) for profile in _list_profiles(project)}
    return recorded.find_standing_files(project, wanted)


def make_version(project: Project, inputs: VersionInputs, cuts: Sequence[Cut]) -> Version:
    """Render the sections that are new, join them, write what lies beside, check, publish: the
    folder appears whole or not at all.
    """
    lesson = lay_out_lesson(
        project, inputs, project.store.read(Grade, grade_id=list({cut.grade_id for cut in cuts}))
    )
    place = project.root / layout.DELIVERABLES
    name = versions.next_version(place)
    fresh = render_sections.render_sections(
        lesson.composed, lesson.making, _list_profiles(project), progress=reporter().count
    )
    project.store.append(
        [
            new_event(
                "sections",
                name,
                actor="callsheet",
                detail=f"{fresh} of {len(lesson.composed)} rendered",
            )
        ]
    )
    samples = sample_of_frame(lesson.frames, project.production.rate)
    master = master_mix.render_master(
        inputs.recordings, samples=samples, settings=loudness_settings(project), root=project.root
    )
    with versions.stage_version(place, name) as folder:
        reporter().step("Chapters, captions, transcript, checks")
        files = _join_sections(
            project, lesson, master_mix.master_path(master.sound_id, root=project.root), folder
        )
        shown = sidecars.compose_captions(project, inputs, [cut for cut in cuts if not cut.layer])
        draft = Draft(
            project=project,
            inputs=inputs,
            passes=[],
            master=master,
            name=name,
            folder=folder,
            files=files,
            shown=shown,
        )
        _write_texts(draft, lesson)
        checks = _check_version(draft, lesson) + checking.sign_files(draft)
        _write_pictures(draft, lesson)
        written = _write_packages(draft, lesson)
        qc.write_checks(checks, folder)
        made = Version(
            name=name,
            folder=folder,
            deliverables=_describe_files(draft, lesson, written),
            checks=checks,
        )
        export.write_report(project, made, cuts)
        consents.require_consents(project)
        final = versions.publish_version(folder, place, name, latest=not qc.select_failures(checks))
    recorded.record_version(project, name, cuts, checks, made.deliverables)
    return dataclasses.replace(made, folder=final)


def lay_out_lesson(project: Project, inputs: VersionInputs, grades: Sequence[Grade]) -> LessonLayout:
    """The sections as they will be seen. Raises InputError when the script or the slides cannot be
    used (any more).
    """
    production = project.production
    script = read_script(project, words_of(project))
    picture = Picture(width=production.width, height=production.height, rate=production.rate)
    stills = slides.read(
        production.resolve_path(production.lesson.slides), size=picture.size, root=project.root
    )
    making = SectionInputs(
        picture=picture,
        root=project.root,
        slides={slide.name: slide for slide in stills},
        takes={take.shot_id: take for take in inputs.takes},
        grades={grade.shot_id: grade for grade in grades},
        base=base_layout(project),
        burn_in=production.delivery.burn_in,
    )
    stretches = timing.lay_out_sections(script, inputs.cues, inputs.shots, rate=picture.rate)
    return LessonLayout(
        script=script, composed=compose.compose_sections(stretches, making), making=making
    )


# Files


def _join_sections(
    project: Project, lesson: LessonLayout, sound_path: Path, folder: Path
) -> dict[str, Path]:
    """Every profile from its sections, with the chapters inside."""
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
    files = {profile.name: folder / profile.file for profile in _list_profiles(project)}
    heard = render_sections.LessonTracks(
        sound=sound_path, chapters=written, title=project.production.title
    )
    for profile in _list_profiles(project):
        render_sections.join_sections(
            lesson.composed, lesson.making, profile, tracks=heard, out=files[profile.name]
        )
    written.unlink()
    return files


def _write_texts(draft: Draft, lesson: LessonLayout) -> None:
    """Captions, chapters, transcript, and a list of the sections for people and programs."""
    production, rate = draft.project.production, draft.project.production.rate
    sidecars.write_captions(draft.project, draft.shown, folder=draft.folder)
    told = transcript.build_entries(
        lesson.stretches, lesson.script, draft.inputs.cues, lesson.making.slides
    )
    texts = {
        layout.CHAPTERS: transcript.render_chapters_vtt(told, frames=lesson.frames, rate=rate),
        layout.TRANSCRIPT_TEXT: transcript.render_text(production.title, told, rate=rate),
        layout.TRANSCRIPT_PAGE: transcript.render_page(
            production.title, told, rate=rate, language=production.language
        ),
        layout.SECTION_LIST: json.dumps(
            [_describe_section(one, lesson) for one in lesson.composed],
            indent=1,
            ensure_ascii=False,
        )
        + "\n",
    }
    for name, text in texts.items():
        (draft.folder / name).write_text(text, encoding="utf-8")


def _write_pictures(draft: Draft, lesson: LessonLayout) -> None:
    """A thumbnail a section, a poster, and a contact sheet."""
    profile = _list_profiles(draft.project)[0]
    picture = lesson.making.picture
    cells = []
    for number, one in enumerate(lesson.composed, start=1):
        section = compose.locate_section(one, lesson.making, profile)
        within = min(
            one.timed.frames - 1, one.timed.chapter - one.timed.start + 2 * one.timed.frames // 3
        )
        path = draft.folder / layout.THUMBNAILS / f"{number:02}.jpg"
        path.parent.mkdir(exist_ok=True)
        contact_sheet.write_poster(section, within, path, size=_fit_inside(THUMBNAIL, picture.size))
        note = f"slide {', '.join(shown.slide for shown in one.timed.slides)}"
        cells.append(
            contact_sheet.SheetCell(
                frame=one.timed.start + within, title=one.timed.section.title, note=note
            )
        )
    video = next(iter(draft.files.values()))
    shown = [cut for cut in lesson.cuts if cut.label != compose.SLIDE]
    frames = [*(cell.frame for cell in cells), *map(export.find_middle_frame, shown)]
    pictures = contact_sheet.pick_frames(video, frames, size=_fit_inside((320, 180), picture.size))
    contact_sheet.lay_out(pictures, cells, draft.folder / layout.CONTACT_SHEET, rate=picture.rate)
    export.write_thumbnails(pictures, shown, draft.folder)
    first = lesson.stretches[0]
    contact_sheet.write_poster(
        compose.locate_section(lesson.composed[0], lesson.making, profile),
        first.frames // 2,
        draft.folder / layout.POSTER,
        size=picture.size,
    )


def _write_packages(draft: Draft, lesson: LessonLayout) -> dict[str, Path]:
    """The packages that are wanted, by their kind, when there is a file that browsers play."""
    production = draft.project.production
    if "web" not in draft.files:
        return {}
    told = transcript.build_entries(
        lesson.stretches, lesson.script, draft.inputs.cues, lesson.making.slides
    )
    name = f"{production.episode}-{identity.digest(production.title)[:8]}"
    package = packages.Package(
        title=production.title,
        identifier=f"lesson-{name}",
        language=production.language,
        rate=production.rate,
        transcript=told,
        video=draft.files["web"],
        captions=draft.folder / layout.VTT,
        chapters=draft.folder / layout.CHAPTERS,
        poster=draft.folder / layout.POSTER,
    )
    wanted = dict.fromkeys(production.lesson.packages)
    return {
        kind: packages.write(package, draft.folder / f"{kind}.zip", kind=kind) for kind in wanted
    }


def _describe_files(draft: Draft, lesson: LessonLayout, written: dict[str, Path]) -> list[Deliverable]:
    """The rows of the files; packages are among them, under the identity of the video in them."""
    picture = lesson.making.picture
    made = [
        (
            profile,
            draft.files[profile.name],
            _identify_file(draft.project, draft.inputs, lesson, profile),
        )
        for profile in _list_profiles(draft.project)
    ]
    named = [(profile.name, path, key) for profile, path, key in made]
    keys = [key for _, _, key in made]
    named += [(kind, path, identity.digest([kind, *keys])) for kind, path in written.items()]
    return [
        Deliverable(
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
        for name, path, key in named
    ]


# Checks


def _check_version(draft: Draft, lesson: LessonLayout) -> list[Check]:
    rate, picture = lesson.making.picture.rate, lesson.making.picture
    # slides stand still: that is no freeze
    quiet = [one.timed for one in lesson.composed if one.placement.slide]
    expected = qc.ExpectedMedia(
        frames=lesson.frames,
        rate=rate,
        width=picture.width,
        height=picture.height,
        loudness=loudness_settings(draft.project),
        missed_lu=draft.master.missed_lu,
        speech=[
            (cue.start / MASTER_HZ, cue.end / MASTER_HZ)
            for cue in draft.inputs.cues
            if cue.start >= 0
        ],
        still=[
            (float(shown.start / rate), float(shown.end / rate))
            for stretch in quiet
            for shown in stretch.slides
        ],
    )
    checks = [
        check
        for kind, path in draft.files.items()
        for check in qc.check_file(path, expected, version=draft.name, profile=kind)
    ]
    changes = [cut.start_frame for cut in lesson.cuts if not cut.layer]
    rules = caption_rules.rules_for(draft.project.production.language)
    findings = caption_lint.lint_captions(draft.shown, rate=rate, shot_changes=changes, rules=rules)
    checks += check_captions.check_captions(
        draft.shown, draft.inputs.cues, findings, version=draft.name, rate=rate
    )
    grades = list(lesson.making.grades.values())
    checks += check_edit.check_edit(
        lesson.cuts, grades, version=draft.name, size=picture.size, rate=rate
    )
    checks += checking.check_tracks(draft, rate=rate, leads={}) + _check_pictures(draft, lesson)
    return [
        *checks,
        _check_covered_text(draft.name, lesson),
        _check_heard_sections(draft.name, lesson),
    ]


def _check_pictures(draft: Draft, lesson: LessonLayout) -> list[Check]:
    """What the first file shows: the others are of the same frames. Slides are no scenes, so
    nothing but presenters is measured.
    """
    picture, (profile, path) = lesson.making.picture, next(iter(draft.files.items()))
    rate, seen = picture.rate, check_picture.measure_picture(path)
    scenes = checking.list_scenes(draft, lesson.cuts, size=picture.size)
    screen = ScreenedFile(path=path, size=picture.size, rate=rate)
    return [
        *check_picture.check_cuts(
            seen, lesson.cuts, version=draft.name, profile=profile, rate=rate
        ),
        *checking.check_screen_faces(draft, screen, scenes, profile=profile, lips=True),
    ]


def _check_covered_text(version: str, lesson: LessonLayout) -> Check:
    """Whether the presenter hides words of a slide because it leaves no room elsewhere."""
    over = [one for one in lesson.composed if one.placement.covered]
    titles = "; ".join(one.timed.section.title for one in over)
    return Check(
        version=version,
        profile="edit",
        name="slide text under the presenter",
        value=f"{len(over)} sections",
        limit="0 sections",
        verdict="warn" if over else "pass",
        advice=f"make the presenter smaller, or 'slide only': {titles}" if over else "",
    )


def _check_heard_sections(version: str, lesson: LessonLayout) -> Check:
    """A section of which nothing was heard is not in the lesson, and that is a failure."""
    missing = timing.find_unheard_sections(lesson.script, lesson.stretches)
    titles = "; ".join(section.title for section in missing)
    return Check(
        version=version,
        profile="edit",
        name="sections heard",
        value=f"{len(missing)} missing",
        limit="0 missing",
        verdict="fail" if missing else "pass",
        advice=f"not in the recording: {titles}" if missing else "",
    )


# Small things


def _group_shots(project: Project, inputs: VersionInputs) -> list[list[Shot]]:
    """The shots that are graded together: those of a section, or all when they are matched to a
    shot of the lesson itself.
    """
    shots = [shot for shot in inputs.shots if shot.talker != SLATE and shot.layer == 0]
    if look_settings(project, shots).reference_shot:
        return [shots]
    stretches = timing.lay_out_sections(
        read_script(project, words_of(project)), inputs.cues, inputs.shots, rate=project.production.rate
    )
    first = {
        shot.shot_id: stretch.number for stretch in reversed(stretches) for shot in stretch.shots
    }
    return [
        [shot for shot in shots if first.get(shot.shot_id) == stretch.number]
        for stretch in stretches
    ]


def _compute_grade_ids(project: Project, inputs: VersionInputs) -> dict[str, str]:
    takes = {take.shot_id: take for take in inputs.takes}
    ids: dict[str, str] = {}
    for group in _group_shots(project, inputs):
        ids |= grading.grade_ids(
            [(shot, takes[shot.shot_id]) for shot in group if shot.shot_id in takes],
            look_settings(project, group),
        )
    return ids


def _identify_file(project: Project, inputs: VersionInputs, lesson: LessonLayout, profile: Profile) -> str:
    """The identity of one file: its sections, its sound, its names; not the version or any path."""
    sections = [compose.identify_section(one, lesson.making, profile) for one in lesson.composed]
    samples = sample_of_frame(lesson.frames, project.production.rate)
    sound_id = master_mix.sound_id(
        inputs.recordings, samples=samples, settings=loudness_settings(project)
    )
    named = [[stretch.chapter, stretch.section.title] for stretch in lesson.stretches]
    extras = [
        project.production.title,
        project.production.language,
        project.production.lesson.packages,
    ]
    return identity.digest([VERSION, sections, sound_id, profile.plain(), named, extras])


def _describe_section(one: ComposedSection, lesson: LessonLayout) -> dict[str, Any]:
    stretch, rate = one.timed, lesson.making.picture.rate
    return {
        "title": stretch.section.title,
        "start_frame": stretch.start,
        "end_frame": stretch.end,
        "chapter_frame": stretch.chapter,
        "chapter_seconds": float(stretch.chapter / rate),
        "slides": [dataclasses.asdict(shown) for shown in stretch.slides],
        "shots": [shot.number for shot in stretch.shots],
        "presenter": str(one.placement.presenter) if one.placement.presenter else "",
        "slide": str(one.placement.slide) if one.placement.slide else "",
        "text_covered_pixels": one.placement.covered,
    }


def _list_profiles(project: Project) -> list[Profile]:
    return [PROFILES[name] for name in project.production.delivery.profiles]


def _fit_inside(most: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """`size` made small enough for `most`, in its own shape."""
    scale = min(1.0, most[0] / size[0], most[1] / size[1])
    return max(2, round(size[0] * scale)), max(2, round(size[1] * scale))
