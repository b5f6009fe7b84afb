# SPDX-License-Identifier: Apache-2.0
"""Columns of sheets: every one is described, and the readers accept every example."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pipeline.corpus import source_sheets
from pipeline.script import cast, consent, emotion_synonyms, line_sheet, sheet_columns
from pipeline.script.sheet_columns import SheetColumn, list_names, list_needed_names

SHEETS = {
    "cast": sheet_columns.CAST,
    "lines": sheet_columns.LINES,
    "consents": sheet_columns.CONSENTS,
    "cues": sheet_columns.CUES,
    "words": sheet_columns.WORDS,
    "people": source_sheets.PEOPLE,
    "voice lines": source_sheets.VOICE_LINES,
    "unit heads": source_sheets.UNIT_HEADS,
}


def write_examples(folder: Path, columns: tuple[SheetColumn, ...]) -> Path:
    """Write a sheet whose only row holds the example of every column, and the files it names."""
    path = folder / "sheet.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([list_names(columns), [column.example for column in columns]])
    for column in columns:
        if "/" in column.example and not column.example.startswith("contracts/"):
            (folder / column.example).parent.mkdir(exist_ok=True)
            (folder / column.example).touch()
    return path


@pytest.mark.parametrize("name", SHEETS)
def test_every_column_says_what_it_means_with_an_example(name: str) -> None:
    columns = SHEETS[name]
    assert len(set(list_names(columns))) == len(columns)
    assert [column.name for column in columns if not column.meaning.endswith(".")] == []
    assert [column.name for column in columns if not column.example or "|" in column.name] == []


def test_the_readers_accept_the_examples(tmp_path: Path) -> None:
    words = emotion_synonyms.load_words(write_examples(tmp_path, sheet_columns.WORDS))
    assert words["broken"] == (("fear", 0.3), ("sad", 0.9))
    (actor,) = cast.read(write_examples(tmp_path, sheet_columns.CAST), words=words)
    assert (actor.face, actor.seed, actor.default_emotion) == ("left", 12, "sad 0.4")
    assert len(consent.read(write_examples(tmp_path, sheet_columns.CONSENTS))) == 2
    path = write_examples(tmp_path, sheet_columns.LINES)
    (line,), problems = line_sheet.read_lines(path, words, "en", tmp_path)
    assert (line.start_seconds, line.end_seconds, problems) == (75.25, 77.8, [])


def test_needed_columns_are_those_without_which_a_sheet_is_refused() -> None:
    assert list_needed_names(sheet_columns.CAST) == ("character", "actor", "portrait")
    assert list_needed_names(sheet_columns.CONSENTS) == ("consent_id", "subject", "covers")
