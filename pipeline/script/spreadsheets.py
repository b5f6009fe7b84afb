# SPDX-License-Identifier: Apache-2.0
"""Read CSV files and XLSX workbooks to rows of text. The door to pandas and python-calamine.

Nothing is converted, evaluated or fetched: a formula in a CSV file stays its own characters, and
one in a workbook is the value that the spreadsheet last showed. Archives that unpack to gigabytes
and cells far outside any sheet are refused before they are read.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from manifests.errors import InputError, Problem
from pipeline.script.column_names import normalize_column
from pipeline.script.text_files import read_text

MAXIMUM_UNPACKED_BYTES = 128 << 20  # a workbook is a zip archive; this bounds what it may unpack to
MAXIMUM_ROWS = 60_000  # with header and empty rows: an episode has at most about 50,000 lines
MAXIMUM_COLUMNS = 64
# cells of the rectangle that a workbook spans: 8 bytes each are taken even where it is empty
MAXIMUM_AREA = 14_000_000
# in a worksheet's XML: <c r="B12">
_CELL_NAME = re.compile(rb"""\br\s*=\s*["']([A-Za-z]+)(\d+)["']""")
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<separator>[,;\t|])"?(?=\r?\n)', re.IGNORECASE)
_MIDNIGHT = " 00:00:00"  # what a workbook's date looks like once it is text

Grid = list[tuple[int, list[str]]]
"""Rows that are not empty, the header first: the row's number as a spreadsheet shows it, and its
cells."""


def read_csv_grid(path: Path, file: str) -> Grid:
    """Read a CSV file separated by commas, semicolons or tabs.

    Raises InputError that names the row which cannot be read.
    """
    text = read_text(path, file)
    if not text.strip():
        raise InputError(describe_empty_sheet(file))
    text, separator = _find_separator(text)
    header = (text.lstrip() or ",").splitlines()[0]
    separator = separator or max(",;\t", key=header.count)
    if header.count(separator) >= MAXIMUM_COLUMNS:
        got = f"{header.count(separator) + 1}"
        raise InputError(
            Problem(file=file, row=1, message=f"more than {MAXIMUM_COLUMNS} columns", got=got)
        )
    frame = _read_csv(text, separator, file)
    if len(frame) > MAXIMUM_ROWS:  # the rest was not read
        raise InputError(Problem(file=file, message=f"more than {MAXIMUM_ROWS} rows"))
    return _to_grid(frame)


def read_workbook_grid(path: Path, file: str, needed: Sequence[str]) -> Grid:
    """Read the first visible worksheet of a workbook that has the `needed` columns.

    Cells that are merged over several rows appear in each of them. Raises InputError for a file
    that is no workbook, or one that unpacks to too much.
    """
    import pandas as pd
    from python_calamine import CalamineError

    _check_archive(path, file)
    try:
        with pd.ExcelFile(path, engine="calamine") as book:
            name = _choose_worksheet(book.book, needed)
            frame = pd.read_excel(
                book,
                sheet_name=name,
                header=None,
                dtype=str,
                keep_default_na=False,
                na_filter=False,
            )
            merged = book.book.get_sheet_by_name(name).merged_cell_ranges or []
    except (CalamineError, ValueError, OSError) as error:
        raise InputError(_describe_bad_workbook(file, error)) from error
    grid = _to_grid(frame)
    _fill_merged_cells(grid, merged)
    return grid


def describe_empty_sheet(file: str) -> Problem:
    """Build the problem of a sheet without rows."""
    expected = "a header and at least one row"
    return Problem(file=file, message="the sheet is empty", expected=expected)


# CSV


def _find_separator(text: str) -> tuple[str, str]:
    """Split off a `sep=;` line, which Excel writes, and return the text and the separator or "".

    The line's place stays, so that rows keep their numbers.
    """
    found = _SEPARATOR_LINE.match(text)
    if not found:
        return text, ""
    return text[: found.start()] + text[found.end() :], found["separator"]


def _read_csv(text: str, separator: str, file: str) -> Any:
    import pandas as pd

    try:
        return pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,
            names=range(MAXIMUM_COLUMNS),
            dtype=str,
            keep_default_na=False,
            na_filter=False,
            skip_blank_lines=False,
            index_col=False,
            engine="c",
            nrows=MAXIMUM_ROWS + 1,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(_describe_bad_csv(str(error), file)) from error


