# SPDX-License-Identifier: Apache-2.0
"""`callsheet init`: a small production that renders as it is, to be replaced piece by piece."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from manifests.errors import InputError, Problem


def write_starter(folder: Path) -> list[Path]:
    """Copy the starter into a new or empty folder; returns what was written. Raises InputError when
    something is there.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            Problem(file=str(folder), message="this folder is not empty", expected="a new folder")
        )
    with as_file(files("pipeline.script") / "starter") as source:
        shutil.copytree(source, folder, dirs_exist_ok=True)
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
