# SPDX-License-Identifier: Apache-2.0
"""Check a lesson in the making: files, captions, edit, sound, presenter and slides."""

from __future__ import annotations

from flows.finishing import checking
from flows.finishing.lesson_layout import LessonLayout
from flows.version import Draft, build_loudness_settings
from manifests.delivery_rows import Check
from manifests.timebase import MASTER_HZ
from pipeline.checks import check_captions, check_edit, check_picture, qc
from pipeline.checks.check_faces import ScreenedFile
from pipeline.deliver import caption_lint, caption_rules
from pipeline.lesson import timing


def check_lesson(draft: Draft, lesson: LessonLayout) -> list[Check]:
    """Check everything but the credentials, which are written last."""
    rate, picture = lesson.making.picture.rate, lesson.making.picture
    expected = _expect_media(draft, lesson)
    checks = [
        check
        for kind, path in draft.files.items()
        for check in qc.check_file(path, expected, version=draft.name, profile=kind)
    ]
    checks += _check_captions(draft, lesson)
    grades = list(lesson.making.grades.values())
    checks += check_edit.check_edit(
        lesson.cuts, grades, version=draft.name, size=picture.size, rate=rate
    )
    checks += checking.check_tracks(draft, rate=rate, leads={}) + _check_pictures(draft, lesson)
    checks.append(_check_covered_text(draft.name, lesson))
    return [*checks, _check_heard_sections(draft.name, lesson)]


def _expect_media(draft: Draft, lesson: LessonLayout) -> qc.ExpectedMedia:
    picture, cues = lesson.making.picture, draft.inputs.cues
    # slides stand still: that is no freeze
    slides = [
        shown
        for section in lesson.composed
        if section.placement.slide
        for shown in section.timed.slides
    ]
    return qc.ExpectedMedia(
        frames=lesson.frames,
        rate=picture.rate,
        width=picture.width,
        height=picture.height,
        loudness=build_loudness_settings(draft.project),
        missed_lu=draft.master.missed_lu,
        speech=[(cue.start / MASTER_HZ, cue.end / MASTER_HZ) for cue in cues if cue.start >= 0],
        still=[
            (float(shown.start / picture.rate), float(shown.end / picture.rate)) for shown in slides
        ],
    )


def _check_captions(draft: Draft, lesson: LessonLayout) -> list[Check]:
    rate = lesson.making.picture.rate
    changes = [cut.start_frame for cut in lesson.cuts if not cut.layer]
    rules = caption_rules.choose_rules(draft.project.production.language)
    findings = caption_lint.lint_captions(
        draft.captions_on_frames, rate=rate, shot_changes=changes, rules=rules
    )
    return check_captions.check_captions(
        draft.captions_on_frames, draft.inputs.cues, findings, version=draft.name, rate=rate
    )


def _check_pictures(draft: Draft, lesson: LessonLayout) -> list[Check]:
    """Check the picture of the first file: the others show the same frames.

    Slides are no scenes, so only presenters are measured.
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
    """Check that the presenter covers no words of a slide."""
    over = [section for section in lesson.composed if section.placement.covered]
    titles = "; ".join(section.timed.section.title for section in over)
    return Check(
        version=version,
        profile="edit",
        name="slide text under the presenter",
        value=f"{len(over)} sections",
        limit="0 sections",
        verdict="warn" if over else "pass",
        advice=f"make the presenter smaller, or use 'slide only': {titles}" if over else "",
    )


def _check_heard_sections(version: str, lesson: LessonLayout) -> Check:
    """Check that every section was heard: a section that was not is missing from the lesson."""
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
