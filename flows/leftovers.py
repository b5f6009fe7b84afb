# SPDX-License-Identifier: Apache-2.0
"""Remove half-written files of killed runs from a build folder.

The next run that holds the production removes them. Half-written files and folders have hidden
names (`manifests.atomic_write`, `pipeline.deliver.deliver.staging`). Takes and versions are written
under the lease only. Verbs without a lease (`plan`, `review`) also write other media, so those must
have been left alone for a while.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from manifests import layout

OURS = (layout.TAKES, layout.DELIVERABLES)  # written under the lease only
QUIET_SECONDS = 3600.0  # a writer that still works touches its file more often


def remove_leftovers(root: Path) -> None:
    """Remove half-written files; only for the holder of the lease on `root`."""
    for path in _find_leftovers(root):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _find_leftovers(root: Path) -> Iterator[Path]:
    """Find hidden files and folders that no writer uses any more."""
    for name in OURS:
        yield from _hidden(root / name)
    before = time.time() - QUIET_SECONDS
    for folder in layout.MEDIA_FOLDERS:
        for path in _hidden(root / folder.path):
            with contextlib.suppress(FileNotFoundError):  # its writer was ready just now
                if path.lstat().st_mtime < before:
                    yield path


def _hidden(folder: Path) -> list[Path]:
    return list(folder.glob(".*")) if folder.is_dir() else []
