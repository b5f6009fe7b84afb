# SPDX-License-Identifier: Apache-2.0
"""A full disk, told as one thing whoever met it first: the record, a rename, an encoder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flows.farm.ray_actor import classify_failure
from flows.project import Project
from manifests.errors import InputError, ToolError


class FullDiskError(ToolError):
    """There is no space left where a run writes. Not worth another try before somebody frees
    some.
    """


def is_full(error: Exception) -> bool:
    """Whether that is what an error is about, in whatever engine's words."""
    return isinstance(error, FullDiskError) or classify_failure(error) == "full"


@contextmanager
def full_disk_told(project: Project) -> Iterator[None]:
    """Raise FullDiskError for whatever fails in the block for want of space."""
    try:
        yield
    except (InputError, FullDiskError):
        raise
    except Exception as error:
        if not is_full(error):
            raise
        met = str(error).partition("\n")[0]
        told = f"no space left on the disk of {project.root} (or of temporary files); free some and render again: {met}"
        raise FullDiskError(told) from error
