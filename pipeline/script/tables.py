# SPDX-License-Identifier: Apache-2.0
"""Read tables that people keep (CSV, XLSX, YAML) as text, with the row of every cell.

Every cell is text: nothing is converted, evaluated or fetched (`spreadsheets`, `yaml_tables`). This
module checks the header. What the cells mean is decided by `script`, `cast` and `consent`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from manifests.errors import InputError, Problem, find_nearest
from pipeline.script.column_names import find_duplicates, normalize_column
from pipeline.script.spreadsheets import (
    Grid,
    describe_empty_sheet,
    read_csv_grid,
    read_workbook_grid,
)
from pipeline.script.text_files import check_size
from pipeline.script.yaml_tables import read_yaml_rows

SUFFIXES = (".csv", ".xlsx", ".yaml", ".yml")
MAXIMUM_CELL = 10_000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRecord:
    """One row of a sheet.

    `number`: as the spreadsheet shows it, where the header is row 1; of YAML the line that the row
    begins on.
    """

    number: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        """Return the cell's text without surrounding space, "" when it is empty or absent."""
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetTable:
    """A sheet: its name for messages, its columns, and its rows that are not empty."""

    file: str
    columns: tuple[str, ...]
    records: tuple[SheetRecord, ...]
    by_line: bool = False

    def problem(
        self, record: SheetRecord, column: str | None, message: str, **facts: str | None
    ) -> Problem:
        """Build a Problem at this row and column. `facts`: expected, got, nearest."""
        place = {"line": record.number} if self.by_line else {"row": record.number}
        return Problem(file=self.file, message=message, column=column, **place, **facts)  # type: ignore[arg-type]


def read(path: Path, *, needed: Sequence[str], known: Sequence[str]) -> SheetTable:
    """Read a sheet whose header has all `needed` columns and only `known` ones.

    Columns come in any order; case is ignored, and spaces and hyphens count as `_`.

    Raises InputError with every problem of the file's form and header.
    """
    file = path.name
    _check_file(path, file)
    suffix = path.suffix.lower()
    if suffix in {".yaml", ".yml"}:
        table = _from_yaml(read_yaml_rows(path, file), file)
    elif suffix == ".xlsx":
        table = _from_grid(read_workbook_grid(path, file, needed), file)
    else:
        table = _from_grid(read_csv_grid(path, file), file)
    if problems := list(_check_header(table, needed, known)):
        raise InputError(problems)
    return table


def _check_file(path: Path, file: str) -> None:
    if not path.is_file():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(
            Problem(file=file, message="no such file", nearest=find_nearest(path.name, siblings))
        )
    if path.suffix.lower() not in SUFFIXES:
        message, expected = "not a supported sheet format", ".csv, .xlsx, .yaml or .yml"
        raise InputError(Problem(file=file, message=message, expected=expected, got=path.suffix))
    check_size(path, file)


def _from_yaml(rows: Sequence[tuple[int, dict[str, str]]], file: str) -> SheetTable:
    records = tuple(SheetRecord(number=line, cells=cells) for line, cells in rows)
    columns = dict.fromkeys(name for record in records for name in record.cells)
    return SheetTable(file=file, columns=tuple(columns), records=records, by_line=True)


def _from_grid(grid: Grid, file: str) -> SheetTable:
    if len(grid) < 2:
        raise InputError(describe_empty_sheet(file))
    (_, header), *body = grid
    width = max(index + 1 for index, name in enumerate(header) if name)
    if problems := [*_check_width(body, width, file), *_check_cell_lengths(body, file)]:
        raise InputError(problems)
    used = [index for index in range(width) if header[index] or any(row[index] for _, row in body)]
    columns = tuple(normalize_column(header[index]) for index in used)
    records = tuple(
        SheetRecord(
            number=number, cells=dict(zip(columns, (row[index] for index in used), strict=True))
        )
        for number, row in body
    )
    return SheetTable(file=file, columns=columns, records=records)


def _check_width(body: Grid, width: int, file: str) -> Iterator[Problem]:
    for number, row in body:
        if cell := next(filter(None, row[width:]), ""):
            columns = "1 column" if width == 1 else f"{width} columns"
            message = f"this row has more cells than the header, which has {columns}"
            yield Problem(file=file, row=number, message=message, got=repr(cell))


def _check_cell_lengths(body: Grid, file: str) -> Iterator[Problem]:
    for number, row in body:
        for cell in row:
            if len(cell) > MAXIMUM_CELL:
                message = f"a cell has {len(cell)} characters"
                expected = f"at most {MAXIMUM_CELL} characters"
                yield Problem(file=file, row=number, message=message, expected=expected)


def _check_header(
    table: SheetTable, needed: Sequence[str], known: Sequence[str]
) -> Iterator[Problem]:
    present = set(table.columns)
    for name in needed:
        if name not in present:
            near = find_nearest(name, sorted(present - {*known}))
            yield _column_problem(table, name, "this column is missing", nearest=near)
    for name in dict.fromkeys(table.columns):
        if name not in known:
            near, expected = find_nearest(name, known), "one of " + ", ".join(known)
            column, message = name or "(no name)", "unknown column"
            yield _column_problem(table, column, message, nearest=near, expected=expected)
    for name in filter(None, find_duplicates(table.columns)):
        yield _column_problem(table, name, "this column appears twice")


def _column_problem(table: SheetTable, column: str, message: str, **facts: str | None) -> Problem:
    row = None if table.by_line else 1
    return Problem(file=table.file, row=row, column=column, message=message, **facts)  # type: ignore[arg-type]
