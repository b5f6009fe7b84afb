# SPDX-License-Identifier: Apache-2.0
"""A course: all lessons below a folder, rendered by one command, with one list of what there is.

The rendering is a night without limits (`nightly`): one bad lesson never stops the others, what
stands is not made again, and the night's summary tells what is wrong. The list, `course.json`, is
for whatever publishes the lessons.
"""

from __future__ import annotations

import json
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
    """One lesson of a course. `name` is its folder below the course's; paths are below it too, ""
    for what there is not. `package` is the first of `packages`, which are for learning systems.
    `advice`: what to mend, as the night's summary says it.
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
    """A course as it was rendered: its lessons in the order of their folders, and the night's
    summary.
    """

    lessons: list[LessonRow]
    summary: NightSummary

    @property
    def seconds(self) -> float:
        """How long all lessons are together."""
        return sum(lesson.seconds for lesson in self.lessons)


def render_course(root: Path, asked: NightOptions) -> Course:
    """Render every lesson below `root` that is not as it should be, and write the list. Raises
    InputError when there is none.
    """
    summary = run_night(root, asked)
    lessons = [
        _describe_lesson(report, root.resolve())
        for report in sorted(summary.reports, key=lambda report: report.name)
    ]
    text = json.dumps([asdict(lesson) for lesson in lessons], indent=1, ensure_ascii=False) + "\n"
    with atomic_write(root.resolve() / COURSE_LIST) as partial:
        partial.write_text(text, encoding="utf-8")
    return Course(lessons=lessons, summary=summary)


def _describe_lesson(report: ProductionReport, root: Path) -> LessonRow:
    """What of a lesson stands now: its newest version, also when this time something failed."""
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
    files = {made.profile: made for made in project.store.read(Deliverable, version=version)}
    paths = {
        name: str((project.root / layout.DELIVERABLES / made.path).relative_to(root))
        for name, made in files.items()
    }
    seconds = max((made.seconds for made in files.values()), default=0.0)
    packages = [paths[kind] for kind in get_args(PackageName) if kind in paths]
    return replace(
        row,
        version=version,
        seconds=seconds,
        video=paths.get("web", ""),
        package=next(iter(packages), ""),
        packages=packages,
    )
