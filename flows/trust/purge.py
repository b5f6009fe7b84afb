# SPDX-License-Identifier: Apache-2.0
"""Purge: delete what was made of a person and from them; keep rows, digests and a tombstone.

What goes is worked out from rows, which stay, so a purge that was interrupted is finished by
running it again. Nothing outside the production, its build folder, the storage it names and the
cache is touched, links are removed and never followed, and what others are in too stays: a
recording that several speak in is told, not deleted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from flows.lease import held
from flows.project import Project
from flows.trust import remote_copies
from flows.trust.consents import PURGED, PURGING, revoke_consent, list_delivered_files, list_withdrawals
from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.delivery_rows import Deliverable
from manifests.rows import Actor, Cue, Grade, Recording, Shot, Take
from manifests.run_rows import Event, new_event
from model.weights import cache_folder
from pipeline.corpus.emotion_sample import PICTURES
from pipeline.deliver.versions import list_versions
from pipeline.script.consent import COVERS

SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".m4a", ".aiff", ".aif")  # a likeness cannot be in these


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgePlan:
    """What would go: files, each with why, and names in the shared storage; the versions that
    become tombstones; and what cannot go, with why.
    """

    person: str
    covers: tuple[str, ...]
    files: dict[Path, str]
    versions: tuple[str, ...]
    remains: tuple[str, ...]
    stored: dict[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """How much goes."""
        return sum(path.lstat().st_size for path in self.files)


def plan_purge(project: Project, person: str, *, covers: Sequence[str] = COVERS) -> PurgePlan:
    """What there is of a person now. Nothing is changed."""
    files: dict[Path, str] = {}
    remains: list[str] = []
    if "likeness" in covers:
        files |= dict(_list_likeness_files(project, person, remains))
    if "voice" in covers:
        files |= dict(_list_voice_files(project, person, remains))
    doomed = sorted(
        {
            one.version
            for one in list_delivered_files(project, person)
            if any(kind in one.what for kind in covers)
        }
        | set(_find_unrecorded_versions(project, person))
    )
    for version in doomed:
        files |= {
            path: f"version {version}"
            for path in _list_files_below(project.root / layout.DELIVERABLES / version)
            if path.name != layout.TOMBSTONE
        }
    return PurgePlan(
        person=person,
        covers=tuple(covers),
        files={path: why for path, why in files.items() if _is_ours(project, path)},
        versions=tuple(doomed),
        remains=(
            *dict.fromkeys(remains),
            *_describe_linked_folders(project),
            *remote_copies.describe_other_machines(project),
        ),
        stored=_list_stored(project, person, covers),
    )


def carry_out_purge(project: Project, purge: PurgePlan, *, by: str, reason: str = "") -> Event:
    """Revoke, delete, leave a tombstone. The revocation stands first, so nothing is published again
    while or after this runs.

    Raises BusyError when a run works on the production; it will not publish, and the purge can be
    started again when it is over.
    """
    begun = {
        one.covers
        for one in list_withdrawals(project)
        if one.word == "purged" and one.person == purge.person
    }
    if not begun.issuperset(purge.covers):
        revoke_consent(project, purge.person, covers=purge.covers, by=by, reason=reason, name=PURGING)
    with held(project.root, purpose="purge"):
        # again: a run may have made more since
        purge = plan_purge(project, purge.person, covers=purge.covers)
        freed = purge.bytes
        _delete(project, purge, by=by)
    gone = [
        {"path": one.path, "digest": one.media_digest}
        for one in list_delivered_files(project, purge.person)
        if not one.stands
    ]
    detail = {
        "files": len(purge.files) + len(purge.stored),
        "bytes": freed,
        "covers": purge.covers,
        "versions": purge.versions,
    }
    detail |= {"deliverables": gone, "remains": purge.remains, "reason": reason}
    made = new_event(PURGED, purge.person, actor=by, detail=json.dumps(detail, ensure_ascii=False))
    project.store.append([made])
    return made


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
    """What is said of a file's version when it was purged, else None."""
    for folder in path.parents[:2]:  # stems lie one folder deeper
        if (folder / layout.TOMBSTONE).is_file():
            return dict(json.loads((folder / layout.TOMBSTONE).read_text(encoding="utf-8")))
    return None


