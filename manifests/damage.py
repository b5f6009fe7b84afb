# SPDX-License-Identifier: Apache-2.0
"""Tell damage of the record from other failures, and say in one sentence what to do."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from deltalake.exceptions import DeltaError, TableNotFoundError

from manifests import layout
from manifests.errors import ToolError

LOG = "_delta_log"
ASIDE = "damaged"  # beside the tables: damaged ones, by the moment of their repair
REBUILT = "rebuilt"  # beside the tables: what a repair writes
LONGEST_REASON = 120  # characters of what the library says
NOT_DAMAGE = ("permission denied", "no space left", "too many open files", "read-only file system")
NEWEST_ENTRIES = 25  # a few more than between two checkpoints
_NUMBER = re.compile(r"(\d{20})\..*")
_PANIC = "PanicException"  # of Rust code; Python has no name for it to import


class RecordError(ToolError):
    """A table of the record is damaged; `callsheet repair` restores what is left."""

    def __init__(self, table: str, root: str, reason: str) -> None:
        """Name the table, its version and the command. `root`: the folder of the record."""
        self.table, self.reason = table, reason
        version = find_version(Path(root) / table)
        at = f" at version {version}" if version is not None else ""
        super().__init__(
            f"the table {table} of the record is damaged{at} ({reason}); run "
            f"{name_command(Path(root))}"
        )


def name_command(root: Path) -> str:
    """Name the command that repairs the record in the folder `root`."""
    build = root.parent
    if build.name == layout.BUILD:
        return f"callsheet repair {shlex.quote(str(build.parent))}"
    return f"callsheet repair PRODUCTION --out {shlex.quote(str(build))}"


def find_version(table: Path) -> int | None:
    """Find the newest version that the log of a local table names; None without a log."""
    names = [path.name for path in (table / LOG).glob("*")] if table.is_dir() else []
    numbers = [int(found[1]) for found in map(_NUMBER.fullmatch, names) if found]
    return max(numbers, default=None)


def is_lost(table: Path) -> bool:
    """Tell whether a local table that cannot be found has been one: only its log is gone.

    One file without a log is what a writer leaves that was killed in its first commit, or that is
    at work; that is no damage.
    """
    if (table.parent / REBUILT / table.name).exists():
        return True  # a repair was killed
    if not table.is_dir():
        return False
    return len([path for path in table.rglob("*.parquet") if path.is_file()]) > 1


def check_log(table: Path) -> None:
    """Check that the newest entries of a local table's log are not empty: the library reads on.

    Raises ValueError.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(table / LOG))
    except OSError:
        return  # no table, which the library says better
    for name in names[-NEWEST_ENTRIES:]:
        if name.endswith(".json") and not (table / LOG / name).stat().st_size:
            raise ValueError(f"{name} is empty")


def check_sizes(table: Path, added: pa.Table) -> None:
    """Compare the sizes of a local table's files with its log (`get_add_actions`).

    Raises ValueError.
    """
    for name, size in zip(*(added[key].to_pylist() for key in ("path", "size_bytes")), strict=True):
        if (table / unquote(name)).stat().st_size != size:
            raise ValueError(f"{name} does not have the {size} bytes that were written")


@contextmanager
def report_damage(table: str, root: str) -> Iterator[None]:
    """Turn what libraries raise over a damaged local table into a RecordError.

    Raises ToolError when the table cannot be read for another reason, or lies elsewhere.
    """
    try:
        yield
    except (ToolError, TableNotFoundError):
        raise
    except BaseException as error:
        if not (
            isinstance(error, DeltaError | pa.ArrowException | OSError | ValueError | KeyError)
            or type(error).__name__ == _PANIC
        ):
            raise
        reason = _shorten(str(error) or type(error).__name__)
        if "://" in root or any(words in reason.lower() for words in NOT_DAMAGE):
            raise ToolError(f"the record cannot be read: {table}: {reason}") from error
        raise RecordError(table, root, reason) from error


def _shorten(text: str) -> str:
    line = " ".join(text.partition("0: <unknown>")[0].split())  # Rust's list of callers
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]} ..."
