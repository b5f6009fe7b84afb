# SPDX-License-Identifier: Apache-2.0
"""Keeping the record quick: join small files, delete those that nobody reads any more, without
stopping readers or writers.

Rows that come one by one (takes, events ...) leave a small file per commit; they are joined up to
`FILE_BYTES`, and not again, so that the work of a night does not grow with the age of the record.
Sets (the shots of a cut ...) are one file each and stay as they are: the log's statistics find a
set by its id as long as files hold one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from manifests.rows import Check, Cut, Deliverable, Event, Grade, Reject, Row, Run, Take
from manifests.schema import table_name
from manifests.store import Store

STREAMS: tuple[type[Row], ...] = (Take, Grade, Cut, Deliverable, Check, Reject, Run, Event)
FILE_BYTES = 16 * 1024**2
MANY_FILES = 64  # below this a table is quick as it is
KEEP_HOURS = 24  # a reader may have opened the record that long ago


@dataclass(frozen=True, slots=True, kw_only=True)
class TableUpkeep:
    """What was done for one table: files before and after, and files deleted from storage."""

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
    """Join and vacuum the tables with at least `many` files that are small. Writers at work are
    waited for, not stopped.

    Files that no version of the last `keep_hours` needs are deleted; a reader that opened the
    record before that may miss them.
    """
    done = []
    for kind in kinds:
        before = len(store.list_files(kind))
        if store.count_small_files(kind, FILE_BYTES // 2) < many:
            continue
        deleted = store.compact(kind, file_bytes=FILE_BYTES, vacuum_hours=keep_hours)
        done.append(
            TableUpkeep(
                table=table_name(kind), before=before, after=len(store.list_files(kind)), deleted=deleted
            )
        )
    return done
