# SPDX-License-Identifier: Apache-2.0
"""Queries: read-only SQL over the record through DuckDB, and the limits of that SQL.

Each table appears as a view of its current rows; `all_<table>` has the whole history. Only one
SELECT runs, without access to files, network, extensions or settings: people and pages may ask the
manifests anything, and the machine nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import duckdb

from manifests.errors import InputError, Problem
from manifests.plain_text import require_fit
from manifests.rows import Actor, Consent, Cue, Line, Recording, Row, Shot
from manifests.run_rows import ModelFile
from manifests.schema import ROW_TYPES, arrow_schema, table_name
from manifests.store import Store

SNAPSHOTS: tuple[type[Row], ...] = (Line, Actor, Consent, Recording, Cue, Shot, ModelFile)
MAX_ROWS = 1_000_000
MAX_BYTES = 256 * 1024**2  # of texts in an answer
MAX_SECONDS = 60.0
PART_ROWS = 4096
MEMORY = "2GB"
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "memory_limit": MEMORY,
    "temp_directory": "",  # nothing is written, not even what does not fit into memory
}
_SECONDS = (
    'start / 48000.0 AS start_seconds, "end" / 48000.0 AS end_seconds,'
    ' ("end" - start) / 48000.0 AS seconds'
)
_EXTRA = {
    "shots": ", (end_frame - start_frame) * rate_den / rate_num::DOUBLE AS seconds",
    "takes": ", frames * rate_den / rate_num::DOUBLE AS seconds",
    "recordings": ", samples / 48000.0 AS seconds",
    "cues": f", {_SECONDS}",
    "turns": f", {_SECONDS}",
    "words": f", {_SECONDS}",
}


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The result of a query: column names and rows of plain values."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def run_query(
    store: Store, sql: str, parameters: Sequence[object] = (), *, seconds: float = MAX_SECONDS
) -> QueryResult:
    """Run one SELECT over the record, for at most `seconds`.

    Raises InputError for anything else, for SQL that does not parse or bind, and for an answer that
    takes more time, more memory than `MEMORY`, or more than `MAX_ROWS` rows or `MAX_BYTES`, which
    nobody reads and no memory holds.
    """
    require_fit(sql, file="query")
    with duckdb.connect(config=CONFIG) as connection, ThreadPoolExecutor(1) as aside:
        asked = aside.submit(_answer, connection, store, sql, parameters)
        try:
            result = asked.result(timeout=seconds)
        except TimeoutError as error:
            raise _refuse(f"took more than {seconds:g} s", "less, or more --seconds") from error
        except duckdb.OutOfMemoryException as error:
            raise _refuse(f"needs more than {MEMORY} of memory", "less, or in parts") from error
        except duckdb.Error as error:
            for kind in _find_named_tables(sql):
                store.check_table(kind)
            raise _query_error(str(error)) from error
        finally:
            connection.interrupt()  # Ctrl-C too; DuckDB itself does not always notice it
    if len(result.rows) > MAX_ROWS:
        raise _refuse(f"returns more than {MAX_ROWS} rows", "count, group or limit them")
    return result


def _answer(
    connection: duckdb.DuckDBPyConnection, store: Store, sql: str, parameters: Sequence[object]
) -> QueryResult:
    _create_views(connection, store, sql)
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    _require_select(connection, sql)
    cursor = connection.execute(sql, list(parameters))
    columns = tuple(column[0] for column in cursor.description or ())
    rows, held = list[tuple[Any, ...]](), 0
    while len(rows) <= MAX_ROWS and (part := cursor.fetchmany(PART_ROWS)):
        rows += part
        held += sum(len(value) for row in part for value in row if isinstance(value, str | bytes))
        if held > MAX_BYTES:
            raise _refuse(f"returns more than {MAX_BYTES // 1024**2} MB", "fewer rows or columns")
    return QueryResult(columns, tuple(rows))


def _find_named_tables(sql: str) -> list[type[Row]]:
    return [kind for kind in ROW_TYPES if table_name(kind) in sql.casefold()]


def _require_select(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    kinds = [statement.type.name for statement in statements]
    if kinds != ["SELECT"]:
        raise _query_error("only one SELECT is allowed", got=", ".join(kinds) or "nothing")


def _query_error(message: str, *, got: str | None = None) -> InputError:
    known = ", ".join(sorted(table_name(kind) for kind in ROW_TYPES))
    return InputError(
        Problem(file="query", message=message, got=got, expected=f"a SELECT over {known}")
    )


def _refuse(what: str, expected: str) -> InputError:
    return InputError(Problem(file="query", message=f"the query {what}", expected=expected))


def _create_views(connection: duckdb.DuckDBPyConnection, store: Store, sql: str) -> None:
    """Create a view for every table that the SQL names; do not open the others."""
    asked, readable = sql.casefold(), list[str]()
    for kind in _find_named_tables(sql):
        name = table_name(kind)
        if f"all_{name}" in asked:
            readable += _create_view(connection, store, kind, name=f"all_{name}")
        readable += _create_current_view(connection, store, kind)
    connection.execute("SET allowed_paths = $paths", {"paths": readable})


def _create_current_view(
    connection: duckdb.DuckDBPyConnection, store: Store, kind: type[Row]
) -> list[str]:
    """Create the view of the current rows of a table; return the files that it reads."""
    name = table_name(kind)
    columns = f"* EXCLUDE (schema_version, snapshot){_EXTRA.get(name, '')}"
    snapshot = store.current_snapshot(kind) or "none" if kind in SNAPSHOTS else None
    files = _create_view(connection, store, kind, name=f"rows_of_{name}", snapshot=snapshot)
    where = "" if snapshot is None else f" WHERE snapshot = '{snapshot}'"
    connection.execute(f"CREATE VIEW {name} AS SELECT {columns} FROM rows_of_{name}{where}")  # noqa: S608
    return files


def _create_view(
    connection: duckdb.DuckDBPyConnection,
    store: Store,
    kind: type[Row],
    *,
    name: str,
    snapshot: str | None = None,
) -> list[str]:
    """Create a view of a table with today's columns; return the files that it reads.

    The files may have been written with other columns. DuckDB reads local Parquet itself, several
    times faster than through Arrow; on other storage Arrow is its only way in.
    """
    connection.register(f"none_of_{name}", arrow_schema(kind).empty_table())
    where = {} if snapshot is None else {"snapshot": snapshot}
    files = store.list_files(kind, **where) if store.is_local else []
    dataset = None if store.is_local else store.open_dataset(kind, **where)
    rows = f"SELECT * FROM none_of_{name}"  # noqa: S608
    if files:
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        options = "union_by_name = true, hive_partitioning = true, hive_types_autocast = false"
        rows += f" UNION ALL BY NAME SELECT * FROM read_parquet([{listed}], {options})"  # noqa: S608
    if dataset is not None:
        connection.register(f"arrow_of_{name}", dataset)
        rows += f" UNION ALL BY NAME SELECT * FROM arrow_of_{name}"  # noqa: S608
    columns = ", ".join(f'"{field.name}"' for field in arrow_schema(kind))
    connection.execute(f"CREATE VIEW {name} AS SELECT {columns} FROM ({rows})")  # noqa: S608
    return files
