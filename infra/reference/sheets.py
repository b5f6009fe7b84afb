# SPDX-License-Identifier: Apache-2.0
"""Write the page about sheets from the columns that their readers know."""

from __future__ import annotations

from infra.reference.pages import NOTE, format_table, join_page
from pipeline.corpus import source_sheets
from pipeline.script import sheet_columns, spreadsheets, tables, text_files
from pipeline.script.sheet_columns import SheetColumn

_INTRO = f"""# Sheets

This page lists every column of the sheets that you write or correct.

{NOTE} `pipeline/script/sheet_columns.py`.

## What all sheets share

- A sheet is CSV, XLSX or YAML (`.csv`, `.xlsx`, `.yaml`, `.yml`), by its file name.
- Columns come in any order. `Voice Sample`, `voice-sample` and `voice_sample` are the same column.
  Leave out those that you do not need. An unknown column is an error; the message suggests the
  nearest one.
- CSV is UTF-8. Commas, semicolons or tabs separate cells; Excel's `sep=;` line is understood.
- Of a workbook, Callsheet reads the first visible worksheet that has the needed columns. A merged
  cell counts for every row that it covers. A formula is the value that Excel last showed.
- YAML is a list with one mapping per row; a list of texts is joined by `|`. Anchors are refused.
- Empty rows are skipped. Every cell is text: nothing is computed.
- File paths are relative to the production folder and stay inside it.
- A sheet has at most {spreadsheets.MAXIMUM_ROWS:,} rows, {spreadsheets.MAXIMUM_COLUMNS} columns,
  {tables.MAXIMUM_CELL:,} characters in a cell and {text_files.MAXIMUM_BYTES >> 20} MB.

Callsheet reports all problems of a sheet at once, each with its row and column.
[The script format](script-format.md#emotions) explains emotions, blends and changes.
"""

_CAST = """## Actor sheet

`cast` in `production.toml` names it; by default it is `cast.csv`. It has one row for each
character."""

_LINES = """## Line sheet

`script` in `production.toml` may name a line sheet (`.csv`, `.xlsx`) in place of a Fountain script.
It has one row for each line, in spoken order. A recording that is named after a line
(`ep1_014.wav`) or a character (`mara.wav`) is searched for that line, or that character's lines,
only."""

_CONSENTS = """## Consent sheet

`consents` names it; by default it is `consents.csv`. It has one row for each consent.
An actor needs a consent for the likeness, and one for the voice if the actor sheet has a
`voice_sample` for them or they ever gave one."""

_CUES = """## Cue sheet

`callsheet listen` writes `build/listening/cues.csv`: which line is spoken when, for you to check.
Correct the cells marked **Edit**; the next plan applies your changes. Text that a spreadsheet would
compute begins with an apostrophe."""

_WORDS = """## Emotion words

`emotions` in `production.toml` names a sheet that adds words for emotions, or gives the packaged
words (`pipeline/script/emotion_synonyms.csv`) another meaning."""

_CORPUS = """## Corpus sheets

`callsheet corpus make` reads three CSV sheets. `infra/corpus.sh` writes them; all columns are
needed, and others are ignored."""

HEADER = ("column", "default", "meaning", "example")


def describe_sheets() -> str:
    """Write every column of every sheet."""
    parts = [_INTRO]
    for text, columns in (
        (_CAST, sheet_columns.CAST),
        (_LINES, sheet_columns.LINES),
        (_CONSENTS, sheet_columns.CONSENTS),
        (_CUES, sheet_columns.CUES),
        (_WORDS, sheet_columns.WORDS),
    ):
        parts += [text, "", *_describe_columns(columns), ""]
    parts += [_CORPUS, ""]
    for name, columns in (
        ("portraits/people.csv", source_sheets.PEOPLE),
        ("lines/lines.csv", source_sheets.VOICE_LINES),
        ("portraits/units/units.csv", source_sheets.UNIT_HEADS),
    ):
        parts += [f"`{name}`", "", *_describe_columns(columns), ""]
    return join_page(parts)


def _describe_columns(columns: tuple[SheetColumn, ...]) -> list[str]:
    """Write a table without the columns in which every cell would be empty."""
    kept = [i for i in range(len(HEADER)) if any(_list_cells(column)[i] for column in columns)]
    rows = [[_list_cells(column)[i] for i in kept] for column in columns]
    return format_table([HEADER[i] for i in kept], rows)


def _list_cells(column: SheetColumn) -> tuple[str, ...]:
    default = "needed" if column.needed else column.default
    values = "" if column.values == "text" else f" Allowed: {column.values}."
    return f"`{column.name}`", default, column.meaning + values, f"`{column.example}`"
