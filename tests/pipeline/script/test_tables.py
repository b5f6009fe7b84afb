# SPDX-License-Identifier: Apache-2.0
"""Sheets are read as the text that stands in them, whatever a spreadsheet or a script would make of
it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.errors import InputError
from pipeline.script import spreadsheets, tables

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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(rows)
def test_what_is_written_to_a_workbook_is_read_back(
    tmp_path: Path, written: list[tuple[str, str, str]]
) -> None:
    book = openpyxl.Workbook()
    for number, row in enumerate([COLUMNS, *written], start=1):
        for column, text in enumerate(row, start=1):
            cell = book.active.cell(number, column, text or None)
            # a text, though it looks like a formula or an error
            cell.data_type = "s" if text else "n"
    path = tmp_path / "sheet.xlsx"
    book.save(path)
    if any(map(any, written)):
        assert texts(path) == numbered(written)
    else:
        with pytest.raises(InputError, match="the sheet is empty"):
            texts(path)


def test_numbers_of_a_workbook_are_the_shortest_text(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(COLUMNS)
    book.active.append([7, 2.5, True])
    book.save(tmp_path / "sheet.xlsx")
    assert texts(tmp_path / "sheet.xlsx") == [(2, ("7", "2.5", "True"))]


@pytest.mark.parametrize(
    "far", [f"A{spreadsheets.MAXIMUM_ROWS + 1}", f"KA{spreadsheets.MAXIMUM_ROWS}", "AAA1"]
)
def test_a_workbook_that_spans_too_much_is_refused_before_it_is_opened(
    tmp_path: Path, far: str
) -> None:
    book = openpyxl.Workbook()
    book.active.append(COLUMNS)
    book.active[far] = "x"
    book.save(tmp_path / "sheet.xlsx")
    with pytest.raises(InputError, match=f"cell {far} is out of range"):
        texts(tmp_path / "sheet.xlsx")


def test_an_episode_of_fifty_thousand_lines_is_read_and_blank_lines_end_it_too(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text("one,two,three\n" + "1,2,3\n" * 50_000)
    assert len(texts(path)) == 50_000
    path.write_text("one,two,three\n1,2,3\n" + "\n" * spreadsheets.MAXIMUM_ROWS)
    with pytest.raises(InputError, match="more than 60000 rows"):
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


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("- one: &a x\n  two: *a\n", "line 1: YAML anchors and aliases are not accepted"),
        ("- *nobody\n", "line 1: YAML anchors and aliases are not accepted"),
        ("- {one: 1, one: 2, two: 3, three: 4}\n", "line 1, column one: this column appears twice"),
        (
            "- one: {deep: 1}\n  two: 2\n  three: 3\n",
            "line 1, column one: this value is neither text nor a list of texts",
        ),
        ("- x\n", "line 1: this item is not a row"),
        ("[" * 100_000, "line 1: nested too deep"),
        ("one: [\n", "line 2: not valid YAML"),
        ("a: 1\nb: 2\n", "no rows"),
        ("---\n- {one: 1}\n---\n- {one: 2}\n", "not valid YAML"),
        ("- one: \x07\n", "not valid YAML"),
        ("", "no rows"),
    ],
)
def test_a_broken_yaml_is_refused_with_its_place(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "sheet.yaml"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        texts(path)
    assert says in str(caught.value)


def test_a_file_of_another_kind_is_no_sheet(tmp_path: Path) -> None:
    (tmp_path / "sheet.ods").touch()
    with pytest.raises(InputError, match=r"sheet\.ods: not a supported sheet format"):
        texts(tmp_path / "sheet.ods")
    with pytest.raises(InputError, match=r"sheet\.odt: no such file; did you mean 'sheet\.ods'\?"):
        texts(tmp_path / "sheet.odt")
