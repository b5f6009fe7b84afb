# SPDX-License-Identifier: Apache-2.0
"""The door to deltalake: append rows, read them back, keep the tables small.

Each row type is one Delta table (Parquet files and a transaction log) under the record's root.
Nothing is updated or deleted: rows are appended, and what is current is a view over them. Rows that
form a set (the lines of a script, the shots of a cut) are written as one snapshot whose id is the
digest of its rows; an event points at the current one, so going back to an earlier state writes no
row twice. Writers may work at once: conflicting commits are retried.
"""

from __future__ import annotations

import datetime
import logging
import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable, PostCommitHookProperties, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import PyFileSystem

from manifests.errors import ToolError
from manifests.identity import digest
from manifests.rows import Row, Shot, Take
from manifests.run_rows import Event
from manifests.schema import VERSIONS, arrow_schema, from_table, table_name, to_record

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Row)
Value = str | int | Sequence[str]
RETRIES = 12
NOTHING_MORE = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
HANDLE_COMMITS = 8  # with one opened table: its state is a list that grows with each
LASTING = (
    "no space left",
    "quota exceeded",
    "read-only file system",
    "permission denied",
    "not permitted",
)  # no use to try again
# decisions and pointers are few among what the farm says
PARTITIONS: dict[type[Row], list[str]] = {Event: ["name"]}
# columns of which the log keeps statistics, from the first one on; our own are the last
INDEXED = 32
# of columns that are asked for: a log with less in it is opened sooner
STATISTICS: dict[type[Row], list[str]] = {
    Event: ["subject", "run_id", "committed_at"],
    Shot: ["snapshot", "committed_at", "actor"],
    Take: ["shot_id", "run_id", "committed_at"],
}
PRUNING_VALUES, PRUNING_LENGTH = 64, 60
CHECKPOINT_COMMITS = 20  # to open a table, its last checkpoint is read, and the commits since then
LOG_KEPT = "interval 1 days"  # of commits before a checkpoint: a long night leaves thousands
REMOVED_HOURS = (
    # checkpoints name files that were joined into others for so long: a long night leaves tens of
    # thousands
    48
)
LOG: dict[str, str | None] = {
    "delta.logRetentionDuration": LOG_KEPT,
    "delta.deletedFileRetentionDuration": f"interval {REMOVED_HOURS} hours",
}


