# SPDX-License-Identifier: Apache-2.0
"""Read-only SQL over the record, through DuckDB.

Each table appears as a view of the rows that are current (the whole history under `all_<table>`). Only one SELECT runs, with no
access to files, network, extensions or settings: people and pages may ask anything of the manifests and nothing of the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from manifests.errors import InputError, Problem
from manifests.rows import ROW_TYPES, Actor, Consent, Cue, Event, Line, ModelFile, Recording, Row, Shot, Take
from manifests.schema import arrow_schema, table_name
from manifests.store import Store

SNAPSHOTS: tuple[type[Row], ...] = (Line, Actor, Consent, Recording, Cue, Shot, ModelFile)
_SECONDS = 'start / 48000.0 AS start_seconds, "end" / 48000.0 AS end_seconds, ("end" - start) / 48000.0 AS seconds'
_EXTRA = {
    "shots": ", (end_frame - start_frame) * rate_den / rate_num::DOUBLE AS seconds",
    "takes": ", frames * rate_den / rate_num::DOUBLE AS seconds",
    "recordings": ", samples / 48000.0 AS seconds",
    "cues": f", {_SECONDS}",
    "turns": f", {_SECONDS}",
    "words": f", {_SECONDS}",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a query: column names and rows of plain values."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def query(store: Store, sql: str, parameters: Sequence[object] = ()) -> Answer:
    """Run one SELECT over the record. Raises InputError for anything else and for SQL that does not parse or bind."""
    with duckdb.connect(
        config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    ) as connection:
        _views(connection, store)
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        _only_select(connection, sql)
        try:
            cursor = connection.execute(sql, list(parameters))
            columns = tuple(column[0] for column in cursor.description or ())
            return Answer(columns, tuple(cursor.fetchall()))
        except duckdb.Error as error:
            raise _refused(str(error)) from error


def _only_select(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise _refused(str(error)) from error
    kinds = [statement.type.name for statement in statements]
    if kinds != ["SELECT"]:
        raise _refused("only one SELECT over the manifests is allowed", got=", ".join(kinds) or "nothing")


def _refused(message: str, *, got: str | None = None) -> InputError:
    known = ", ".join(sorted(table_name(kind) for kind in ROW_TYPES))
    return InputError(Problem(file="query", message=message, got=got, expected=f"a SELECT over {known}"))


def _views(connection: duckdb.DuckDBPyConnection, store: Store) -> None:
    kinds: list[type[Row]] = [Event, *(kind for kind in ROW_TYPES if kind is not Event)]  # the others look at events
    for kind in kinds:
        name = table_name(kind)
        dataset = store.dataset(kind)
        table = arrow_schema(kind).empty_table() if dataset is None else dataset
        connection.register(f"all_{name}", table)
        connection.execute(f"CREATE VIEW {name} AS {_current(kind, name)}")


def _current(kind: type[Row], name: str) -> str:
    columns = f"* EXCLUDE (schema_version, snapshot){_EXTRA.get(name, '')}"
    if kind in SNAPSHOTS:
        newest = f"SELECT arg_max(detail, happened_at) FROM all_events WHERE name = 'snapshot' AND subject = '{name}'"  # noqa: S608
        return f"SELECT {columns} FROM all_{name} WHERE snapshot = ({newest})"  # noqa: S608
    if kind is Take:
        newest = "row_number() OVER (PARTITION BY shot_id ORDER BY committed_at DESC) = 1"
        return f"SELECT {columns} FROM all_{name} QUALIFY {newest}"  # noqa: S608
    return f"SELECT {columns} FROM all_{name}"  # noqa: S608
