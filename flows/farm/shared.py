# SPDX-License-Identifier: Apache-2.0
"""Exchange files with workers on other machines through storage: inputs out, takes back.

Inputs are recordings and portraits. A take's files are stored first and its row last, so a row in
the storage means that all of the take is there. Storing the same take twice gives the same take.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from manifests import layout
from manifests.identity import digest_file
from manifests.rows import Recording, Shot, Take
from pipeline.render import render
from pipeline.storage import Storage

TRANSFERS_AT_ONCE = 8


def send_inputs(
    storage: Storage,
    shots: Sequence[Shot],
    recordings: Sequence[Recording],
    *,
    folder: Path,
    root: Path,
) -> dict[str, str]:
    """Store what workers read; return the stored name of each portrait path."""
    portraits = {path: _name_portrait(folder / path) for path in {shot.portrait for shot in shots}}
    wanted = {name: folder / path for path, name in portraits.items()}
    wanted |= {
        f"{layout.STORED_INPUTS}/{row.analysis_path}": root / row.analysis_path
        for row in recordings
    }
    for name, path in wanted.items():
        if not storage.exists(name):
            storage.put(path, name)
    return portraits


def fetch_recordings(storage: Storage, recordings: Iterable[Recording], *, root: Path) -> None:
    """Fetch the recordings to a worker's machine, once."""
    for recording in recordings:
        fetch_file(
            storage,
            f"{layout.STORED_INPUTS}/{recording.analysis_path}",
            root / recording.analysis_path,
        )


def fetch_file(storage: Storage, name: str, target: Path) -> Path:
    """Return the local copy of a stored file; fetch it if it is not here."""
    if not target.is_file():
        storage.get(name, target)
    return target


def store_take(storage: Storage, take: Take, *, root: Path) -> None:
    """Store a take that lies under `root`, its row last, and delete it from this machine."""
    row = render.row_path(take.shot_id, root=root)
    files = [render.take_path(take.shot_id, root=root), render.matte_path(take.shot_id, root=root)]
    for path in [*(path for path in files if path.is_file()), row]:
        storage.put(path, f"{layout.STORED_TAKES}/{path.name}")
    for path in [row, *files]:
        path.unlink(missing_ok=True)


def read_stored_take(storage: Storage, shot_id: str) -> Take | None:
    """Read the row of the take that is stored under an identity."""
    text = storage.read_text(f"{layout.STORED_TAKES}/{shot_id}.json")
    return None if text is None else Take(**json.loads(text))


def fetch_takes(storage: Storage, shot_ids: Sequence[str], *, root: Path) -> list[Take]:
    """Fetch the takes that are stored; they lie under `root` like takes made here.

    Damaged takes count as not stored.
    """
    stored = set(storage.list_names(layout.STORED_TAKES))
    wanted = [shot_id for shot_id in shot_ids if f"{layout.STORED_TAKES}/{shot_id}.json" in stored]
    with ThreadPoolExecutor(TRANSFERS_AT_ONCE) as threads:
        found = threads.map(lambda shot_id: _fetch_take(storage, shot_id, stored, root), wanted)
        return [take for take in found if take is not None]


def _fetch_take(storage: Storage, shot_id: str, stored: set[str], root: Path) -> Take | None:
    media, matte, row = (
        place(shot_id, root=root)
        for place in (render.take_path, render.matte_path, render.row_path)
    )
    try:
        storage.get(f"{layout.STORED_TAKES}/{row.name}", row)
        if f"{layout.STORED_TAKES}/{matte.name}" in stored:
            storage.get(f"{layout.STORED_TAKES}/{matte.name}", matte)
        storage.get(f"{layout.STORED_TAKES}/{media.name}", media)
    except FileNotFoundError:
        return None
    take = Take(**json.loads(row.read_text()))
    if digest_file(media) != take.media_digest:
        media.unlink()
        return None
    return take


def _name_portrait(path: Path) -> str:
    return f"{layout.STORED_PORTRAITS}/{digest_file(path)}{path.suffix.lower()}"