class Store:
    """The record of one production: Delta tables under `root` (a folder, or an object-storage URL
    with `options`).
    """

    def __init__(self, root: Path | str, *, options: dict[str, str] | None = None) -> None:
        """Nothing is created until the first append."""
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
        """The same record for one look that asks many questions: each table is opened once, and
        read as it stood then.
        """
        still = Store(self.root, options=self.options)
        still._opened = {}
        return still

    def append(self, rows: Sequence[Row], *, snapshot: str = "") -> None:
        """Commit rows of one type, all or none. Raises ToolError when the commit keeps failing."""
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
        """Commit rows that are a table of `arrow_schema(kind)` already, all or none. Raises
        ToolError when the commit keeps failing.
        """
        self._refuse_unwritable()

        def commit() -> None:
            with self._writing:
                standing, commits = self._caught_up(kind)
                write_deltalake(
                    self.table_uri(kind) if standing is None else standing,
                    table,
                    mode="append",
                    schema_mode="merge",
                    storage_options=self.options,
                    partition_by=PARTITIONS.get(kind) if standing is None else None,
                    configuration=_configuration(kind) if standing is None else None,
                    post_commithook_properties=NOTHING_MORE,
                )
                if standing is not None:
                    _shorten_log(standing)
                    if commits < HANDLE_COMMITS:
                        self._written[kind] = standing, commits + 1

        retry_commit(commit)

    def replace(self, kind: type[R], rows: Sequence[R]) -> str:
        """Make these rows the current set of their type; returns the snapshot's id. Writes only
        what is not there yet.
        """
        snapshot = digest([to_record(row) for row in rows])
        if self.current_snapshot(kind) == snapshot:
            return snapshot
        if rows and not self.has(kind, snapshot=snapshot):
            self.append(rows, snapshot=snapshot)
        self.append([new_event("snapshot", table_name(kind), actor="callsheet", detail=snapshot)])
        return snapshot

    def current_snapshot(self, kind: type[Row]) -> str | None:
        """The id of the current snapshot of a row type, None before the first."""
        pointed = self._pointed(kind)
        return pointed[-1] if pointed else None

    def former_snapshot(self, kind: type[Row]) -> str | None:
        """The id of the snapshot that was current before this one, None when there was no other."""
        pointed = self._pointed(kind)
        return next((snapshot for snapshot in reversed(pointed) if snapshot != pointed[-1]), None)

    def read_current(self, kind: type[R]) -> list[R]:
        """The rows of the current snapshot, in the order in which they were written."""
        snapshot = self.current_snapshot(kind)
        return [] if snapshot is None else self.read(kind, snapshot=snapshot)

    def read(self, kind: type[R], *, since: str = "", **equals: Value) -> list[R]:
        """All rows whose fields equal the given values (or are among them), oldest commit first;
        upgraded to today's type.

        `since`: only rows that were committed from then on (UTC, ISO 8601).
        """
        table = self._sorted(kind, equals, since=since)
        return [] if table is None else from_table(kind, table)

    def has(self, kind: type[Row], **equals: Value) -> bool:
        """Whether at least one such row is committed."""
        dataset = self._dataset(kind, equals)
        return dataset is not None and bool(
            dataset.head(1, columns=[], filter=_terms(equals)).num_rows
        )

    def find_rows(self, kind: type[R], column: str, keys: Iterable[str]) -> list[R]:
        """The rows whose `column` is among many keys. Newest files are looked into first, and no
        others once every key is found.
        """
        return [
            row
            for files, found in self._holding(kind, column, keys)
            for row in from_table(kind, files.to_table(filter=ds.field(column).isin(list(found))))
        ]

    def find_keys(self, kind: type[Row], column: str, keys: Iterable[str]) -> set[str]:
        """Those of many keys that stand in a column."""
        return {key for _, found in self._holding(kind, column, keys) for key in found}

    def read_newest(self, kind: type[R], count: int) -> list[R]:
        """About the last `count` rows (at least as many when there are, in whole files), newest
        files first.
        """
        rows: list[R] = []
        for files in self._newest_files(kind):
            rows += from_table(kind, files.to_table())
            if len(rows) >= count:
                break
        return rows

    def open_dataset(self, kind: type[Row], **equals: Value) -> ds.Dataset | None:
        """The table as an Arrow dataset for pandas, DuckDB and others; None when nothing was
        written yet.

        Files in which, by the log's statistics, no row has the given values are left out; rows
        still want filtering.
        """
        return self._dataset(kind, equals)

    def list_files(self, kind: type[Row], **equals: Value) -> list[str]:
        """The Parquet files of a table that may hold rows with the given values, newest version."""
        table = self._table(kind)
        uris = (
            []
            if table is None
            else list(table.file_uris(file_pruning_predicate=_predicate(equals, "")))
        )
        if not self.is_local:
            return uris
        # in the URIs it is percent-encoded, what stands behind it is not
        folder = Path(self.table_uri(kind))
        return [str(folder.absolute() / uri.rpartition(f"/{folder.name}/")[2]) for uri in uris]

    def count_small_files(self, kind: type[Row], limit: int) -> int:
        """How many files of a table are smaller than `limit` bytes."""
        table = self._table(kind)
        sizes = (
            []
            if table is None
            else pa.table(table.get_add_actions(flatten=True))["size_bytes"].to_pylist()
        )
        return sum(size < limit for size in sizes)

    def compact(
        self, kind: type[Row], *, file_bytes: int | None = None, vacuum_hours: int | None = None
    ) -> int:
        """Join small Parquet files up to `file_bytes`; with `vacuum_hours` also delete files that
        no version of the last hours needs.

        Files that the log does not name are among them (a writer that was killed left them, or they
        were joined long ago), unless `vacuum_hours` are more than the log remembers. Returns how
        many files were deleted. Readers keep the version that they opened; writers go on.
        """
        self._refuse_unwritable()

        def join() -> None:
            table = DeltaTable(self.table_uri(kind), storage_options=self.options)
            if not LOG.items() <= table.metadata().configuration.items():  # begun before 2026-11-22
                table.alter.set_table_properties({name: str(value) for name, value in LOG.items()})
            table.optimize.compact(target_size=file_bytes)
            table.create_checkpoint()
            table.cleanup_metadata()

        retry_commit(join)
        if vacuum_hours is None:
            return 0
        table = DeltaTable(self.table_uri(kind), storage_options=self.options)
        unnamed_too = vacuum_hours <= REMOVED_HOURS
        return len(
            table.vacuum(
                vacuum_hours, dry_run=False, enforce_retention_duration=False, full=unnamed_too
            )
        )

    def table_uri(self, kind: type[Row]) -> str:
        """Where the table of a row type lies."""
        return f"{self.root.rstrip('/')}/{table_name(kind)}"

    def _pointed(self, kind: type[Row]) -> list[str]:
        """The ids of all snapshots that were current, oldest first."""
        where = {"name": "snapshot", "subject": table_name(kind)}
        pointers = self._sorted(Event, where, columns=["happened_at", "detail"])
        found = [] if pointers is None else pointers.to_pylist()
        return [
            pointer["detail"]
            for pointer in sorted(found, key=lambda pointer: pointer["happened_at"])
        ]

    def _refuse_unwritable(self) -> None:
        """Say that nothing may be written here before deltalake tries, whose threads panic over it
        at length.
        """
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

    def _table(self, kind: type[Row]) -> DeltaTable | None:
        if self._opened is None:
            return self._newly_opened(kind)
        if kind not in self._opened:
            self._opened[kind] = self._newly_opened(kind)
        return self._opened[kind]

    def _caught_up(self, kind: type[Row]) -> tuple[DeltaTable | None, int]:
        """The table as we wrote it last, with what others committed since, and how often we did:
        opening it anew costs more the older it is, and so does going on with it for long.
        """
        # kept again when the commit succeeds
        standing, commits = self._written.pop(kind, (None, 0))
        if standing is None:
            return self._newly_opened(kind), 1
        standing.update_incremental()
        return standing, commits

    def _newly_opened(self, kind: type[Row]) -> DeltaTable | None:
        try:
            return DeltaTable(self.table_uri(kind), storage_options=self.options)
        except TableNotFoundError:
            return None

    def _dataset(
        self, kind: type[Row], equals: Mapping[str, Value], since: str = ""
    ) -> ds.Dataset | None:
        table = self._table(kind)
        return (
            None
            if table is None
            else table.to_pyarrow_dataset(file_pruning_predicate=_predicate(equals, since))
        )

    def _sorted(
        self,
        kind: type[Row],
        equals: Mapping[str, Value],
        *,
        since: str = "",
        columns: Sequence[str] | None = None,
    ) -> pa.Table | None:
        """The rows with the given values as a table, oldest commit first; None when nothing was
        written yet.
        """
        dataset = self._dataset(kind, equals, since)
        if dataset is None:
            return None
        wanted = None if columns is None else [*columns, "committed_at"]
        table = dataset.to_table(columns=wanted, filter=_terms(equals, since))
        return table.take(pc.sort_indices(table, [("committed_at", "ascending")]))

    def _newest_files(self, kind: type[Row]) -> Iterator[ds.Dataset]:
        """The table in parts of one, two, four ... files, newest first."""
        table = self._table(kind)
        if table is None:
            return
        added = pa.table(table.get_add_actions(flatten=True))
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

    def _holding(
        self, kind: type[Row], column: str, keys: Iterable[str]
    ) -> Iterator[tuple[ds.Dataset, set[str]]]:
        """Parts of the table and the keys that they hold, each key once, until all are found."""
        missing = set(keys)
        for files in self._newest_files(kind) if missing else ():
            wanted = ds.field(column).isin(list(missing))
            found = set(files.to_table(columns=[column], filter=wanted)[column].to_pylist())
            if found:
                yield files, found
            missing -= found
            if not missing:
                return


