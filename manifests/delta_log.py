# SPDX-License-Identifier: Apache-2.0
"""The transaction log of a Delta table: its settings, retried commits, and checkpoints.

To open a table, its last checkpoint is read and the commits since then. So checkpoints are written
often, and commits before a checkpoint are forgotten after a day.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from manifests.errors import ToolError
from manifests.rows import Row, Shot, Take
from manifests.run_rows import Event

log = logging.getLogger(__name__)

RETRIES = 12
LASTING = (  # no use to try again
    "no space left",
    "quota exceeded",
    "read-only file system",
    "permission denied",
    "not permitted",
)
# Decisions and pointers to snapshots are few among the events of the farm.
PARTITIONS: dict[type[Row], list[str]] = {Event: ["name"]}
# Columns of larger tables that filters name. A log with fewer statistics is opened faster.
STATISTICS: dict[type[Row], list[str]] = {
    Event: ["subject", "run_id", "committed_at"],
    Shot: ["snapshot", "committed_at", "actor"],
    Take: ["shot_id", "run_id", "committed_at"],
}
CHECKPOINT_COMMITS = 20
LOG_KEPT = "interval 1 days"  # of commits before a checkpoint: a long night leaves thousands
# Checkpoints name files that were joined into others for so long: a long night leaves tens of
# thousands.
REMOVED_HOURS = 48
LOG: dict[str, str | None] = {
    "delta.logRetentionDuration": LOG_KEPT,
    "delta.deletedFileRetentionDuration": f"interval {REMOVED_HOURS} hours",
}


def configure_table(kind: type[Row]) -> dict[str, str | None]:
    """Return the properties of a new table."""
    columns = STATISTICS.get(kind)
    return LOG | ({"delta.dataSkippingStatsColumns": ",".join(columns)} if columns else {})


def retry_commit(commit: Callable[[], object]) -> None:
    """Commit again when another writer created or changed the table at the same moment.

    Raises ToolError when it keeps failing, and at once when there is no space left or nothing may
    be written: that does not pass by itself.
    """
    patience = Retrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_attempt(RETRIES),
        wait=wait_random_exponential(multiplier=0.02),  # so that two writers do not meet again
        reraise=True,
    )
    try:
        patience(commit)
    except (DeltaError, OSError) as error:
        raise ToolError(f"the record could not be written: {error}") from error


def _may_pass(error: BaseException) -> bool:
    """Tell whether a failed commit may succeed when it is tried again."""
    lasting = any(words in str(error).lower() for words in LASTING)
    return isinstance(error, DeltaError | OSError) and not lasting


def shorten_log(table: DeltaTable) -> None:
    """Write a checkpoint and drop old commits, after every `CHECKPOINT_COMMITS` commits.

    A failure is only logged: it must not look like a failed commit, which would be done again.
    """
    if table.version() % CHECKPOINT_COMMITS:
        return
    try:
        table.create_checkpoint()
        table.cleanup_metadata()
    except (DeltaError, OSError) as error:
        log.warning("the log of %s could not be shortened: %s", table.table_uri, error)


def compact_table(table: DeltaTable, file_bytes: int | None) -> None:
    """Join the small files of a table up to `file_bytes`, then write a checkpoint."""
    if not LOG.items() <= table.metadata().configuration.items():  # made before 2026-11-22
        table.alter.set_table_properties({name: str(value) for name, value in LOG.items()})
    table.optimize.compact(target_size=file_bytes)
    table.create_checkpoint()
    table.cleanup_metadata()


def vacuum_table(table: DeltaTable, hours: int) -> int:
    """Delete the files that no version of the last `hours` needs; return how many.

    Files that the log does not name are deleted too (a killed writer left them, or they were joined
    long ago), unless `hours` is more than the log remembers.
    """
    unnamed = hours <= REMOVED_HOURS
    return len(table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=unnamed))
