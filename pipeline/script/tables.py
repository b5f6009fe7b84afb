# SPDX-License-Identifier: Apache-2.0
"""Sheets that people keep: CSV, XLSX and YAML read as a table of text, with the row of every cell.
The door to pandas and YAML.

Every cell is text: nothing is converted, evaluated or fetched, a formula in a CSV is its own
characters and in a workbook the value that the spreadsheet last showed. Of a workbook the first
worksheet that is shown and has the columns is read; cells that are merged over several rows stand
in each of them. What the cells mean is decided by `script`, `cast` and `consent`.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from manifests.errors import InputError, Problem, find_nearest

SUFFIXES = (".csv", ".xlsx", ".yaml", ".yml")
MAXIMUM_BYTES = 16 << 20
MAXIMUM_UNPACKED_BYTES = 128 << 20  # a workbook is a zip archive; this bounds what it may unpack to
MAXIMUM_ROWS = 60_000  # with header and empty rows: an episode has at most about 50,000 lines
MAXIMUM_COLUMNS = 64
# cells of the rectangle that a workbook spans: 8 bytes each are taken also where it is empty
MAXIMUM_AREA = 14_000_000
MAXIMUM_CELL = 10_000  # characters
MAXIMUM_DEPTH = 4  # of YAML: cast > row > list of aliases
# in a worksheet's XML: <c r="B12">
_CELL_NAME = re.compile(rb"""\br\s*=\s*["']([A-Za-z]+)(\d+)["']""")
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<separator>[,;\t|])"?(?=\r?\n)', re.IGNORECASE)
_MIDNIGHT = " 00:00:00"  # what a workbook's day looks like once it is text


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRecord:
    """One row: its number as the spreadsheet shows it (the header is row 1), or for YAML the line
    it begins on.
    """

    number: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        """The cell's text without surrounding space, "" when empty or absent."""
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetTable:
    """A sheet: its name for messages, its columns and its rows that are not empty."""

    file: str
    columns: tuple[str, ...]
    records: tuple[SheetRecord, ...]
    by_line: bool = False

    def problem(
        self, record: SheetRecord, column: str | None, message: str, **facts: str | None
    ) -> Problem:
        """A Problem that stands in this row and column. `facts`: expected, got, nearest."""
        place = {"line": record.number} if self.by_line else {"row": record.number}
        return Problem(file=self.file, message=message, column=column, **place, **facts)  # type: ignore[arg-type]


@dataclass(slots=True, kw_only=True)
class _TextGrid:
    """Rows of text as they stand in the file, header first, with their numbers."""

    rows: list[tuple[int, list[str]]] = field(default_factory=list)


def read(path: Path, *, needed: Sequence[str], known: Sequence[str]) -> SheetTable:
    """Read a sheet whose header has all `needed` and only `known` columns (any order, case ignored,
    spaces or `-` for `_`).

    Raises InputError with every problem of the file's form and header.
    """
    file = path.name
    _check_file(path, file)
    if path.suffix.lower() in {".yaml", ".yml"}:
        return _with_header(_yaml_table(path, file), needed, known)
    grid = (
        _xlsx_grid(path, file, needed) if path.suffix.lower() == ".xlsx" else _csv_grid(path, file)
    )
    return _with_header(_table(grid, file), needed, known)


def read_text(path: Path, file: str | None = None, *, maximum: int = MAXIMUM_BYTES) -> str:
    """A text file's content: UTF-8 with or without a byte order mark, at most `maximum` bytes.

    Raises InputError naming the first bad line.
    """
    _check_size(path, file or path.name, maximum)
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        got = f"byte 0x{data[error.start]:02x}"
        expected = (
            "UTF-8 (Excel: save as 'CSV UTF-8')" if path.suffix.lower() == ".csv" else "UTF-8"
        )
        raise InputError(
            Problem(
                file=file or path.name,
                line=line,
                message="this is not UTF-8 text",
                expected=expected,
                got=got,
            )
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(
            Problem(
                file=file or path.name,
                line=line,
                message="a NUL character: this is not a text file",
            )
        )
    return text


def _check_file(path: Path, file: str) -> None:
    if not path.is_file():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(
            Problem(file=file, message="no such file", nearest=find_nearest(path.name, beside))
        )
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            Problem(
                file=file, message="not a sheet", expected=" or ".join(SUFFIXES), got=path.suffix
            )
        )
    _check_size(path, file)


def _check_size(path: Path, file: str, maximum: int = MAXIMUM_BYTES) -> None:
    size = path.stat().st_size
    if size > maximum:
        expected = f"at most {maximum >> 20} MB"
        raise InputError(
            Problem(
                file=file, message="the file is too large", expected=expected, got=f"{size} bytes"
            )
        )