def new_event(name: str, subject: str, *, actor: str, run_id: str = "", detail: str = "") -> Event:
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


def retry_commit(commit: Callable[[], object]) -> None:
    """Commit again when another writer created or changed the table at the same moment.

    Raises ToolError when it keeps failing, and at once when there is no space left or nothing may
    be written: that does not pass by itself.
    """
    for attempt in range(RETRIES):
        try:
            commit()
            return
        except (DeltaError, OSError) as error:
            if attempt == RETRIES - 1 or any(words in str(error).lower() for words in LASTING):
                raise ToolError(f"the record could not be written: {error}") from error
            time.sleep(0.02 * 2**attempt * (0.5 + random.random()))  # noqa: S311 - so that two do not meet again


def _shorten_log(table: DeltaTable) -> None:
    """Now and then, after a commit: what fails here must not look like a commit that failed, which
    would be done again.
    """
    if table.version() % CHECKPOINT_COMMITS:
        return
    try:
        table.create_checkpoint()
        table.cleanup_metadata()
    except (DeltaError, OSError) as error:
        log.warning("the log of %s was not shortened: %s", table.table_uri, error)


def _configuration(kind: type[Row]) -> dict[str, str | None]:
    """Properties of a new table."""
    columns = STATISTICS.get(kind)
    return LOG | ({"delta.dataSkippingStatsColumns": ",".join(columns)} if columns else {})


def _terms(equals: Mapping[str, Value], since: str = "") -> ds.Expression | None:
    """What rows must fulfil."""
    terms = [_term(name, value) for name, value in equals.items()]
    if since:
        terms.append(
            ds.field("committed_at") >= pa.scalar(_moment(since), pa.timestamp("us", tz="UTC"))
        )
    return reduce(lambda a, b: a & b, terms) if terms else None


def _term(name: str, value: Value) -> ds.Expression:
    column = ds.field(name)
    return column.isin(list(value)) if isinstance(value, list | tuple) else column == value


def _predicate(equals: Mapping[str, Value], since: str) -> str | None:
    """The same for the log's statistics, as SQL; long lists and long texts prune nothing and are
    left out.
    """
    terms = []
    for name, value in equals.items():
        values = value if isinstance(value, list | tuple) else [value]
        if 0 < len(values) <= PRUNING_VALUES and all(
            len(str(one)) <= PRUNING_LENGTH for one in values
        ):
            terms.append(f"{name} IN ({', '.join(map(_literal, values))})")
    if since:
        early = _moment(since) - datetime.timedelta(seconds=1)  # statistics are cut to milliseconds
        terms.append(f"committed_at >= '{early.isoformat()}'")
    return " AND ".join(terms) or None


def _literal(value: str | int) -> str:
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def _moment(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
