# SPDX-License-Identifier: Apache-2.0
"""Render a course: all lessons below a folder by one command, and a list of them.

Rendering is a night without limits (`nightly`): a bad lesson does not stop the others, finished
lessons are not rendered again, and the night's summary lists what is wrong. The list,
`course.json`, is for the system that publishes the lessons.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import get_args

from flows.night.nightly import NightOptions, run_night
from flows.night.summary import STATES, NightSummary, ProductionReport
from flows.project import open_project
from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.delivery_rows import Deliverable
from manifests.errors import InputError
from pipeline.deliver import versions
from pipeline.script.settings import PackageName

COURSE_LIST = "course.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonRow:
    """One lesson of a course.

    `name` is its folder below the course's; paths are relative to the course too, "" for files that
    do not exist. `package` is the first of `packages`, which are for learning systems. `advice`:
    what to fix, as in the night's summary.
    """

    name: str
    title: str
    state: str
    version: str = ""
    seconds: float = 0.0
    video: str = ""
    package: str = ""
    packages: list[str] = field(default_factory=list)
    reason: str = ""
    advice: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A rendered course: its lessons in the order of their folders, and the night's summary."""

    lessons: list[LessonRow]
    summary: NightSummary

    @property
    def seconds(self) -> float:
        """The length of all lessons together."""
        return sum(lesson.seconds for lesson in self.lessons)


def render_course(root: Path, options: NightOptions) -> Course:
    """Render every lesson below `root` that needs it, and write the list.

    Raises InputError when there is no lesson.
    """
    summary = run_night(root, options)
    lessons = [
        _describe_lesson(report, root.resolve())
        for report in sorted(summary.reports, key=lambda report: report.name)
    ]
    text = json.dumps([asdict(lesson) for lesson in lessons], indent=1, ensure_ascii=False) + "\n"
    with atomic_write(root.resolve() / COURSE_LIST) as partial:
        partial.write_text(text, encoding="utf-8")
    return Course(lessons=lessons, summary=summary)


def _describe_lesson(report: ProductionReport, root: Path) -> LessonRow:
    """Describe the newest version of a lesson, even if its rendering failed this time."""
    row = LessonRow(
        name=report.name,
        title=report.title,
        state=STATES[report.state],
        reason=report.reason,
        advice=report.advice,
    )
    try:
        project = open_project(root / report.name)
    except InputError:
        return row
    row = replace(row, title=project.production.title)
    version = report.version or next(
        reversed(versions.list_versions(project.root / layout.DELIVERABLES)), ""
    )
    if not version:
        return row
    rows = project.store.read(Deliverable, version=version)
    return _add_files(row, rows, version, (project.root / layout.DELIVERABLES).relative_to(root))


def _add_files(
    lesson: LessonRow, rows: Sequence[Deliverable], version: str, place: Path
) -> LessonRow:
    """Add the files of a version to a lesson; `place` is its deliverables below the course."""
    paths = {row.profile: str(place / row.path) for row in rows}
    seconds = max((row.seconds for row in rows), default=0.0)
    packages = [paths[kind] for kind in get_args(PackageName) if kind in paths]
    return replace(
        lesson,
        version=version,
        seconds=seconds,
        video=paths.get("web", ""),
        package=next(iter(packages), ""),
        packages=packages,
    )