def _list_likeness_files(
    project: Project, person: str, remains: list[str]
) -> Iterator[tuple[Path, str]]:
    shots = project.store.read(Shot, actor=person)
    ids = sorted({shot.shot_id for shot in shots})
    if ids:
        grades = project.store.read(Grade, shot_id=ids)
        yield from _list_media(project, "likeness", {*ids, *(grade.grade_id for grade in grades)})
        paths = [take.path for take in project.store.read(Take, shot_id=ids)]
        for path in [*paths, *(grade.cube_path for grade in grades)]:
            yield from _keep_existing(project.root / path, _find_media_folder(path).what)
    for portrait in sorted({shot.portrait_digest for shot in shots}):
        yield from (
            (path, "solved portrait in the cache")
            for path in (cache_folder() / layout.CACHED_PORTRAITS).glob(f"{portrait[:20]}-*")
        )
    yield from remote_copies.list_cached_media(
        project, shot_ids=ids, portraits=_list_named_files(project, person, "portrait")
    )
    yield from remote_copies.list_cached_emotions(_list_named_files(project, person, "emotion_sample"))
    yield from _list_own_files(
        project, person, ("portrait", "emotion_sample", "look"), remains, without=(".cube", *SOUNDS)
    )


def _list_voice_files(
    project: Project, person: str, remains: list[str]
) -> Iterator[tuple[Path, str]]:
    """Copies that hold the voice go, they can be made again of what is left; a source goes when
    nobody else speaks in it.
    """
    characters, heard = _find_characters(project, person), _map_speakers(project)
    for row in _find_recordings(project, person):
        for copy in (row.master_path, row.analysis_path):
            yield from _keep_existing(project.root / copy, _find_media_folder(copy).what)
        others = sorted(heard[row.recording_id] - characters)
        if others:
            remains.append(
                f"{row.source}: {', '.join(others)} speak in it too; cut the voice out of it, or delete it"
            )
        else:
            yield from _keep_existing(project.folder / row.source, "recording")
    if any(names & characters for names in heard.values()):
        spoken = {row.recording_id for row in _find_recordings(project, person)}
        yield from _list_media(project, "voice", spoken)
    yield from remote_copies.list_cached_sound(project, _find_recordings(project, person))
    yield from remote_copies.list_cached_emotions(_list_named_files(project, person, "emotion_sample"))
    yield from _list_own_files(
        project, person, ("voice_sample", "emotion_sample"), remains, without=PICTURES
    )


def _list_media(
    project: Project, kind: Literal["likeness", "voice"], identities: set[str]
) -> Iterator[tuple[Path, str]]:
    """List the media that hold a person, or that may: `identities` name the files of one person."""
    for folder in layout.MEDIA_FOLDERS:
        whose = folder.likeness if kind == "likeness" else folder.voice
        for path in _list_files_below(project.root / folder.path) if whose != "nobody" else []:
            if whose == "everybody" or layout.identity_of(path.name) in identities:
                yield path, folder.what


def _find_media_folder(path: str) -> layout.MediaFolder:
    return next(folder for folder in layout.MEDIA_FOLDERS if folder.path == path.rpartition("/")[0])


def _list_stored(project: Project, person: str, covers: Sequence[str]) -> dict[str, str]:
    """What lies in the shared storage."""
    found: dict[str, str] = {}
    if "likeness" in covers:
        ids = sorted({shot.shot_id for shot in project.store.read(Shot, actor=person)})
        found |= remote_copies.list_stored_media(
            project, shot_ids=ids, portraits=_list_named_files(project, person, "portrait")
        )
    if "voice" in covers:
        found |= remote_copies.list_stored_sound(project, _find_recordings(project, person))
    return found


def _find_characters(project: Project, person: str) -> set[str]:
    return {row.character for row in project.store.read(Actor, actor=person)}


def _map_speakers(project: Project) -> dict[str, set[str]]:
    """Who was ever heard in each recording."""
    heard: dict[str, set[str]] = {}
    for cue in project.store.read(Cue):
        if cue.start >= 0:
            heard.setdefault(cue.recording_id, set()).add(cue.character)
    return heard


