# SPDX-License-Identifier: Apache-2.0
"""Finish a lesson: presenter's takes over slides, with chapters, transcript and packages.

It has the same four steps as `episode` (`match_colours`, `build_cuts`, `make_version`,
`find_standing_files`), so that everything before them, from listening to the farm, is shared. The
picture of a section is rendered and kept by itself; a version joins the sections.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from flows.finishing import checking, lesson_files, recorded, sidecars
from flows.finishing.lesson_checks import check_lesson
from flows.finishing.lesson_files import identify_file
from flows.finishing.lesson_layout import LessonLayout, lay_out_lesson, list_profiles
from flows.lesson_inputs import load_emotion_words, read_script
from flows.progress import get_reporter
from flows.project import Project
from flows.review import export
from flows.trust import consents
from flows.version import (
    Draft,
    Version,
    VersionInputs,
    build_look_settings,
    build_loudness_settings,
)
from manifests import layout
from manifests.delivery_rows import Deliverable
from manifests.rows import Cut, Grade, Shot
from manifests.run_rows import new_event
from manifests.timebase import sample_of_frame
from pipeline.assemble import master_mix
from pipeline.checks import qc
from pipeline.colour import grade as grading
from pipeline.deliver import versions
from pipeline.lesson import render_sections, timing
from pipeline.render.slate import SLATE


def match_colours(project: Project, inputs: VersionInputs) -> list[Grade]:
    """Estimate one colour transform per shot, section by section; record those that are new.

    A changed section leaves the others' pixels as they are.
    """
    groups = _group_shots(project, inputs)
    grades = [
        grade
        for shots in groups
        for grade in grading.grade_shots(
            shots,
            inputs.takes,
            look=build_look_settings(project, shots),
            root=project.root,
            progress=get_reporter().count,
        )
    ]
    recorded.record_grades(project, grades)
    return grades


def build_cuts(project: Project, inputs: VersionInputs, grades: Sequence[Grade]) -> list[Cut]:
    """Build the edit list, slides with the presenter over them; its version is set on delivery."""
    return lay_out_lesson(project, inputs, grades).cuts


def find_standing_files(project: Project, inputs: VersionInputs) -> list[Deliverable] | None:
    """Find the files of a version of exactly this lesson, or None. Opens no takes."""
    ids = _compute_grade_ids(project, inputs)
    grades = recorded.find_grades(project, ids)
    if grades is None:
        return None
    lesson = lay_out_lesson(project, inputs, grades)
    wanted = {identify_file(project, inputs, lesson, profile) for profile in list_profiles(project)}
    return recorded.find_standing_files(project, wanted)


def make_version(project: Project, inputs: VersionInputs, cuts: Sequence[Cut]) -> Version:
    """Render new sections, join them, write the sidecars, check and publish.

    The folder appears complete or not at all.
    """
    grades = project.store.read(Grade, grade_id=list({cut.grade_id for cut in cuts}))
    lesson = lay_out_lesson(project, inputs, grades)
    place = project.root / layout.DELIVERABLES
    name = versions.name_next_version(place)
    _render_sections(project, lesson, name)
    samples = sample_of_frame(lesson.frames, project.production.rate)
    master = master_mix.render_master(
        inputs.recordings,
        samples=samples,
        settings=build_loudness_settings(project),
        root=project.root,
    )
    sound = master_mix.locate_master(master.sound_id, root=project.root)
    with versions.stage_version(place, name) as folder:
        get_reporter().step("Chapters, captions, transcript, checks")
        base = [cut for cut in cuts if not cut.layer]
        draft = Draft(
            project=project,
            inputs=inputs,
            passes=[],
            master=master,
            name=name,
            folder=folder,
            files=lesson_files.join_sections(project, lesson, sound, folder),
            captions_on_frames=sidecars.compose_captions(project, inputs, base),
        )
        version = _write_version(draft, lesson)
        export.write_report(project, version, cuts)
        consents.require_consents(project)
        is_good = not qc.select_failures(version.checks)
        final = versions.publish_version(folder, place, name, latest=is_good)
    recorded.record_version(project, name, cuts, version.checks, version.deliverables)
    return dataclasses.replace(version, folder=final)


def _render_sections(project: Project, lesson: LessonLayout, version: str) -> None:
    """Render the sections that are new, and record how many were."""
    fresh = render_sections.render_sections(
        lesson.composed, lesson.making, list_profiles(project), progress=get_reporter().count
    )
    detail = f"{fresh} of {len(lesson.composed)} rendered"
    project.store.append([new_event("sections", version, actor="callsheet", detail=detail)])


def _write_version(draft: Draft, lesson: LessonLayout) -> Version:
    """Write, check and sign everything in the folder of a version."""
    lesson_files.write_texts(draft, lesson)
    checks = check_lesson(draft, lesson) + checking.sign_files(draft)
    lesson_files.write_pictures(draft, lesson)
    written = lesson_files.write_packages(draft, lesson)
    qc.write_checks(checks, draft.folder)
    return Version(
        name=draft.name,
        folder=draft.folder,
        deliverables=lesson_files.describe_files(draft, lesson, written),
        checks=checks,
    )


def _group_shots(project: Project, inputs: VersionInputs) -> list[list[Shot]]:
    """Group the shots that are graded together.

    A group is a section, or all shots when they match a shot of the lesson itself.
    """
    shots = [shot for shot in inputs.shots if shot.talker != SLATE and shot.layer == 0]
    if build_look_settings(project, shots).reference_shot:
        return [shots]
    stretches = timing.lay_out_sections(
        read_script(project, load_emotion_words(project)),
        inputs.cues,
        inputs.shots,
        rate=project.production.rate,
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
        ids |= grading.compute_grade_ids(
            [(shot, takes[shot.shot_id]) for shot in group if shot.shot_id in takes],
            build_look_settings(project, group),
        )
    return ids
