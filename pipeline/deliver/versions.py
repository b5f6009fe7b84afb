# SPDX-License-Identifier: Apache-2.0
"""TODO."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from manifests.atomic_write import atomic_write, hidden_folder
from manifests.errors import ToolError

LATEST = "latest"


def version_number(name: str) -> int:
    """The number in a version's name.

    >>> version_number("v012")
    12
    """
    return int(name[1:])


def list_versions(deliverables: Path) -> list[str]:
    """The versions that stand, oldest first: folders named v001, v002 ..."""
    names = [entry.name for entry in deliverables.iterdir()] if deliverables.is_dir() else []
    return sorted((name for name in names if re.fullmatch(r"v\d{3,}", name)), key=version_number)


def next_version(deliverables: Path) -> str:
    """The name of the version to be made."""
    standing = list_versions(deliverables)
    return f"v{version_number(standing[-1]) + 1 if standing else 1:03}"


@contextmanager
def stage_version(deliverables: Path, version: str) -> Iterator[Path]:
    """A hidden folder to write a version into; it is removed unless `publish` has taken it."""
    with hidden_folder(deliverables / version) as folder:
        yield folder


def publish_version(staged: Path, deliverables: Path, version: str, *, latest: bool = True) -> Path:
    """Give the staged folder its version's name, then point `latest` at it (not when a check
    failed: `latest=False`).

    Raises ToolError when the version already stands.
    """
    final = deliverables / version
    if final.exists():
        raise ToolError(f"version {version} already stands and is never overwritten: {final}")
    staged.rename(final)
    if latest:
        point_latest(deliverables, version)
    return final


def point_latest(deliverables: Path, version: str) -> None:
    """Let `latest` lead to a version that stands, in one step."""
    with atomic_write(deliverables / LATEST) as pointer:
        pointer.symlink_to(version, target_is_directory=True)
