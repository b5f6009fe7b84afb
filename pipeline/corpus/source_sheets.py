# SPDX-License-Identifier: Apache-2.0
"""Read and check the CSV sheets beside portraits and recordings.

All problems are reported at once.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from manifests.errors import InputError, Problem, find_nearest
from pipeline.script.sheet_columns import SheetColumn

_SPLIT = "Which part of the corpus the row belongs to."
_SEX = "The voice and the face of a clip have the same value."
_LICENCE = "The licence, as it stands in the record."

PEOPLE = (
    SheetColumn(
        name="identity",
        meaning="The person. `IDENTITY.png` lies beside the sheet.",
        example="p0001",
        needed=True,
    ),
    SheetColumn(
        name="sex", meaning=_SEX, values="`female` or `male`", example="female", needed=True
    ),
    SheetColumn(
        name="split",
        meaning=_SPLIT,
        values="`train`, `judge`, `val` or `test`",
        example="train",
        needed=True,
    ),
    SheetColumn(name="licence", meaning=_LICENCE, example="CC0-1.0", needed=True),
)
VOICE_LINES = (
    SheetColumn(name="voice", meaning="The voice.", example="anna", needed=True),
    SheetColumn(
        name="sex", meaning=_SEX, values="`female` or `male`", example="female", needed=True
    ),
    SheetColumn(
        name="split", meaning=_SPLIT, values="`train` or `test`", example="train", needed=True
    ),
    SheetColumn(name="text_id", meaning="The sentence.", example="t12", needed=True),
    SheetColumn(name="text", meaning="Its words.", example="The door is open.", needed=True),
    SheetColumn(
        name="file",
        meaning="The neutral recording, beside the sheet: 16 kHz, mono.",
        example="anna-12.flac",
        needed=True,
    ),
)
UNIT_HEADS = (
    SheetColumn(name="identity", meaning=PEOPLE[0].meaning, example="u001", needed=True),
    SheetColumn(name="sex", meaning=_SEX, values="`female` or `male`", example="male", needed=True),
    SheetColumn(
        name="emotion", meaning="The expression.", values="an emotion", example="sad", needed=True
    ),
    SheetColumn(
        name="level", meaning="How strong it is.", values="1 to 3", example="2", needed=True
    ),
    SheetColumn(
        name="stills",
        meaning="How many stills the picture holds, one above the other.",
        values="2 or more",
        example="8",
        needed=True,
    ),
    SheetColumn(name="licence", meaning=_LICENCE, example="CC0-1.0", needed=True),
    SheetColumn(
        name="file", meaning="The tall picture of stills.", example="u001-sad.png", needed=True
    ),
)


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read the rows of a CSV.

    Raises InputError when the file or a column is missing, or there are no rows.
    """
    if not path.is_file():
        raise InputError(
            Problem(
                file=str(path),
                message="this sheet is missing",
                expected="the sheet that infra/corpus.sh writes",
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
