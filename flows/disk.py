# SPDX-License-Identifier: Apache-2.0
"""Report a full disk as one error, whichever part met it: record, rename or encoder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flows.farm.ray_actor import classify_failure
from flows.project import Project
from manifests.errors import InputError, ToolError


class FullDiskError(ToolError):
    """No space is left where a run writes; retries do not help until space is freed."""


def is_disk_full(error: Exception) -> bool:
    """Tell whether an error means a full disk, in any engine's wording."""
    return isinstance(error, FullDiskError) or classify_failure(error) == "full"


@contextmanager
def detect_full_disk(project: Project) -> Iterator[None]:
    """Raise FullDiskError for any error in the block that means a full disk."""
    try:
        yield
    except (InputError, FullDiskError):
        raise
    except Exception as error:
        if not is_disk_full(error):
            raise
        cause = str(error).partition("\n")[0]
        place = f"the disk of {project.root} (or of temporary files)"
        message = f"no space left on {place}; free some and render again: {cause}"
        raise FullDiskError(message) from error
