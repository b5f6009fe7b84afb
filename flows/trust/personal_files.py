# SPDX-License-Identifier: Apache-2.0
"""Find the files that hold a person: their likeness, their voice, and what the cast names for them.

Each file comes with what it is. Files that cannot go are described in `remains`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from flows.project import Project
from flows.trust import remote_copies
from manifests import layout
from manifests.rows import Actor, Cue, Grade, Recording, Shot, Take
from model.weights import cache_folder
from pipeline.corpus.emotion_sample import PICTURES

SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".m4a", ".aiff", ".aif")  # these hold no likeness


def list_likeness_files(
    project: Project, person: str, remains: list[str]
) -> Iterator[tuple[Path, str]]:
    """List what shows the person: takes, graded pictures, solved portraits, their own files."""
    shots = project.store.read(Shot, actor=person)
    ids = sorted({shot.shot_id for shot in shots})
    if ids:
        grades = project.store.read(Grade, shot_id=ids)
        yield from _list_media(project, "likeness", {*ids, *(grade.grade_id for grade in grades)})
        paths = [take.path for take in project.store.read(Take, shot_id=ids)]
        for path in [*paths, *(grade.cube_path for grade in grades)]:
            yield from _keep_existing(project.root / path, _find_media_folder(path).what)
    for portrait in sorted({shot.portrait_digest for shot in shots}):
        solved = (cache_folder() / layout.CACHED_PORTRAITS).glob(f"{portrait[:20]}-*")
        yield from ((path, "solved portrait in the cache") for path in solved)
    yield from remote_copies.list_cached_media(
        project, shot_ids=ids, portraits=_list_named_files(project, person, "portrait")
    )
    yield from remote_copies.list_cached_emotions(
        _list_named_files(project, person, "emotion_sample")
    )
    yield from _list_own_files(
        project, person, ("portrait", "emotion_sample", "look"), remains, without=(".cube", *SOUNDS)
    )


def list_voice_files(
    project: Project, person: str, remains: list[str]
) -> Iterator[tuple[Path, str]]:
    """List what holds the person's voice.

    Copies go, since they can be made again from the recordings that stay. A recording goes when
    nobody else speaks in it.
    """
    characters, speakers = find_characters(project, person), _map_speakers(project)
    for row in _find_recordings(project, person):
        for copy in (row.master_path, row.analysis_path):
            yield from _keep_existing(project.root / copy, _find_media_folder(copy).what)
        others = sorted(speakers[row.recording_id] - characters)
        if others:
            verb = "speaks" if len(others) == 1 else "speak"
            remains.append(
                f"{row.source}: {', '.join(others)} also {verb} in it;"
                " cut the voice out of it, or delete it"
            )
        else:
            yield from _keep_existing(project.folder / row.source, "recording")
    if any(names & characters for names in speakers.values()):
        spoken = {row.recording_id for row in _find_recordings(project, person)}
        yield from _list_media(project, "voice", spoken)
    yield from remote_copies.list_cached_sound(project, _find_recordings(project, person))
    yield from remote_copies.list_cached_emotions(
        _list_named_files(project, person, "emotion_sample")
    )
    yield from _list_own_files(
        project, person, ("voice_sample", "emotion_sample"), remains, without=PICTURES
    )


def list_stored(project: Project, person: str, covers: Sequence[str]) -> dict[str, str]:
    """List what the shared storage holds of a person."""
    found: dict[str, str] = {}
    if "likeness" in covers:
        ids = sorted({shot.shot_id for shot in project.store.read(Shot, actor=person)})
        found |= remote_copies.list_stored_media(
            project, shot_ids=ids, portraits=_list_named_files(project, person, "portrait")
        )
    if "voice" in covers:
        found |= remote_copies.list_stored_sound(project, _find_recordings(project, person))
    return found


def find_characters(project: Project, person: str) -> set[str]:
    """Find the characters that a person ever played."""
    return {row.character for row in project.store.read(Actor, actor=person)}


def is_ours(project: Project, path: Path) -> bool:
    """Check that a file is in the production, its build folder or the cache, links resolved."""
    places = (project.folder.resolve(), project.root.resolve(), cache_folder().resolve())
    return any(path.parent.resolve().is_relative_to(place) for place in places)


def list_files_below(top: Path) -> list[Path]:
    """List files and links below a folder; linked folders are not entered."""
    if top.is_symlink():
        return []
    return sorted(
        Path(place) / name
        for place, folders, names in os.walk(top)
        for name in [*names, *(folder for folder in folders if (Path(place) / folder).is_symlink())]
    )


def _list_media(
    project: Project, kind: Literal["likeness", "voice"], identities: set[str]
) -> Iterator[tuple[Path, str]]:
    """List the media that hold a person, or that may: `identities` name the files of one person."""
    for folder in layout.MEDIA_FOLDERS:
        whose = folder.likeness if kind == "likeness" else folder.voice
        for path in list_files_below(project.root / folder.path) if whose != "nobody" else []:
            if whose == "everybody" or layout.identity_of(path.name) in identities:
                yield path, folder.what


def _find_media_folder(path: str) -> layout.MediaFolder:
    return next(folder for folder in layout.MEDIA_FOLDERS if folder.path == path.rpartition("/")[0])


def _list_own_files(
    project: Project,
    person: str,
    columns: Sequence[str],
    remains: list[str],
    *,
    without: Sequence[str],
) -> Iterator[tuple[Path, str]]:
    """List files that the cast names for this person and for nobody else.

    `without`: kinds of files that cannot hold what is purged.
    """
    rows = project.store.read(Actor)
    for column in columns:
        kind = column.replace("_", " ")
        mine = {str(getattr(row, column)) for row in rows if row.actor == person} - {""}
        mine = {name for name in mine if not name.lower().endswith(tuple(without))}
        others = {str(getattr(row, column)) for row in rows if row.actor != person}
        remains += [f"{name} is also somebody else's {kind}" for name in sorted(mine & others)]
        for name in sorted(mine - others):
            yield from _keep_existing(project.folder / name, kind)


def _list_named_files(project: Project, person: str, column: str) -> list[Path]:
    """List the files that the cast ever named for this person and for nobody else."""
    rows = project.store.read(Actor)
    others = {str(getattr(row, column)) for row in rows if row.actor != person}
    mine = {str(getattr(row, column)) for row in rows if row.actor == person} - others
    return [
        path
        for name in sorted(filter(None, mine))
        if is_ours(project, path := project.folder / name)
    ]


def _find_recordings(project: Project, person: str) -> list[Recording]:
    """Find the recordings in which a person speaks."""
    characters, speakers = find_characters(project, person), _map_speakers(project)
    rows = {row.recording_id: row for row in project.store.read(Recording)}
    return [row for key, row in rows.items() if speakers.get(key, set()) & characters]


def _map_speakers(project: Project) -> dict[str, set[str]]:
    """Map each recording to the characters who were ever heard in it."""
    speakers: dict[str, set[str]] = {}
    for cue in project.store.read(Cue):
        if cue.start >= 0:
            speakers.setdefault(cue.recording_id, set()).add(cue.character)
    return speakers


def _keep_existing(path: Path, why: str) -> list[tuple[Path, str]]:
    return [(path, why)] if path.is_symlink() or path.is_file() else []
