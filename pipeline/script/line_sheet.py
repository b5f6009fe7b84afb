# SPDX-License-Identifier: Apache-2.0
"""Read a line sheet: a script as a table (CSV, XLSX) with one row for each line.

A row may name its recording and when the line is spoken in it. `script` numbers the lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from manifests.errors import Problem
from manifests.rows import Line
from model.emotion import EmotionError, parse_curve
from pipeline.script import file_paths, fountain, sheet_columns, tables
from pipeline.script.cue_extensions import is_unseen
from pipeline.script.emotion_synonyms import Words, add_emotion_hint

NEEDED = sheet_columns.list_needed_names(sheet_columns.LINES)
COLUMNS = sheet_columns.list_names(sheet_columns.LINES)
_CLOCK = re.compile(r"(?:(?:(?P<hours>\d+):)?(?P<minutes>\d+):)?(?P<seconds>\d+(?:[.,]\d+)?)")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def read_lines(
    path: Path, words: Words, language: str, folder: Path
) -> tuple[list[Line], list[Problem]]:
    """Read the lines of a sheet, without numbers, and the problems of its rows.

    An empty cell for the scene means the scene above. `folder`: of the audio files that it names.

    Raises InputError when the sheet itself cannot be read.
    """
    table = tables.read(path, needed=NEEDED, known=COLUMNS)
    problems: list[Problem] = []
    lines, scene = [], ""
    names = {record["audio_file"] for record in table.records} - {""}
    audio_files = {name: file_paths.locate(folder, name) for name in names}
    for record in table.records:
        in_row = list(_check_row(table, record, words, audio_files))
        problems += in_row
        scene = record["scene"] or scene  # an empty cell: as above
        if not in_row:
            lines.append(replace(_read_row(record, words, language), scene=scene))
    problems += _check_unique_ids(table)
    return lines, problems


def _check_unique_ids(table: tables.SheetTable) -> Iterator[Problem]:
    first_numbers: dict[str, int] = {}
    for record in table.records:
        line_id = record["line_id"]
        first = first_numbers.setdefault(line_id, record.number)
        if line_id and first != record.number:
            message = f"line_id {line_id!r} is already used in row {first}"
            yield table.problem(record, "line_id", message)


def _check_row(
    table: tables.SheetTable,
    record: tables.SheetRecord,
    words: Words,
    audio_files: Mapping[str, Path | file_paths.UnusableFile],
) -> Iterator[Problem]:
    """Find the problems of a row. `audio_files`: those that the sheet names, found or not."""
    for column in ("character", "text"):
        if not record[column]:
            yield table.problem(record, column, "this cell is empty")
    if (name := record["character"]) and not fountain.parse_cue(name):
        yield table.problem(record, "character", "not a character name", got=repr(name))
    if record["emotion"]:
        try:
            parse_curve(record["emotion"], words=words)
        except EmotionError as error:
            yield add_emotion_hint(error, words, table.problem(record, "emotion", str(error)))
    found = audio_files.get(record["audio_file"])
    if isinstance(found, file_paths.UnusableFile):
        yield table.problem(
            record, "audio_file", found.message, expected=found.expected, nearest=found.nearest
        )
    yield from _check_language(table, record)
    yield from _check_times(table, record)


def _check_language(table: tables.SheetTable, record: tables.SheetRecord) -> Iterator[Problem]:
    code = record["lang"]
    if code and not _LANGUAGE.fullmatch(code):
        message, expected = "not a language code", "a code such as en or zh"
        yield table.problem(record, "lang", message, expected=expected, got=repr(code))


def _check_times(table: tables.SheetTable, record: tables.SheetRecord) -> Iterator[Problem]:
    expected = "seconds (75.25) or M:SS.mmm (1:15.250)"
    bad = [c for c in ("start", "end") if record[c] and _parse_seconds(record[c]) is None]
    for column in bad:
        got = repr(record[column])
        yield table.problem(record, column, "not a time", expected=expected, got=got)
    start, end = _parse_seconds(record["start"]), _parse_seconds(record["end"])
    if not bad and start is not None and end is not None and end <= start:
        message = f"the end ({record['end']}) is not after the start ({record['start']})"
        yield table.problem(record, "end", message)


def _parse_seconds(text: str) -> float | None:
    found = _CLOCK.fullmatch(text)
    if not found:
        return None
    hours, minutes = int(found["hours"] or 0), int(found["minutes"] or 0)
    return float(3600 * hours + 60 * minutes + Fraction(found["seconds"].replace(",", ".")))


def _read_row(record: tables.SheetRecord, words: Words, language: str) -> Line:
    name, extensions, dual = fountain.parse_cue(record["character"]) or (
        record["character"],
        (),
        False,
    )
    curve = str(parse_curve(record["emotion"], words=words)) if record["emotion"] else ""
    return Line(
        line_id=record["line_id"],
        order=0,
        scene=record["scene"],
        character=name,
        text=" ".join(record["text"].split()),
        performance=curve,
        direction=record["direction"],
        lang=record["lang"] or language,
        voice_over=is_unseen(extensions),
        simultaneous=dual,
        audio_file=record["audio_file"],
        start_seconds=_parse_seconds(record["start"]),
        end_seconds=_parse_seconds(record["end"]),
        notes=record["notes"],
        source_line=record.number,
    )
