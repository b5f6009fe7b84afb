# SPDX-License-Identifier: Apache-2.0
"""Waive a failed check: a person's recorded decision that a version may be published.

A waiver holds for one check of one version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from flows.project import Project
from flows.trust import consents
from manifests import layout
from manifests.delivery_rows import Check
from manifests.errors import InputError, Problem, find_nearest
from manifests.plain_text import require_fit
from manifests.run_rows import Event, new_event
from manifests.store import Store
from pipeline.checks import qc
from pipeline.deliver import versions

WAIVED = "waived"
LONGEST_REASON = 500
Waivers = Mapping[tuple[str, str], Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverOutcome:
    """What a waiver did.

    `waived`: the failures that it lets pass; `left`: those that still stop the version;
    `published`: whether `latest` points to the version now.
    """

    version: str
    waived: tuple[Check, ...]
    left: tuple[Check, ...]
    published: bool


def read_waivers(store: Store, version: str) -> Waivers:
    """Read the waivers of a version, by profile and check: by whom, when and why."""
    rows = sorted(store.read(Event, name=WAIVED, subject=version), key=lambda row: row.happened_at)
    found = {}
    for row in rows:
        detail = row.detail_values
        found[detail["profile"], detail["check"]] = {
            "by": row.actor,
            "at": row.happened_at,
            "reason": detail["reason"],
        }
    return found


def waive_check(
    project: Project, version: str, check: str, *, reason: str, by: str
) -> WaiverOutcome:
    """Let a failed check of a version pass; publish the version when nothing else stops it.

    `check` is its name, for one profile (`web: loudness`) or for all. Raises InputError when there
    is no such version or failure, when no reason is given, or when consent of anybody in the cast
    is missing (a waiver is for measurements, not for people).
    """
    place = project.root / layout.DELIVERABLES
    rows = project.store.read(Check, version=version)
    if not (place / version / layout.CHECKS).is_file() or not rows:
        message = f"there is no version {version!r}"
        raise InputError(
            Problem(
                file=str(place),
                message=message,
                nearest=find_nearest(version, versions.list_versions(place)),
            )
        )
    chosen = _select_checks(rows, check, version)
    require_fit(reason, file="--reason")
    if not reason.strip() or len(reason) > LONGEST_REASON:
        expected = f"1 to {LONGEST_REASON} characters"
        raise InputError(
            Problem(file="--reason", message="give a reason for this waiver", expected=expected)
        )
    consents.require_consents(project)
    project.store.append([_describe_waiver(row, version, reason=reason, by=by) for row in chosen])
    decided = read_waivers(project.store, version)
    qc.write_checks(rows, place / version, waived=decided)
    left = tuple(row for row in qc.select_failures(rows) if (row.profile, row.name) not in decided)
    published = not left and _publish_version(project, version)
    return WaiverOutcome(version=version, waived=tuple(chosen), left=left, published=published)


def _describe_waiver(check: Check, version: str, *, reason: str, by: str) -> Event:
    detail = {"profile": check.profile, "check": check.name, "reason": reason}
    return new_event(WAIVED, version, actor=by, detail=json.dumps(detail, ensure_ascii=False))


def _select_checks(rows: list[Check], check: str, version: str) -> list[Check]:
    failed = qc.select_failures(rows)
    chosen = [row for row in failed if check in (row.name, f"{row.profile}: {row.name}")]
    if chosen:
        return chosen
    known = [name for row in failed for name in (row.name, f"{row.profile}: {row.name}")]
    problem = Problem(
        file=layout.CHECKS,
        message=f"{version} has no failed check{f' {check!r}' if failed else 's'}",
        expected="; ".join(dict.fromkeys(row.name for row in failed)) or None,
        nearest=find_nearest(check, known),
    )
    raise InputError(problem)


def _publish_version(project: Project, version: str) -> bool:
    """Move `latest` forward to the version; never back to an older one."""
    place = project.root / layout.DELIVERABLES
    latest = place / layout.LATEST
    now = latest.readlink().name if latest.is_symlink() else ""
    if now and versions.parse_version(now) >= versions.parse_version(version):
        return False
    versions.point_latest(place, version)
    return True
