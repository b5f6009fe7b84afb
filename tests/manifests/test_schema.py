# SPDX-License-Identifier: Apache-2.0
"""Schemas: every row type survives the trip through Arrow, and rows of older versions are read for
ever."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests import schema
from manifests.rows import Row
from manifests.schema import ROW_TYPES
from manifests.store import Store

VALUES = {
    str: st.text(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
}


def some_row(kind: type[Row]) -> st.SearchStrategy[Row]:
    hints = typing.get_type_hints(kind)
    fields = {
        f.name: VALUES.get(hints[f.name], st.none() | st.floats(allow_nan=False))
        for f in dataclasses.fields(kind)
    }
    return st.builds(kind, **fields)


@given(st.sampled_from(ROW_TYPES).flatmap(some_row))
def test_every_row_survives_the_trip_through_arrow(row: Row) -> None:
    own = {"schema_version": 1, "snapshot": "", "committed_at": 0}
    table = pa.Table.from_pylist(
        [schema.to_record(row) | own], schema=schema.arrow_schema(type(row))
    )
    assert schema.from_record(type(row), table.to_pylist()[0]) == row


@pytest.mark.parametrize("kind", ROW_TYPES, ids=lambda kind: kind.__name__)
def test_a_fixture_of_every_schema_version_stays_readable(kind: type[Row]) -> None:
    for version in range(1, schema.VERSIONS[kind.__name__] + 1):
        root = Path(__file__).parents[1] / "data" / "schemas" / f"v{version}"
        assert len(Store(root).read(kind)) == 1


def test_rows_of_a_newer_callsheet_are_refused_by_name() -> None:
    with pytest.raises(
        ValueError, match="Line rows of version 99 were written by a newer Callsheet"
    ):
        schema.from_record(ROW_TYPES[0], {"schema_version": 99})