def _csv_grid(path: Path, file: str) -> _TextGrid:
    import pandas as pd

    text = read_text(path, file)
    if not text.strip():
        raise InputError(
            Problem(
                file=file, message="the sheet is empty", expected="a header and at least one row"
            )
        )
    named = _SEPARATOR_LINE.match(text)
    if named:  # a line for Excel, no row; its place stays, so that rows keep their numbers
        text = text[: named.start()] + text[named.end() :]
    header = (text.lstrip() or ",").splitlines()[0]
    separator = named["separator"] if named else max(",;\t", key=header.count)
    if header.count(separator) >= MAXIMUM_COLUMNS:
        got = f"{header.count(separator) + 1}"
        raise InputError(
            Problem(file=file, row=1, message=f"more than {MAXIMUM_COLUMNS} columns", got=got)
        )
    try:
        frame = pd.read_csv(
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
        raise InputError(_csv_problem(str(error), file)) from error
    if len(frame) > MAXIMUM_ROWS:  # the rest was not read
        raise InputError(Problem(file=file, message=f"more than {MAXIMUM_ROWS} rows"))
    return _grid(frame)


def _csv_problem(message: str, file: str) -> Problem:
    if found := re.search(r"EOF inside string starting at row (\d+)", message):
        return Problem(
            file=file,
            row=int(found[1]) + 1,
            message='a quotation mark (") is opened here and never closed',
        )
    found = re.search(r"in line (\d+), saw (\d+)", message)
    row = int(found[1]) if found else None
    return Problem(file=file, row=row, message=f"this row cannot be read: {message.strip()}")


def _xlsx_grid(path: Path, file: str, needed: Sequence[str]) -> _TextGrid:
    import pandas as pd
    from python_calamine import CalamineError

    _check_archive(path, file)
    try:
        with pd.ExcelFile(path, engine="calamine") as book:
            name = _worksheet(book.book, needed)
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
        raise InputError(
            Problem(
                file=file, message=f"not a readable workbook: {error}", expected="an .xlsx file"
            )
        ) from error
    grid = _grid(frame)
    _spread(grid, merged)
    return grid


def _worksheet(book: Any, needed: Sequence[str]) -> str:
    """The name of the worksheet to read: the first one that is shown and has the columns, else the
    first one that is shown.
    """
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    worksheets = [sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    shown = [sheet.name for sheet in worksheets if sheet.visible == SheetVisibleEnum.Visible]
    names: list[str] = shown or [sheet.name for sheet in worksheets] or list(book.sheet_names)
    fitting = (
        (name for name in names if set(needed) <= _first_row(book, name))
        if len(names) > 1
        else iter(())
    )
    return next(fitting, names[0])


def _first_row(book: Any, name: str) -> set[str]:
    """The column names in the first row of a worksheet that holds anything."""
    rows = book.get_sheet_by_name(name).to_python(skip_empty_area=True, nrows=1)
    return {_column(str(cell)) for row in rows for cell in row}


def _spread(grid: _TextGrid, merged: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    """Write what a merged cell says into the rows that it reaches down to; empty rows stay
    empty.
    """
    rows = dict(grid.rows)
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
    """Unpack the archive once without keeping it, so that a small file that unfolds to gigabytes is
    refused, whatever it declares.
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
        raise InputError(
            Problem(
                file=file, message=f"not a readable workbook: {error}", expected="an .xlsx file"
            )
        ) from error


def _check_extent(worksheet: bytes, file: str) -> None:
    """Refuse a cell far out: readers allocate the whole rectangle up to it, and one cell at
    XFD1048576 would take all memory.
    """
    across, down = 0, 0
    for found in _CELL_NAME.finditer(worksheet):
        if len(found[1]) > 2 or int(found[2][:9]) > MAXIMUM_ROWS:  # two letters are 702 columns
            raise InputError(_far_out(found, file))
        across, down = max(across, _column_number(found[1])), max(down, int(found[2]))
        if across * down > MAXIMUM_AREA:
            raise InputError(_far_out(found, file))


def _far_out(found: re.Match[bytes], file: str) -> Problem:
    limit = f"at most {MAXIMUM_ROWS} rows and {MAXIMUM_COLUMNS} columns"
    cell = (found[1] + found[2]).decode()
    return Problem(
        file=file, message=f"a cell lies far outside any sheet: {cell[:20]}", expected=limit
    )


def _column_number(letters: bytes) -> int:
    """The number of a column with one or two letters: A is 1, Z 26, AA 27."""
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - ord("A") + 1
    return number


def _grid(frame: Any) -> _TextGrid:
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    return _TextGrid(rows=[(number, row) for number, row in enumerate(rows, start=1) if any(row)])


def _cell(value: object) -> str:
    text = value if isinstance(value, str) else ""  # an absent trailing cell is a float NaN
    return text.strip().removesuffix(_MIDNIGHT)


def _table(grid: _TextGrid, file: str) -> SheetTable:
    if len(grid.rows) < 2:
        raise InputError(
            Problem(
                file=file, message="the sheet is empty", expected="a header and at least one row"
            )
        )
    (_, header), *body = grid.rows
    width = max(index + 1 for index, name in enumerate(header) if name)
    used = [index for index in range(width) if header[index] or any(row[index] for _, row in body)]
    columns = tuple(_column(header[index]) for index in used)
    problems = [
        Problem(
            file=file,
            row=number,
            message=f"more cells than the header has columns ({width})",
            got=repr(cell),
        )
        for number, row in body
        for cell in [next(filter(None, row[width:]), "")]
        if cell
    ]
    problems += [
        Problem(
            file=file,
            row=number,
            message=f"a cell of {len(cell)} characters",
            expected=f"at most {MAXIMUM_CELL}",
        )
        for number, row in body
        for cell in row
        if len(cell) > MAXIMUM_CELL
    ]
    if problems:
        raise InputError(problems)
    records = tuple(
        SheetRecord(
            number=number, cells=dict(zip(columns, (row[index] for index in used), strict=True))
        )
        for number, row in body
    )
    return SheetTable(file=file, columns=columns, records=records)


def _column(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().casefold())


def _with_header(table: SheetTable, needed: Sequence[str], known: Sequence[str]) -> SheetTable:
    present = set(table.columns)
    row = None if table.by_line else 1
    problems = [
        Problem(
            file=table.file,
            row=row,
            column=name,
            message="this column is missing",
            nearest=find_nearest(name, sorted(present - {*known})),
        )
        for name in needed
        if name not in present
    ]
    problems += [
        Problem(
            file=table.file,
            row=row,
            column=name or "(no name)",
            message="unknown column",
            nearest=find_nearest(name, known),
            expected="one of " + ", ".join(known),
        )
        for name in dict.fromkeys(table.columns)
        if name not in known
    ]
    problems += [
        Problem(file=table.file, row=row, column=name, message="this column stands twice")
        for name in _twice(table.columns)
        if name
    ]
    if problems:
        raise InputError(problems)
    return table


def _twice(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]


def _yaml_table(path: Path, file: str) -> SheetTable:
    """A list of mappings, or one mapping with a single key that holds the list. Scalars stay text;
    anchors and aliases are refused.
    """
    import yaml

    text = read_text(path, file)
    try:
        _check_yaml_events(yaml.parse(text, Loader=yaml.SafeLoader), file)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise InputError(
            Problem(file=file, line=line, message=f"not valid YAML: {error.problem}")
        ) from error
    except yaml.YAMLError as error:
        raise InputError(Problem(file=file, message=f"not valid YAML: {error}")) from error
    if isinstance(node, yaml.MappingNode) and len(node.value) == 1:
        node = node.value[0][1]
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise InputError(
            Problem(file=file, message="no rows", expected="a list with one mapping per row")
        )
    return _yaml_rows(node.value, file)


def _check_yaml_events(events: Iterable[Any], file: str) -> None:
    """Refuse aliases (a few lines of them unfold to gigabytes) and deep nesting, before anything is
    built.
    """
    import yaml

    depth = 0
    for event in events:
        line = event.start_mark.line + 1
        if getattr(event, "anchor", None):
            raise InputError(
                Problem(
                    file=file,
                    line=line,
                    message="YAML anchors and aliases are not accepted",
                    got=event.anchor,
                )
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(
            event, yaml.CollectionEndEvent
        )
        if depth > MAXIMUM_DEPTH:
            raise InputError(
                Problem(
                    file=file,
                    line=line,
                    message="nested too deep",
                    expected="a list with one mapping per row",
                )
            )


def _yaml_rows(nodes: Iterable[Any], file: str) -> SheetTable:
    import yaml

    records, problems = [], []
    for node in nodes:
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode):
            problems.append(
                Problem(
                    file=file,
                    line=line,
                    message="not a row",
                    expected="a mapping of column to value",
                )
            )
            continue
        names = [_column(str(key.value)) for key, _ in node.value]
        problems += [
            Problem(file=file, line=line, column=name, message="this column stands twice")
            for name in _twice(names)
        ]
        cells = {
            name: _yaml_text(value) for name, (_, value) in zip(names, node.value, strict=True)
        }
        problems += [
            Problem(file=file, line=line, column=name, message="not a text or a list of texts")
            for name, cell in cells.items()
            if cell is None
        ]
        records.append(
            SheetRecord(number=line, cells={name: cell or "" for name, cell in cells.items()})
        )
    if problems:
        raise InputError(problems)
    columns = dict.fromkeys(name for record in records for name in record.cells)
    return SheetTable(file=file, columns=tuple(columns), records=tuple(records), by_line=True)


def _yaml_text(node: Any) -> str | None:
    import yaml

    if isinstance(node, yaml.ScalarNode):
        return "" if node.tag == "tag:yaml.org,2002:null" else str(node.value).strip()
    if isinstance(node, yaml.SequenceNode) and all(
        isinstance(item, yaml.ScalarNode) for item in node.value
    ):
        return "|".join(str(item.value).strip() for item in node.value)
    return None
