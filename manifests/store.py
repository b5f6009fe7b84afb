# SPDX-License-Identifier: Apache-2.0
"""The store of the record: append rows to Delta tables and read them back.

Each row type is one Delta table (Parquet files and a transaction log) under the root of the record.
Rows are appended, never updated or deleted; the current state is a view over them. Rows that form a
set (the lines of a script, the shots of a cut) are written as one snapshot, whose id is the digest
of its rows. An event points to the current snapshot, so a return to an earlier state writes no row
twice. Several writers may work at once: conflicting commits are retried.
"""

from __future__ import annotations

import datetime
import functools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable, PostCommitHookProperties, write_deltalake
from deltalake.exceptions import TableNotFoundError
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import PyFileSystem

from manifests.damage import RecordError, check_log, check_sizes, is_lost, report_damage
from manifests.delta_log import (
    PARTITIONS,
    compact_table,
    configure_table,
    retry_commit,
    shorten_log,
    vacuum_table,
)
from manifests.errors import ToolError
from manifests.identity import digest
from manifests.row_filters import Value, build_file_predicate, build_filter
from manifests.rows import Row
from manifests.run_rows import Event, new_event
from manifests.schema import VERSIONS, arrow_schema, from_table, table_name, to_record

R = TypeVar("R", bound=Row)
Method = TypeVar("Method", bound=Callable[..., Any])
NOTHING_MORE = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
HANDLE_COMMITS = 8  # with one opened table: its state is a list that grows with each


def _report_damage(method: Method) -> Method:
    """Let a method that reads a table of a row type raise RecordError when it is damaged."""

    @functools.wraps(method)
    def guarded(store: Store, kind: type[Row], *arguments: Any, **named: Any) -> Any:
        with report_damage(table_name(kind), store.root):
            return method(store, kind, *arguments, **named)

    return cast(Method, guarded)