def _describe_bad_csv(message: str, file: str) -> Problem:
    if found := re.search(r"EOF inside string starting at row (\d+)", message):
        unclosed = 'a quotation mark (") is opened here and never closed'
        return Problem(file=file, row=int(found[1]) + 1, message=unclosed)
    found = re.search(r"in line (\d+), saw (\d+)", message)
    row = int(found[1]) if found else None
    return Problem(file=file, row=row, message=f"this row cannot be read: {message.strip()}")


# Workbooks


def _choose_worksheet(book: Any, needed: Sequence[str]) -> str:
    """Choose the first visible worksheet that has the columns, else the first visible one."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    worksheets = [sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    visible = [sheet.name for sheet in worksheets if sheet.visible == SheetVisibleEnum.Visible]
    names: list[str] = visible or [sheet.name for sheet in worksheets] or list(book.sheet_names)
    fitting = (
        (name for name in names if set(needed) <= _read_header(book, name))
        if len(names) > 1
        else iter(())
    )
    return next(fitting, names[0])


def _read_header(book: Any, name: str) -> set[str]:
    """Read the column names in the first row of a worksheet that is not empty."""
    rows = book.get_sheet_by_name(name).to_python(skip_empty_area=True, nrows=1)
    return {normalize_column(str(cell)) for row in rows for cell in row}


def _fill_merged_cells(
    grid: Grid, merged: Iterable[tuple[tuple[int, int], tuple[int, int]]]
) -> None:
    """Write a merged cell's text into the rows that it covers; empty rows stay empty."""
    rows = dict(grid)
    last = max(rows, default=0)
    written = 0
    for (top, left), (bottom, _) in merged:
        first = rows.get(top + 1, [])
        value = first[left] if left < len(first) else ""
        for number in range(top + 2, min(bottom + 1, last) + 1 if value else 0):
            if number in rows:
                rows[number][left] = value
        written += max(min(bottom + 1, last) - top, 0)
        if written > MAXIMUM_ROWS * MAXIMUM_COLUMNS:  # no spreadsheet lets merged cells overlap
            return


def _check_archive(path: Path, file: str) -> None:
    """Unpack the archive once without keeping it, and refuse one that unfolds to gigabytes.

    What the archive declares about its size is not trusted.
    """
    too_large = Problem(
        file=file, message=f"the workbook unpacks to more than {MAXIMUM_UNPACKED_BYTES >> 20} MB"
    )
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAXIMUM_UNPACKED_BYTES:
                raise InputError(too_large)
            # reads every member to its declared size and refuses one that is longer
            archive.testzip()
            for name in archive.namelist():
                if "worksheets/" in name:
                    _check_extent(archive.read(name), file)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise InputError(_describe_bad_workbook(file, error)) from error


def _check_extent(worksheet: bytes, file: str) -> None:
    """Refuse a cell that is far out.

    Readers allocate the whole rectangle up to it, so one cell at XFD1048576 would take all memory.
    """
    across, down = 0, 0
    for found in _CELL_NAME.finditer(worksheet):
        if len(found[1]) > 2 or int(found[2][:9]) > MAXIMUM_ROWS:  # two letters are 702 columns
            raise InputError(_describe_far_cell(found, file))
        across, down = max(across, _number_column(found[1])), max(down, int(found[2]))
        if across * down > MAXIMUM_AREA:
            raise InputError(_describe_far_cell(found, file))


def _describe_far_cell(found: re.Match[bytes], file: str) -> Problem:
    limit = f"at most {MAXIMUM_ROWS} rows and {MAXIMUM_COLUMNS} columns"
    cell = (found[1] + found[2]).decode()
    return Problem(file=file, message=f"cell {cell[:20]} is out of range", expected=limit)


def _describe_bad_workbook(file: str, error: Exception) -> Problem:
    message = f"not a readable workbook: {error}"
    return Problem(file=file, message=message, expected="an .xlsx file")


def _number_column(letters: bytes) -> int:
    """Compute the number of a column with one or two letters: A is 1, Z is 26, AA is 27."""
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - ord("A") + 1
    return number


# Both


def _to_grid(frame: Any) -> Grid:
    rows = [[_to_text(value) for value in row] for row in frame.itertuples(index=False)]
    return [(number, row) for number, row in enumerate(rows, start=1) if any(row)]


def _to_text(value: object) -> str:
    text = value if isinstance(value, str) else ""  # an absent trailing cell is a float NaN
    return text.strip().removesuffix(_MIDNIGHT)
