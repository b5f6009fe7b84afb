# SPDX-License-Identifier: Apache-2.0
"""Versions: the folders v001, v002 ... of delivered files, each published whole or not at all.

Files are written into a hidden folder beside the versions, which is renamed once. A version is
never overwritten, and `latest` moves last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from manifests import layout
from manifests.atomic_write import atomic_write, hidden_folder
from manifests.errors import ToolError


def parse_version(name: str) -> int:
    """Parse the number in a version's name.

    >>> parse_version("v012")
    12
    """
    return int(name[1:])


def list_versions(deliverables: Path) -> list[str]:
    """List the versions that exist, oldest first: folders named v001, v002 ..."""
    names = [entry.name for entry in deliverables.iterdir()] if deliverables.is_dir() else []
    return sorted((name for name in names if re.fullmatch(r"v\d{3,}", name)), key=parse_version)


def name_next_version(deliverables: Path) -> str:
    """Name the next version."""
    standing = list_versions(deliverables)
    return f"v{parse_version(standing[-1]) + 1 if standing else 1:03}"


@contextmanager
def stage_version(deliverables: Path, version: str) -> Iterator[Path]:
    """Make a hidden folder for a version; remove it in the end unless `publish_version` took it."""
    with hidden_folder(deliverables / version) as folder:
        yield folder


def publish_version(staged: Path, deliverables: Path, version: str, *, latest: bool = True) -> Path:
    """Give the staged folder its version's name, then point `latest` at it.

    `latest=False` leaves `latest` alone, because a check failed. Raises ToolError when the version
    already exists.
    """
    final = deliverables / version
    if final.exists():
        raise ToolError(f"version {version} already exists and is never overwritten: {final}")
    staged.rename(final)
    if latest:
        point_latest(deliverables, version)
    return final


def point_latest(deliverables: Path, version: str) -> None:
    """Point `latest` at an existing version, atomically."""
    with atomic_write(deliverables / layout.LATEST) as pointer:
        pointer.symlink_to(version, target_is_directory=True)