class Store:
    """The record of one production.

    Its Delta tables lie under `root`: a folder, or a URL of object storage with its `options`.
    """

    def __init__(self, root: Path | str, *, options: dict[str, str] | None = None) -> None:
        """Create nothing yet: the first append makes the folder."""
        self.root = str(root)
        self.options = options
        self._opened: dict[type[Row], DeltaTable | None] | None = None
        self._written: dict[type[Row], tuple[DeltaTable, int]] = {}
        self._writing = threading.Lock()

    @property
    def is_local(self) -> bool:
        """Whether the record lies in a folder of this machine."""
        return "://" not in self.root

    def pin_tables(self) -> Store:
        """Return the same record for many questions: each table is opened once and read as it was.

        Appending to it works as ever.
        """
        pinned = Store(self.root, options=self.options)
        pinned._opened = {}
        return pinned

    def append(self, rows: Sequence[Row], *, snapshot: str = "") -> None:
        """Commit rows of one type, all or none.

        Raises ToolError when the commit keeps failing.
        """
        if not rows:
            return
        kind = type(rows[0])
        now = datetime.datetime.now(datetime.UTC)
        own = {"schema_version": VERSIONS[kind.__name__], "snapshot": snapshot, "committed_at": now}
        self.append_table(
            kind,
            pa.Table.from_pylist([to_record(row) | own for row in rows], schema=arrow_schema(kind)),
        )

    def append_table(self, kind: type[Row], table: pa.Table) -> None:
        """Commit a table of `arrow_schema(kind)`, all of it or nothing.

        Raises ToolError when the commit keeps failing.
        """
        self._refuse_unwritable()

        def commit() -> None:
            with self._writing:
                opened, commits = self._reopen(kind)
                write_deltalake(
                    self.table_uri(kind) if opened is None else opened,
                    table,
                    mode="append",
                    schema_mode="merge",
                    storage_options=self.options,
                    partition_by=PARTITIONS.get(kind) if opened is None else None,
                    configuration=configure_table(kind) if opened is None else None,
                    post_commithook_properties=NOTHING_MORE,
                )
                if opened is not None:
                    shorten_log(opened)
                    if commits < HANDLE_COMMITS:
                        self._written[kind] = opened, commits + 1

        retry_commit(commit)

    def replace(self, kind: type[R], rows: Sequence[R]) -> str:
        """Make these rows the current set of their type; return the id of the snapshot.

        Writes only what is not there yet.
        """
        snapshot = digest([to_record(row) for row in rows])
        if self.current_snapshot(kind) == snapshot:
            return snapshot
        if rows and not self.has(kind, snapshot=snapshot):
            self.append(rows, snapshot=snapshot)
        self.append([new_event("snapshot", table_name(kind), actor="callsheet", detail=snapshot)])
        return snapshot

    def current_snapshot(self, kind: type[Row]) -> str | None:
        """Return the id of the current snapshot of a row type; None before the first."""
        snapshots = self._list_snapshots(kind)
        return snapshots[-1] if snapshots else None

    def former_snapshot(self, kind: type[Row]) -> str | None:
        """Return the id of the snapshot that was current before; None when there was no other."""
        snapshots = self._list_snapshots(kind)
        return next(
            (snapshot for snapshot in reversed(snapshots) if snapshot != snapshots[-1]), None
        )

    def read_current(self, kind: type[R]) -> list[R]:
        """Read the rows of the current snapshot, in the order in which they were written.

        Raises RecordError when none of them is left.
        """
        snapshot = self.current_snapshot(kind)
        rows = [] if snapshot is None else self.read(kind, snapshot=snapshot)
        if not rows and snapshot not in (None, digest([])):
            raise RecordError(table_name(kind), self.root, "the rows of the current set are gone")
        return rows

    @_report_damage
    def read(self, kind: type[R], *, since: str = "", **equals: Value) -> list[R]:
        """Read all rows with these values, oldest commit first, upgraded to today's type.

        A list or tuple matches any of its values. `since`: only rows that were committed from then
        on (UTC, ISO 8601).
        """
        table = self._read_table(kind, equals, since=since)
        return [] if table is None else from_table(kind, table)

    @_report_damage
    def has(self, kind: type[Row], **equals: Value) -> bool:
        """Tell whether at least one row with these values is committed."""
        dataset = self._open_dataset(kind, equals)
        return dataset is not None and bool(
            dataset.head(1, columns=[], filter=build_filter(equals)).num_rows
        )

    @_report_damage
    def find_rows(self, kind: type[R], column: str, keys: Iterable[str]) -> list[R]:
        """Find the rows whose `column` is among many keys.

        Reads the newest files first, and stops when every key is found.
        """
        return [
            row
            for files, found in self._iterate_holding_files(kind, column, keys)
            for row in from_table(kind, files.to_table(filter=ds.field(column).isin(list(found))))
        ]

    @_report_damage
    def find_keys(self, kind: type[Row], column: str, keys: Iterable[str]) -> set[str]:
        """Find those of many keys that a column holds."""
        return {
            key for _, found in self._iterate_holding_files(kind, column, keys) for key in found
        }

    @_report_damage
    def read_newest(self, kind: type[R], count: int) -> list[R]:
        """Read at least the last `count` rows: all rows of the newest files, newest files first."""
        rows: list[R] = []
        for files in self._iterate_newest_files(kind):
            rows += from_table(kind, files.to_table())
            if len(rows) >= count:
                break
        return rows

    @_report_damage
    def check_table(self, kind: type[Row]) -> None:
        """Read a whole table. Raises RecordError when it is damaged."""
        self._read_table(kind, {})

    @_report_damage
    def open_dataset(self, kind: type[Row], **equals: Value) -> ds.Dataset | None:
        """Open a table as an Arrow dataset for pandas, DuckDB and others; None before any row.

        Files without a row of these values, by the statistics in the log, are left out; the rows of
        the others are not filtered.
        """
        return self._open_dataset(kind, equals)

    @_report_damage
    def list_files(self, kind: type[Row], **equals: Value) -> list[str]:
        """List the Parquet files of a table that may hold rows with these values."""
        table = self._get_table(kind)
        if table is None:
            return []
        uris = list(table.file_uris(file_pruning_predicate=build_file_predicate(equals)))
        if not self.is_local:
            return uris
        # the folder is percent-encoded in the URIs, the rest is not
        folder = Path(self.table_uri(kind))
        check_sizes(folder, pa.table(table.get_add_actions(flatten=True)))
        return [str(folder.absolute() / uri.rpartition(f"/{folder.name}/")[2]) for uri in uris]

    @_report_damage
    def count_small_files(self, kind: type[Row], limit: int) -> int:
        """Count the files of a table that are smaller than `limit` bytes."""
        table = self._get_table(kind)
        sizes = (
            []
            if table is None
            else pa.table(table.get_add_actions(flatten=True))["size_bytes"].to_pylist()
        )
        return sum(size < limit for size in sizes)

    def compact(
        self, kind: type[Row], *, file_bytes: int | None = None, vacuum_hours: int | None = None
    ) -> int:
        """Join small Parquet files up to `file_bytes`; return how many files were deleted.

        With `vacuum_hours`, the files that no version of these hours needs are deleted too. Readers
        keep the version that they opened; writers go on.
        """
        self._refuse_unwritable()
        self._open_table(kind)
        retry_commit(lambda: compact_table(self._load_table(kind), file_bytes))
        return 0 if vacuum_hours is None else vacuum_table(self._load_table(kind), vacuum_hours)

    def table_uri(self, kind: type[Row]) -> str:
        """Return where the table of a row type lies."""
        return f"{self.root.rstrip('/')}/{table_name(kind)}"

    def _list_snapshots(self, kind: type[Row]) -> list[str]:
        """List the ids of all snapshots that were current, oldest first."""
        where = {"name": "snapshot", "subject": table_name(kind)}
        with report_damage(table_name(Event), self.root):
            pointers = self._read_table(Event, where, columns=["happened_at", "detail"])
        found = [] if pointers is None else pointers.to_pylist()
        return [
            pointer["detail"]
            for pointer in sorted(found, key=lambda pointer: pointer["happened_at"])
        ]

    def _refuse_unwritable(self) -> None:
        """Raise a ToolError when the folder cannot be written, before deltalake panics over it."""
        if not self.is_local:
            return
        place = next(
            place
            for place in (Path(self.root), *Path(self.root).absolute().parents)
            if place.exists()
        )
        if not os.access(place, os.W_OK | os.X_OK):
            raise ToolError(
                f"the record cannot be written: {place} is read-only, another user's, or no folder"
            )

    def _get_table(self, kind: type[Row]) -> DeltaTable | None:
        if self._opened is None:
            return self._open_table(kind)
        if kind not in self._opened:
            self._opened[kind] = self._open_table(kind)
        return self._opened[kind]

    def _reopen(self, kind: type[Row]) -> tuple[DeltaTable | None, int]:
        """Take up the table that we wrote last, and how many commits it has seen.

        To open it anew costs more the older the table is; to keep it costs more with each commit.
        """
        opened, commits = self._written.pop(kind, (None, 0))  # put back when the commit succeeds
        if opened is None:
            return self._open_table(kind), 1
        opened.update_incremental()
        return opened, commits

    def _open_table(self, kind: type[Row]) -> DeltaTable | None:
        with report_damage(table_name(kind), self.root):
            try:
                if self.is_local:
                    check_log(Path(self.table_uri(kind)))
                return self._load_table(kind)
            except TableNotFoundError:
                if self.is_local and is_lost(Path(self.table_uri(kind))):
                    reason = "its log is missing or empty"
                    raise RecordError(table_name(kind), self.root, reason) from None
                return None

    def _load_table(self, kind: type[Row]) -> DeltaTable:
        return DeltaTable(self.table_uri(kind), storage_options=self.options)

    def _open_dataset(
        self, kind: type[Row], equals: Mapping[str, Value], since: str = ""
    ) -> ds.Dataset | None:
        table = self._get_table(kind)
        if table is None:
            return None
        predicate = build_file_predicate(equals, since)
        return table.to_pyarrow_dataset(file_pruning_predicate=predicate)

    def _read_table(
        self,
        kind: type[Row],
        equals: Mapping[str, Value],
        *,
        since: str = "",
        columns: Sequence[str] | None = None,
    ) -> pa.Table | None:
        """Read the rows with these values as a table, oldest commit first; None before any row."""
        dataset = self._open_dataset(kind, equals, since)
        if dataset is None:
            return None
        wanted = None if columns is None else [*columns, "committed_at"]
        table = dataset.to_table(columns=wanted, filter=build_filter(equals, since))
        return table.take(pc.sort_indices(table, [("committed_at", "ascending")]))

    def _iterate_newest_files(self, kind: type[Row]) -> Iterator[ds.Dataset]:
        """Iterate over a table in parts of one, two, four ... files, newest first."""
        table = self._get_table(kind)
        if table is None:
            return
        added = pa.table(table.get_add_actions(flatten=True))
        if self.is_local:
            check_sizes(Path(self.table_uri(kind)), added)
        order = (
            pc.sort_indices(added, [("max.committed_at", "descending")])
            if "max.committed_at" in added.schema.names
            else None
        )
        paths = (added if order is None else added.take(order))["path"].to_pylist()
        filesystem = PyFileSystem(DeltaStorageHandler(table.table_uri, self.options))
        schema = pa.schema(table.schema().to_arrow())
        count = 1
        while paths:
            part, paths = paths[:count], paths[count:]
            yield ds.dataset(part, schema=schema, format="parquet", filesystem=filesystem)
            count *= 2

    def _iterate_holding_files(
        self, kind: type[Row], column: str, keys: Iterable[str]
    ) -> Iterator[tuple[ds.Dataset, set[str]]]:
        """Iterate over the parts of a table with the keys that they hold, until all are found."""
        missing = set(keys)
        for files in self._iterate_newest_files(kind) if missing else ():
            wanted = ds.field(column).isin(list(missing))
            found = set(files.to_table(columns=[column], filter=wanted)[column].to_pylist())
            if found:
                yield files, found
            missing -= found
            if not missing:
                return
