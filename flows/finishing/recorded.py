# SPDX-License-Identifier: Apache-2.0
"""Read and record what finishing keeps, for episodes and lessons: grades and versions."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from flows import intact
from flows.project import Project
from manifests import layout
from manifests.delivery_rows import Check, Deliverable
from manifests.rows import Cut, Grade
from pipeline.deliver.versions import parse_version


def find_grades(project: Project, ids: Mapping[str, str]) -> list[Grade] | None:
    """Find the transforms of these identities (by shot); None when any is missing."""
    grades = project.store.read(Grade, grade_id=list(ids.values()))
    return grades if {grade.grade_id for grade in grades} == set(ids.values()) else None


def record_grades(project: Project, grades: Sequence[Grade]) -> None:
    """Record the transforms that are new."""
    by_id = {grade.grade_id: grade for grade in grades}
    known = {row.grade_id for row in project.store.read(Grade, grade_id=list(by_id))}
    project.store.append([grade for key, grade in by_id.items() if key not in known])


def find_standing_files(project: Project, wanted: Collection[str]) -> list[Deliverable] | None:
    """Find the newest version's files if they exist, undamaged, and are exactly these.

    Otherwise None.
    """
    found = project.store.read(Deliverable, deliverable_id=list(wanted))
    found = [row for row in found if (project.root / _locate_file(row)).is_file()]
    latest = max((parse_version(row.version) for row in found), default=0)
    newest = [row for row in found if parse_version(row.version) == latest]
    whole = {row.deliverable_id for row in newest} == set(wanted)
    return newest if whole and not find_damaged_files(project, newest) else None


def list_damaged_deliverables(project: Project) -> list[str]:
    """List the files of the newest version that are damaged, by path in the build folder."""
    rows = project.store.read(Deliverable)
    latest = max((parse_version(row.version) for row in rows), default=0)
    return find_damaged_files(project, [r for r in rows if parse_version(r.version) == latest])


def find_damaged_files(project: Project, rows: Sequence[Deliverable]) -> list[str]:
    """Find the delivered files that are not as they were made, by path in the build folder."""
    return intact.find_damaged(project.store, project.root, [_locate_file(row) for row in rows])


def record_version(
    project: Project,
    version: str,
    cuts: Sequence[Cut],
    checks: Sequence[Check],
    deliverables: Sequence[Deliverable],
) -> None:
    """Record a finished version."""
    project.store.append([dataclasses.replace(cut, version=version) for cut in cuts])
    project.store.append(checks)
    project.store.append(deliverables)
    files = [_locate_file(row) for row in deliverables]
    intact.seal_files(project.store, project.root, files)


def _locate_file(row: Deliverable) -> str:
    return f"{layout.DELIVERABLES}/{row.path}"
