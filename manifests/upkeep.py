# SPDX-License-Identifier: Apache-2.0
"""Upkeep of the record: join small files and delete unused ones, while others read and write.

Rows that come one by one (takes, events ...) leave a small file per commit. They are joined up to
`FILE_BYTES`, and not again, so that the work of a night does not grow with the age of the record.
Sets (the shots of a cut ...) are one file each and stay as they are: the statistics in the log find
a set by its id as long as each file holds only one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from manifests.delivery_rows import Check, Deliverable
from manifests.rows import Cut, Grade, Row, Take
from manifests.run_rows import Event, Reject, Run
from manifests.schema import table_name
from manifests.store import Store

STREAMS: tuple[type[Row], ...] = (Take, Grade, Cut, Deliverable, Check, Reject, Run, Event)
FILE_BYTES = 16 * 1024**2
MANY_FILES = 64  # below this a table is quick as it is
KEEP_HOURS = 24  # a reader may have opened the record that long ago


@dataclass(frozen=True, slots=True, kw_only=True)
class TableUpkeep:
    """The upkeep of one table: files before and after, and files deleted from storage."""

    table: str
    before: int
    after: int
    deleted: int


def maintain_tables(
    store: Store,
    *,
    kinds: Sequence[type[Row]] = STREAMS,
    many: int = MANY_FILES,
    keep_hours: int = KEEP_HOURS,
) -> list[TableUpkeep]:
    """Join and vacuum the tables that have at least `many` small files.

    Writers go on meanwhile. Files that no version of the last `keep_hours` needs are deleted; a
    reader that opened the record before that may miss them.
    """
    done = []
    for kind in kinds:
        before = len(store.list_files(kind))
        if store.count_small_files(kind, FILE_BYTES // 2) < many:
            continue
        deleted = store.compact(kind, file_bytes=FILE_BYTES, vacuum_hours=keep_hours)
        done.append(
            TableUpkeep(
                table=table_name(kind),
                before=before,
                after=len(store.list_files(kind)),
                deleted=deleted,
            )
        )
    return done
