# SPDX-License-Identifier: Apache-2.0
"""Purge a person: delete their files; keep the rows, the digests and a tombstone.

What to delete follows from rows, which stay, so running an interrupted purge again finishes it.
Nothing outside the production, its build folder, its storage and the cache is touched. Links are
removed and never followed. Files that other people are in too stay: a recording with several
speakers is reported, not deleted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.lease import hold_lease
from flows.project import Project
from flows.trust import remote_copies
from flows.trust.consents import PURGED, begin_purge, list_delivered_files, list_withdrawals
from flows.trust.personal_files import (
    find_characters,
    is_ours,
    list_files_below,
    list_likeness_files,
    list_stored,
    list_voice_files,
)
from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.delivery_rows import Deliverable
from manifests.run_rows import Event, new_event
from pipeline.deliver.versions import list_versions
from pipeline.script.consent import COVERS


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgePlan:
    """What a purge deletes.

    `files`: each with the reason; `stored`: names in the shared storage; `versions`: those that
    become tombstones; `remains`: what stays, with the reason.
    """

    person: str
    covers: tuple[str, ...]
    files: dict[Path, str]
    versions: tuple[str, ...]
    remains: tuple[str, ...]
    stored: dict[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """The size of all files to delete."""
        return sum(path.lstat().st_size for path in self.files)


def plan_purge(project: Project, person: str, *, covers: Sequence[str] = COVERS) -> PurgePlan:
    """Find everything that holds a person now; change nothing."""
    files: dict[Path, str] = {}
    remains: list[str] = []
    if "likeness" in covers:
        files |= dict(list_likeness_files(project, person, remains))
    if "voice" in covers:
        files |= dict(list_voice_files(project, person, remains))
    versions = _list_versions(project, person, covers)
    for version in versions:
        files |= {
            path: f"version {version}"
            for path in list_files_below(project.root / layout.DELIVERABLES / version)
            if path.name != layout.TOMBSTONE
        }
    remains += [*_describe_linked_folders(project), *remote_copies.describe_other_machines(project)]
    return PurgePlan(
        person=person,
        covers=tuple(covers),
        files={path: why for path, why in files.items() if is_ours(project, path)},
        versions=tuple(versions),
        remains=tuple(dict.fromkeys(remains)),
        stored=list_stored(project, person, covers),
    )


def _list_versions(project: Project, person: str, covers: Sequence[str]) -> list[str]:
    """List the versions that a person is in, or may be in."""
    known = {
        row.version
        for row in list_delivered_files(project, person)
        if any(kind in row.what for kind in covers)
    }
    return sorted(known | set(_find_unrecorded_versions(project, person)))


def carry_out_purge(project: Project, purge: PurgePlan, *, by: str, reason: str = "") -> Event:
    """Revoke the consent, delete the files, and leave a tombstone.

    The revocation comes first, so nothing is published during or after the purge. Raises BusyError
    while a run works on the production: the run will not publish, and the purge can be started
    again when it is over.
    """
    begun = {
        row.covers
        for row in list_withdrawals(project)
        if row.word == "purged" and row.person == purge.person
    }
    if not begun.issuperset(purge.covers):
        begin_purge(project, purge.person, covers=purge.covers, by=by, reason=reason)
    with hold_lease(project.root, purpose="purge"):
        # plan again: a run may have made more since
        purge = plan_purge(project, purge.person, covers=purge.covers)
        freed = purge.bytes
        _delete(project, purge, by=by)
    event = _describe_purge(project, purge, freed=freed, by=by, reason=reason)
    project.store.append([event])
    return event


def _describe_purge(
    project: Project, purge: PurgePlan, *, freed: int, by: str, reason: str
) -> Event:
    gone = [
        {"path": row.path, "digest": row.media_digest}
        for row in list_delivered_files(project, purge.person)
        if not row.stands
    ]
    detail = {
        "files": len(purge.files) + len(purge.stored),
        "bytes": freed,
        "covers": purge.covers,
        "versions": purge.versions,
    }
    detail |= {"deliverables": gone, "remains": purge.remains, "reason": reason}
    text = json.dumps(detail, ensure_ascii=False)
    return new_event(PURGED, purge.person, actor=by, detail=text)


def _delete(project: Project, purge: PurgePlan, *, by: str) -> None:
    latest = project.root / layout.DELIVERABLES / layout.LATEST
    if latest.is_symlink() and latest.readlink().name in purge.versions:
        latest.unlink()
    for version in purge.versions:
        _write_tombstone(project, version, purge, by=by)
    storage = remote_copies.open_storage(project)
    for name in purge.stored if storage else ():
        storage.remove(name)  # type: ignore[union-attr]
    for path in purge.files:
        path.unlink(missing_ok=True)
    for version in purge.versions:
        _remove_empty_folders(project.root / layout.DELIVERABLES / version)


def read_tombstone(path: Path) -> dict[str, object] | None:
    """Read the tombstone of a file's version; None when the version was not purged."""
    for folder in path.parents[:2]:  # stems lie one folder deeper
        if (folder / layout.TOMBSTONE).is_file():
            return dict(json.loads((folder / layout.TOMBSTONE).read_text(encoding="utf-8")))
    return None


def _describe_linked_folders(project: Project) -> list[str]:
    """Describe folders of the build that are links: what they lead to is not ours to delete."""
    folders = (folder.path for folder in layout.MEDIA_FOLDERS)
    names = (layout.MEDIA, layout.DELIVERABLES, *folders)
    linked = [project.root / name for name in names if (project.root / name).is_symlink()]
    return [
        f"{path} is a link to {path.resolve()}; nothing there was deleted, check it by hand"
        for path in linked
    ]


def _write_tombstone(project: Project, version: str, purge: PurgePlan, *, by: str) -> None:
    """Write in the version's folder that it was purged, so that its name is not used again."""
    folder = project.root / layout.DELIVERABLES / version
    folder.mkdir(parents=True, exist_ok=True)
    at = new_event(PURGED, purge.person, actor="").happened_at
    files = [row for row in list_delivered_files(project, purge.person) if row.version == version]
    facts = {"version": version, "purged_at": at, "by": by, "because": "consent withdrawn"}
    facts["files"] = [{"path": row.path, "media_digest": row.media_digest} for row in files]  # type: ignore[assignment]
    with atomic_write(folder / layout.TOMBSTONE) as partial:
        partial.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _remove_empty_folders(folder: Path) -> None:
    for place, _, _ in os.walk(folder, topdown=False):
        if not any(Path(place).iterdir()):
            Path(place).rmdir()


def _find_unrecorded_versions(project: Project, person: str) -> list[str]:
    """Find versions on disk that the record does not know.

    A run was killed just after publishing; anybody may be in them.
    """
    place = project.root / layout.DELIVERABLES
    standing = [
        name for name in list_versions(place) if not (place / name / layout.TOMBSTONE).is_file()
    ]
    known = (
        {row.version for row in project.store.read(Deliverable, version=standing)}
        if standing
        else set()
    )
    return (
        [name for name in standing if name not in known] if find_characters(project, person) else []
    )
