# SPDX-License-Identifier: Apache-2.0
"""Read and check the CSV sheets beside portraits and recordings.

All problems are reported at once.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from manifests.errors import InputError, Problem, find_nearest


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read the rows of a CSV.

    Raises InputError when the file or a column is missing, or there are no rows.
    """
    if not path.is_file():
        raise InputError(
            Problem(
                file=str(path),
                message="this sheet is missing",
                expected="the sheet that infra/corpus.sh writes (docs/corpus.md)",
            )
        )
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        rows, there = list(table), table.fieldnames or ()
    raise_problems(
        Problem(
            file=str(path), message=f"no column {column!r}", nearest=find_nearest(column, there)
        )
        for column in columns
        if column not in there
    )
    if not rows:
        raise InputError(Problem(file=str(path), message="this sheet has no rows"))
    return rows


def check_file(sheet: Path, file: Path, number: int) -> Problem | None:
    """Return a problem when a row's file is missing."""
    return (
        None
        if file.is_file()
        else Problem(file=str(sheet), row=number, message="no such file", got=str(file))
    )


def check_value(
    sheet: Path, row: dict[str, str], column: str, allowed: Sequence[str], number: int
) -> Problem | None:
    """Return a problem when a value is none of those allowed."""
    if row[column] in allowed:
        return None
    return Problem(
        file=str(sheet),
        row=number,
        column=column,
        message="unknown value",
        expected=" or ".join(allowed),
        got=row[column],
        nearest=find_nearest(row[column], allowed),
    )


def raise_problems(problems: Iterable[Problem | None]) -> None:
    """Raise InputError with all problems, if there are any."""
    found = [problem for problem in problems if problem is not None]
    if found:
        raise InputError(found)
