# SPDX-License-Identifier: Apache-2.0
"""Sheets are read as the text that stands in them, whatever a spreadsheet or a script would make of
it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.errors import InputError
from pipeline.script import tables

COLUMNS = ("one", "two", "three")
dangerous = st.sampled_from(
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "NA",
        "null",
        "nan",
        "",
        "True",
        "007",
        "1e5",
        "2026-01-01",
        "'x",
        "#N/A",
    ]
)
cells = st.one_of(
    dangerous, st.text(st.characters(exclude_categories=["C"]), max_size=12).map(str.strip)
)
rows = st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=6)


def texts(path: Path) -> list[tuple[int, tuple[str, ...]]]:
    table = tables.read(path, needed=COLUMNS, known=COLUMNS)
    return [
        (record.number, tuple(record[column] for column in COLUMNS)) for record in table.records
    ]


def numbered(written: list[tuple[str, str, str]]) -> list[tuple[int, tuple[str, ...]]]:
    """What should be read: the rows that are not empty, the first under the header being row 2."""
    return [(number, row) for number, row in enumerate(written, start=2) if any(row)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows,
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
)
def test_what_is_written_to_a_csv_is_read_back(
    tmp_path: Path, written: list[tuple[str, str, str]], separator: str, newline: str, mark: str
) -> None:
    stream = io.StringIO()
    csv.writer(
        stream, delimiter=separator, lineterminator=newline, quoting=csv.QUOTE_ALL
    ).writerows([COLUMNS, *written])
    path = tmp_path / "sheet.csv"
    path.write_bytes((mark + stream.getvalue()).encode())
    if any(map(any, written)):
        assert texts(path) == numbered(written)
    else:
        with pytest.raises(InputError, match="the sheet is empty"):
            texts(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"one,two,three\n1,2,\xff\n", "line 2: this is not UTF-8 text"),
        ("one,two,three\n1,2,3\n".encode("utf-16"), "line 1: this is not UTF-8 text"),
        (
            b"one,two,three\n1,2,\0\n",
            "line 2: this is not a text file: it contains a NUL character",
        ),
        (b"one,two,three\n" + b"1," * 80 + b"\n", "row 2: this row cannot be read"),
        (b'one,two,three\n1,"2,3\n', "row 2: a quotation mark"),
        (
            b"one,two,three,\n1,2,3,4\n",
            "row 2: this row has more cells than the header, which has 3 columns",
        ),
        (b"one,,two,three\n1,x,2,3\n", "column (no name): unknown column"),
        (b"one,two,three\n" + b"1,2,3\n" * 60_000, "more than 60000 rows"),
        (b"x" * (17 << 20), "at most 16 MB"),
    ],
)
def test_a_broken_csv_is_refused_with_its_place(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "sheet.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        texts(path)
    assert says in str(caught.value)


def test_a_file_of_another_kind_is_no_sheet(tmp_path: Path) -> None:
    (tmp_path / "sheet.ods").touch()
    with pytest.raises(InputError, match=r"sheet\.ods: not a supported sheet format"):
        texts(tmp_path / "sheet.ods")
    with pytest.raises(InputError, match=r"sheet\.odt: no such file; did you mean 'sheet\.ods'\?"):
        texts(tmp_path / "sheet.odt")
