# SPDX-License-Identifier: Apache-2.0
"""The door to deltalake: append rows, read them back, keep the tables small.

Each row type is one Delta table (Parquet files and a transaction log) under the record's root. Nothing is updated or deleted:
rows are appended, and what is current is a view over them. Rows that form a set (the lines of a script, the shots of a cut) are
written as one snapshot whose id is the digest of its rows; an event points at the current one, so going back to an earlier state
writes no row twice. Writers may work at once: conflicting commits are retried.
"""

from __future__ import annotations

import datetime
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from manifests.identity import digest
from manifests.rows import Event, Row
from manifests.schema import VERSIONS, arrow_schema, from_record, table_name, to_record

R = TypeVar("R", bound=Row)
RETRIES = 8


class Store:
    """The record of one production: Delta tables under `root` (a folder, or an object-storage URL with `options`)."""

    def __init__(self, root: Path | str, *, options: dict[str, str] | None = None) -> None:
        """Nothing is created until the first append."""
        self.root = str(root)
        self._options = options

    def append(self, rows: Sequence[Row], *, snapshot: str = "") -> None:
        """Commit rows of one type, all or none. Raises DeltaError when the commit keeps failing."""
        if not rows:
            return
        kind = type(rows[0])
        now = datetime.datetime.now(datetime.UTC)
        own = {"schema_version": VERSIONS[kind.__name__], "snapshot": snapshot, "committed_at": now}
        table = pa.Table.from_pylist([to_record(row) | own for row in rows], schema=arrow_schema(kind))
        self._commit(self.uri(kind), table)

    def replace(self, kind: type[R], rows: Sequence[R]) -> str:
        """Make these rows the current set of their type; returns the snapshot's id. Writes only what is not there yet."""
        snapshot = digest([to_record(row) for row in rows])
        if self.current(kind) == snapshot:
            return snapshot
        if rows and not self._dataset_rows(kind, {"snapshot": snapshot}, limit=1):
            self.append(rows, snapshot=snapshot)
        self.append([event("snapshot", table_name(kind), actor="callsheet", detail=snapshot)])
        return snapshot

    def current(self, kind: type[Row]) -> str | None:
        """The id of the current snapshot of a row type, None before the first."""
        pointers = self.rows(Event, name="snapshot", subject=table_name(kind))
        return max(pointers, key=lambda pointer: pointer.happened_at).detail if pointers else None

    def current_rows(self, kind: type[R]) -> list[R]:
        """The rows of the current snapshot, in the order in which they were written."""
        snapshot = self.current(kind)
        return [] if snapshot is None else self.rows(kind, snapshot=snapshot)

    def rows(self, kind: type[R], **equals: str | int | Sequence[str]) -> list[R]:
        """All rows whose fields equal the given values (or are among them), oldest commit first; upgraded to today's type."""
        return [from_record(kind, record) for record in self._dataset_rows(kind, equals)]

    def has(self, kind: type[Row], **equals: str | int | Sequence[str]) -> bool:
        """Whether at least one such row is committed."""
        return bool(self._dataset_rows(kind, equals, limit=1))

    def dataset(self, kind: type[Row]) -> ds.Dataset | None:
        """The table as an Arrow dataset for pandas, DuckDB and others; None when nothing was written yet."""
        try:
            return DeltaTable(self.uri(kind), storage_options=self._options).to_pyarrow_dataset()
        except TableNotFoundError:
            return None

    def compact(self, kind: type[Row], *, vacuum_hours: int | None = None) -> None:
        """Join small Parquet files; with `vacuum_hours` also delete files that no version of the last hours needs."""

        def join() -> None:
            DeltaTable(self.uri(kind), storage_options=self._options).optimize.compact()

        _retried(join)
        if vacuum_hours is not None:
            table = DeltaTable(self.uri(kind), storage_options=self._options)
            table.vacuum(vacuum_hours, dry_run=False, enforce_retention_duration=False)

    def uri(self, kind: type[Row]) -> str:
        """Where the table of a row type lies."""
        return f"{self.root.rstrip('/')}/{table_name(kind)}"

    def _commit(self, uri: str, table: pa.Table) -> None:
        options = self._options
        _retried(lambda: write_deltalake(uri, table, mode="append", schema_mode="merge", storage_options=options))

    def _dataset_rows(
        self,
        kind: type[Row],
        equals: Mapping[str, str | int | Sequence[str]],
        *,
        limit: int | None = None,
    ) -> list[dict[str, object]]:
        dataset = self.dataset(kind)
        if dataset is None:
            return []
        terms = [_term(name, value) for name, value in equals.items()]
        wanted = reduce(lambda a, b: a & b, terms) if terms else None
        if limit is not None:
            return list(dataset.head(limit, filter=wanted).to_pylist())
        table = dataset.to_table(filter=wanted)
        return list(table.take(pc.sort_indices(table, [("committed_at", "ascending")])).to_pylist())


def event(name: str, subject: str, *, actor: str, run_id: str = "", detail: str = "") -> Event:
    """A new event, stamped now."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
    return Event(
        event_id=uuid.uuid4().hex,
        happened_at=now,
        subject=subject,
        name=name,
        actor=actor,
        run_id=run_id,
        detail=detail,
    )


def _retried(commit: Callable[[], object]) -> None:
    """Commit again when another writer created or changed the table at the same moment. Raises DeltaError when it keeps failing."""
    for attempt in range(RETRIES):
        try:
            commit()
            return
        except (CommitFailedError, DeltaError):
            if attempt == RETRIES - 1:
                raise
            time.sleep(0.02 * 2**attempt)


def _term(name: str, value: str | int | Sequence[str]) -> ds.Expression:
    column = ds.field(name)
    return column.isin(list(value)) if isinstance(value, list | tuple) else column == value
