# SPDX-License-Identifier: Apache-2.0
"""Workbooks are read and written."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.errors import InputError
from pipeline.script import spreadsheets
from tests.pipeline.script.test_tables import cells, numbered, texts

COLUMNS = ("one", "two", "three")


rows = st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=6)


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


@pytest.mark.proof
def test_an_episode_of_fifty_thousand_lines_is_read_and_blank_lines_end_it_too(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text("one,two,three\n" + "1,2,3\n" * 50_000)
    assert len(texts(path)) == 50_000
    path.write_text("one,two,three\n1,2,3\n" + "\n" * spreadsheets.MAXIMUM_ROWS)
    with pytest.raises(InputError, match="more than 60000 rows"):
        texts(path)
