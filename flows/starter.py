# SPDX-License-Identifier: Apache-2.0
"""Write the starter production of `callsheet init`, which renders unchanged."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from manifests.errors import InputError, Problem


def write_starter(folder: Path) -> list[Path]:
    """Copy the starter into a new or empty folder; returns the files written.

    Raises:
        InputError: The folder is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            Problem(file=str(folder), message="this folder is not empty", expected="a new folder")
        )
    with as_file(files("pipeline.script") / "starter") as source:
        shutil.copytree(source, folder, dirs_exist_ok=True)
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
