# SPDX-License-Identifier: Apache-2.0
"""Find copies of a person's files outside the build: in shared storage and in this machine's cache.

Workers on other machines keep copies of portraits and recordings in caches of their own, which
cannot be reached from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from flows.farm.ray_actor import scratch_folder
from flows.project import Project
from manifests import layout
from manifests.identity import digest_file
from manifests.rows import Recording
from model.weights import cache_folder
from pipeline.corpus import emotion_sample
from pipeline.storage import Storage


def open_storage(project: Project) -> Storage | None:
    """Open the storage that the production's cluster shares, None if it has none."""
    url = project.production.storage.url
    return Storage(url) if url else None


def list_stored_media(
    project: Project, *, shot_ids: Sequence[str], portraits: Iterable[Path]
) -> dict[str, str]:
    """List takes and portraits in the shared storage: name to what it is.

    Raises ToolError when the storage does not answer.
    """
    storage = open_storage(project)
    if storage is None:
        return {}
    known, digests = set(shot_ids), {digest_file(path) for path in portraits if path.is_file()}
    found = {
        name: "take"
        for name in storage.list_names(layout.STORED_TAKES)
        if layout.identity_of(name) in known
    }
    return found | {
        name: "portrait"
        for name in storage.list_names(layout.STORED_PORTRAITS)
        if layout.identity_of(name) in digests
    }


def list_stored_sound(project: Project, recordings: Iterable[Recording]) -> dict[str, str]:
    """List copies of recordings in the shared storage."""
    storage = open_storage(project)
    names = [f"{layout.STORED_INPUTS}/{row.analysis_path}" for row in recordings]
    return {name: "copy of a recording" for name in names if storage and storage.exists(name)}


def list_cached_media(
    project: Project, *, shot_ids: Sequence[str], portraits: Sequence[Path]
) -> Iterator[tuple[Path, str]]:
    """List what workers of this machine fetched from the shared storage, or left unfinished."""
    if not project.production.storage.url:
        return
    place, known = scratch_folder(project.production.storage.url), set(shot_ids)
    digests = {digest_file(path) for path in portraits if path.is_file()}
    for path in _list_files(place / layout.TAKES):
        if layout.identity_of(path.name) in known:
            yield path, "take in a worker's cache"
    for path in _list_files(place / layout.STORED_PORTRAITS):
        if layout.identity_of(path.name) in digests:
            yield path, "portrait in a worker's cache"


def list_cached_sound(
    project: Project, recordings: Iterable[Recording]
) -> Iterator[tuple[Path, str]]:
    """List copies of recordings that workers of this machine fetched."""
    if project.production.storage.url:
        place = scratch_folder(project.production.storage.url)
        for row in recordings:
            if (place / row.analysis_path).is_file():
                yield place / row.analysis_path, "copy of a recording in a worker's cache"


def list_cached_emotions(samples: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """List what the embedder cached of emotion samples."""
    for sample in samples:
        if sample.is_file():
            yield from (
                (path, "emotion of a sample in the cache")
                for path in emotion_sample.find_cached(sample)
            )


def describe_other_machines(project: Project) -> list[str]:
    """Describe what to delete on machines that cannot be reached from here."""
    url = project.production.storage.url
    if not url:
        return []
    place = scratch_folder(url).relative_to(cache_folder())
    return [
        f"other machines that rendered through {url} may hold copies: delete {place} in the"
        " Callsheet cache of each"
    ]


def _list_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
