# SPDX-License-Identifier: Apache-2.0
"""Atomic writes: files and folders that appear whole or not at all.

A writer works under a hidden name in the same folder and renames it when it is done. Two writers of
the same file never mix, on one machine or on several, and a writer that is killed leaves only a
hidden name, which `flows.leftovers` removes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file whole or not at all.

    Yields a hidden path beside `path` with the same suffix. What stands there when the block ends
    replaces `path`. When the block fails, nothing is left and the former file stays. Missing parent
    folders are made.
    """
    with hidden_file(path) as partial:
        yield partial
        sync_file(partial)
        partial.replace(path)
        sync_file(path.parent)


@contextmanager
def hidden_file(path: Path) -> Iterator[Path]:
    """Reserve a hidden path beside `path` with the same suffix; delete what is left there.

    For working files, and for files whose final name is known only when they are written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _hidden(path)
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Write a folder whole or not at all.

    Yields a hidden folder beside `path`, which replaces `path` when the block ends. When the block
    fails, nothing is left and the former folder stays.
    """
    with hidden_folder(path) as partial:
        yield partial
        shutil.rmtree(path, ignore_errors=True)
        partial.rename(path)
        sync_file(path.parent)


@contextmanager
def hidden_folder(path: Path) -> Iterator[Path]:
    """Make a hidden folder beside `path`; delete it at the end unless it was renamed."""
    partial = _hidden(path)
    partial.mkdir(parents=True)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def sync_file(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk: a row may then name them."""
    with contextlib.suppress(OSError):  # some file systems cannot; they lose no more than before
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _hidden(path: Path) -> Path:
    """Name a hidden path: who writes (the process), and a number that no other machine uses."""
    writer = f"{os.getpid()}.{uuid.uuid4().int >> 80}"
    return path.with_name(f".{path.stem}.{writer}{path.suffix}")
