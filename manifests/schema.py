# SPDX-License-Identifier: Apache-2.0
"""Arrow schemas of the row types, their versions, and the upgrades of rows of older versions.

The schema of a row type is its fields plus three of ours: `schema_version`, `snapshot` (the set
that a row belongs to, "" for rows that stand alone) and `committed_at`. To change a row type: add
the field, raise its number in `VERSIONS`, add one function per step to `UPGRADES` (dict in, dict
out), and commit a fixture of the old version to `tests/data/schemas`.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from manifests.corpus_rows import CorpusClip, Judgement, Score
from manifests.delivery_rows import Check, Deliverable
from manifests.rows import (
    Actor,
    Consent,
    Cue,
    Cut,
    Grade,
    Line,
    Recording,
    Row,
    Shot,
    Take,
    Turn,
    Word,
)
from manifests.run_rows import Event, MediaFile, ModelFile, Reject, Run

R = TypeVar("R", bound=Row)
Record = dict[str, Any]

ROW_TYPES: tuple[type[Row], ...] = (
    Line,
    Actor,
    Consent,
    Recording,
    Turn,
    Word,
    Cue,
    Shot,
    Take,
    Grade,
    Cut,
    Deliverable,
    Check,
    Reject,
    Run,
    Event,
    ModelFile,
    MediaFile,
    CorpusClip,
    Judgement,
    Score,
)
"""All row types, in film order."""

VERSIONS: dict[str, int] = {kind.__name__: 1 for kind in ROW_TYPES}
UPGRADES: dict[tuple[str, int], Callable[[Record], Record]] = {}

OWN_FIELDS = (
    pa.field("schema_version", pa.int16(), nullable=False),
    pa.field("snapshot", pa.string(), nullable=False),
    pa.field("committed_at", pa.timestamp("us", tz="UTC"), nullable=False),
)
_ARROW = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def table_name(kind: type[Row]) -> str:
    """Name the table of a row type, in the plural and in snake case.

    >>> table_name(ModelFile), table_name(Shot)
    ('model_files', 'shots')
    """
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in kind.__name__).lstrip("_")
    return name + ("es" if name.endswith("s") else "s")


def arrow_schema(kind: type[Row]) -> pa.Schema:
    """Build the Arrow schema of a row type; only `X | None` fields are nullable."""
    hints = typing.get_type_hints(kind)
    return pa.schema(
        [*(_arrow_field(f.name, hints[f.name]) for f in _row_fields(kind)), *OWN_FIELDS]
    )


def to_record(row: Row) -> Record:
    """Convert a row to a plain dict, in field order."""
    return {field.name: getattr(row, field.name) for field in _row_fields(type(row))}


def from_record(kind: type[R], record: Record) -> R:
    """Read a row from a stored record of any version.

    Older records are upgraded step by step; fields added since then have their defaults.
    """
    version = record.get("schema_version", 1)
    name = kind.__name__
    if version > VERSIONS[name]:
        raise ValueError(
            f"{name} rows of version {version} were written by a newer Callsheet"
            f" (this one reads up to {VERSIONS[name]})"
        )
    for step in range(version, VERSIONS[name]):
        record = UPGRADES[name, step](record)
    needed, others = _FIELD_NAMES[kind]
    values = {name: record[name] for name in needed}
    for field in others:
        value = record.get(field)
        if value is not None:
            values[field] = value
    return kind(**values)


def from_table(kind: type[R], table: pa.Table) -> list[R]:
    """Read all rows of a stored table; column by column where all are of today's version.

    Raises ValueError when the rows are not of this type.
    """
    if pc.unique(table["schema_version"]).to_pylist() != [VERSIONS[kind.__name__]]:
        return [from_record(kind, record) for record in table.to_pylist()]
    needed, others = _FIELD_NAMES[kind]
    columns = {name: table[name].to_pylist() for name in needed}
    for name in needed:
        if table[name].null_count and not arrow_schema(kind).field(name).nullable:
            raise ValueError(f"rows without {name}")
    for name, default in others.items():
        if name in table.column_names:
            column = table[name].to_pylist()
            columns[name] = (
                column if default is None or None not in column else _fill_nulls(column, default)
            )
    return [
        kind(**dict(zip(columns, values, strict=True)))
        for values in zip(*columns.values(), strict=True)
    ]


def _fill_nulls(column: list[Any], default: object) -> list[Any]:
    return [default if value is None else value for value in column]


def _row_fields(kind: type[Row]) -> tuple[dataclasses.Field[Any], ...]:
    # all rows are dataclasses, their common base is not
    return dataclasses.fields(kind)  # type: ignore[arg-type]


def _arrow_field(name: str, hint: Any) -> pa.Field:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    (plain,) = (option for option in options if option is not types.NoneType)
    return pa.field(name, _ARROW[plain], nullable=types.NoneType in options)


def _split_fields(kind: type[Row]) -> tuple[list[str], dict[str, object]]:
    """Separate the fields without a default from those with one."""
    fields = _row_fields(kind)
    needed = [field.name for field in fields if field.default is dataclasses.MISSING]
    return needed, {
        field.name: field.default for field in fields if field.default is not dataclasses.MISSING
    }


_FIELD_NAMES = {kind: _split_fields(kind) for kind in ROW_TYPES}  # used for every row read
