# SPDX-License-Identifier: Apache-2.0
"""Row filters: which rows are read, and which files of a table cannot hold any of them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import reduce

import pyarrow as pa
import pyarrow.dataset as ds

Value = str | int | Sequence[str]
"""A value that a field must equal, or several of which it must equal one."""

# Longer lists and texts are not compared with the statistics of files: they exclude next to none.
PRUNING_VALUES, PRUNING_LENGTH = 64, 60


def build_filter(equals: Mapping[str, Value], since: str = "") -> ds.Expression | None:
    """Build the filter of rows with these values, committed from `since` on; None for all rows."""
    terms = [_build_term(name, value) for name, value in equals.items()]
    if since:
        moment = pa.scalar(_parse_moment(since), pa.timestamp("us", tz="UTC"))
        terms.append(ds.field("committed_at") >= moment)
    return reduce(lambda a, b: a & b, terms) if terms else None


def build_file_predicate(equals: Mapping[str, Value], since: str = "") -> str | None:
    """Build the SQL that excludes files by the statistics in the log; None to exclude none."""
    terms = []
    for name, value in equals.items():
        values = value if isinstance(value, list | tuple) else [value]
        short = all(len(str(wanted)) <= PRUNING_LENGTH for wanted in values)
        if 0 < len(values) <= PRUNING_VALUES and short:
            terms.append(f"{name} IN ({', '.join(map(_quote, values))})")
    if since:  # statistics are cut to milliseconds
        early = _parse_moment(since) - datetime.timedelta(seconds=1)
        terms.append(f"committed_at >= '{early.isoformat()}'")
    return " AND ".join(terms) or None


def _build_term(name: str, value: Value) -> ds.Expression:
    column = ds.field(name)
    return column.isin(list(value)) if isinstance(value, list | tuple) else column == value


def _quote(value: str | int) -> str:
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def _parse_moment(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