def _find_recordings(project: Project, person: str) -> list[Recording]:
    """The recordings in which somebody speaks."""
    characters, heard = _find_characters(project, person), _map_speakers(project)
    rows = {row.recording_id: row for row in project.store.read(Recording)}
    return [row for key, row in rows.items() if heard.get(key, set()) & characters]


def _list_named_files(project: Project, person: str, column: str) -> list[Path]:
    """The files that the cast ever named for this person, those of others too left out."""
    rows = project.store.read(Actor)
    others = {str(getattr(row, column)) for row in rows if row.actor != person}
    mine = {str(getattr(row, column)) for row in rows if row.actor == person} - others
    return [
        path
        for name in sorted(filter(None, mine))
        if _is_ours(project, path := project.folder / name)
    ]


def _describe_linked_folders(project: Project) -> list[str]:
    """Folders of the build that lead elsewhere: what lies there is not ours to delete."""
    folders = (folder.path for folder in layout.MEDIA_FOLDERS)
    names = (layout.MEDIA, layout.DELIVERABLES, *folders)
    linked = [project.root / name for name in names if (project.root / name).is_symlink()]
    return [
        f"{path} leads to {path.resolve()}, where nothing is deleted: look there" for path in linked
    ]


def _list_own_files(
    project: Project,
    person: str,
    columns: Sequence[str],
    remains: list[str],
    *,
    without: Sequence[str],
) -> Iterator[tuple[Path, str]]:
    """Files that the cast names for this person and for nobody else, but for kinds of files that
    cannot hold what is purged.
    """
    rows = project.store.read(Actor)
    for column in columns:
        mine = {
            str(getattr(row, column))
            for row in rows
            if row.actor == person and getattr(row, column)
        }
        mine = {name for name in mine if not name.lower().endswith(tuple(without))}
        others = {str(getattr(row, column)) for row in rows if row.actor != person}
        remains += [
            f"{name}: it is another's {column.replace('_', ' ')} too"
            for name in sorted(mine & others)
        ]
        for name in sorted(mine - others):
            yield from _keep_existing(project.folder / name, column.replace("_", " "))


def _write_tombstone(project: Project, version: str, purge: PurgePlan, *, by: str) -> None:
    """Say in the version's folder that it was, so that its name is not used again."""
    folder = project.root / layout.DELIVERABLES / version
    folder.mkdir(parents=True, exist_ok=True)
    at = new_event(PURGED, purge.person, actor="").happened_at
    files = [one for one in list_delivered_files(project, purge.person) if one.version == version]
    said = {"version": version, "purged_at": at, "by": by, "because": "consent withdrawn"}
    said["files"] = [{"path": one.path, "media_digest": one.media_digest} for one in files]  # type: ignore[assignment]
    with atomic_write(folder / layout.TOMBSTONE) as partial:
        partial.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def _is_ours(project: Project, path: Path) -> bool:
    """Whether a file lies in the production, its build folder or the cache, links of folders
    followed.
    """
    places = (project.folder.resolve(), project.root.resolve(), cache_folder().resolve())
    return any(path.parent.resolve().is_relative_to(place) for place in places)


def _keep_existing(path: Path, why: str) -> list[tuple[Path, str]]:
    return [(path, why)] if path.is_symlink() or path.is_file() else []


def _list_files_below(folder: Path) -> list[Path]:
    """Files and links under a folder that is none itself; linked folders are not entered."""
    if folder.is_symlink():
        return []
    return sorted(
        Path(place) / name
        for place, folders, names in os.walk(folder)
        for name in [*names, *(one for one in folders if (Path(place) / one).is_symlink())]
    )


def _remove_empty_folders(folder: Path) -> None:
    for place, _, _ in os.walk(folder, topdown=False):
        if not any(Path(place).iterdir()):
            Path(place).rmdir()


def _find_unrecorded_versions(project: Project, person: str) -> list[str]:
    """Versions that stand and that the record does not know: a run was killed when it had just
    published. Anybody may be in them.
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
        [name for name in standing if name not in known]
        if _find_characters(project, person)
        else []
    )
