# SPDX-License-Identifier: Apache-2.0
"""Resolve the file paths that a production names: each must lie inside the production folder.

Absolute paths, `..`, URLs, drives and links that lead outside are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from manifests.errors import find_nearest

# characters of a path, bytes of one name: more than file systems take
_LONGEST_PATH, _LONGEST_NAME = 1000, 255
# a protocol (https:, concat:), a drive, a share, somebody's home
_NO_PATH = re.compile(r"[\w+.,-]+:|\\|~")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableFile:
    """Why a named file cannot be used, in the words of a Problem."""

    message: str
    expected: str | None = None
    nearest: str | None = None


def resolve_inside(folder: Path, relative: str) -> Path:
    """Resolve a relative path inside `folder`; the file need not exist.

    Names that start with `-` are refused too: an engine would take them for options.

    Raises ValueError, with a reason for people, when the path leads out.
    """
    _check_form(relative)
    path = folder / PurePosixPath(relative)
    try:
        within = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:  # a link that leads to itself
        raise ValueError(f"{relative!r} is a link that leads nowhere") from error
    if not within:
        raise ValueError(f"{relative!r} is a link that leads outside the production folder")
    return path


def locate(folder: Path, relative: str) -> Path | UnusableFile:
    """Find the file that `relative` names inside `folder`, or say why it cannot be used."""
    try:
        path = resolve_inside(folder, relative)
    except ValueError as error:
        expected = "a relative path inside the production folder"
        return UnusableFile(message=str(error), expected=expected)
    if path.is_file():
        return path
    place = path.parent if path.parent.is_dir() else folder
    names = sorted(
        str(p.relative_to(folder)) for p in place.iterdir() if not p.name.startswith(".")
    )
    return UnusableFile(message=f"no such file {relative!r}", nearest=find_nearest(relative, names))


def _check_form(relative: str) -> None:
    pure = PurePosixPath(relative)
    if not relative.strip() or not pure.parts:
        raise ValueError("the path is empty")
    if len(relative) > _LONGEST_PATH or any(
        len(part.encode()) > _LONGEST_NAME for part in pure.parts
    ):
        raise ValueError(f"the path is too long ({len(relative)} characters)")
    if pure.is_absolute() or _NO_PATH.match(relative):
        raise ValueError(f"{relative!r} is not a path inside the production folder")
    if ".." in pure.parts:
        raise ValueError(f"{relative!r} leads outside the production folder")
    if any(part.startswith("-") for part in pure.parts):
        raise ValueError(f"{relative!r} starts with '-' and could be mistaken for an option")
    if any(ord(letter) < 32 for letter in relative):
        raise ValueError(f"{relative!r} contains a control character")
