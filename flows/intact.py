# SPDX-License-Identifier: Apache-2.0
"""Find files of the build that changed after they were made.

A file that is finished is sealed: its digest, size and time of change are recorded. Before a file
enters a delivery its content is compared with its seal (`discard_damaged`); a damaged file is
deleted, so that the step that makes it finds it missing and makes it again. Looking on (`plan`,
`status`, a run with nothing to do) compares size and time first, and reads only what was touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from manifests.atomic_write import sync_file
from manifests.identity import digest_file
from manifests.run_rows import Event, MediaFile, new_event
from manifests.store import Store

DAMAGED = "damaged"


def seal_files(store: Store, root: Path, paths: Iterable[str]) -> None:
    """Record the files that exist and have no seal yet, or were made again since."""
    present = [path for path in dict.fromkeys(paths) if (root / path).is_file()]
    seals = _read_seals(store, present)
    fresh = [path for path in present if not _is_untouched(root / path, seals.get(path))]
    for path in fresh:
        sync_file(root / path)
    store.append([_make_seal(root, path) for path in fresh])


def seal_folders(store: Store, root: Path, folders: Iterable[str]) -> None:
    """Seal all files of some folders; hidden files are not finished."""
    seal_files(store, root, _list_files(root, folders))


def find_damaged(
    store: Store,
    root: Path,
    paths: Iterable[str],
    *,
    digests: Mapping[str, str] | None = None,
    thorough: bool = False,
) -> list[str]:
    """Find the files that are not as they were made; missing files are no damage.

    `digests`: of files that may have no seal, by path. `thorough`: read every file, even if its
    size and time of change are those of its seal.
    """
    present = [path for path in dict.fromkeys(paths) if (root / path).is_file()]
    seals = _read_seals(store, present)
    known = dict(digests or {}) | {path: seal.digest for path, seal in seals.items()}
    touched = [
        path
        for path in present
        if thorough or (path in seals and not _is_untouched(root / path, seals[path]))
    ]
    return [path for path in touched if path in known and digest_file(root / path) != known[path]]


def discard_damaged(
    store: Store, root: Path, paths: Iterable[str], *, digests: Mapping[str, str] | None = None
) -> list[str]:
    """Read files before they are used; delete and record those that are damaged, and return them.

    Only the run that holds the production may call this.
    """
    damaged = find_damaged(store, root, paths, digests=digests, thorough=True)
    for path in damaged:
        (root / path).unlink()
    store.append([new_event(DAMAGED, path, actor="callsheet") for path in damaged])
    return damaged


def discard_damaged_in(store: Store, root: Path, folders: Iterable[str]) -> list[str]:
    """Discard the damaged files of some folders; see `discard_damaged`."""
    return discard_damaged(store, root, _list_files(root, folders))


def list_discarded(store: Store, *, since: str) -> list[str]:
    """List the files that were discarded from a moment on (UTC, ISO 8601)."""
    return [event.subject for event in store.read(Event, since=since, name=DAMAGED)]


def _list_files(root: Path, folders: Iterable[str]) -> list[str]:
    return [
        path.relative_to(root).as_posix()
        for folder in folders
        for path in sorted((root / folder).glob("[!.]*"))
        if path.is_file()
    ]


def _read_seals(store: Store, paths: list[str]) -> dict[str, MediaFile]:
    rows = store.read(MediaFile, path=paths) if paths else []
    return {row.path: row for row in rows}  # the newest comes last


def _is_untouched(file: Path, seal: MediaFile | None) -> bool:
    facts = file.stat()
    return seal is not None and (seal.size_bytes, seal.modified_ns) == (
        facts.st_size,
        facts.st_mtime_ns,
    )


def _make_seal(root: Path, path: str) -> MediaFile:
    facts = (root / path).stat()
    return MediaFile(
        path=path,
        digest=digest_file(root / path),
        size_bytes=facts.st_size,
        modified_ns=facts.st_mtime_ns,
    )
