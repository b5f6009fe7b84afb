# SPDX-License-Identifier: Apache-2.0
"""Read the actor sheet (CSV, XLSX, YAML) to `Actor`s and check the script's characters against it.

This module decides which cells are allowed. `tables` opens sheets, `consent` checks that a person
agreed, and the talker says whether a portrait can be animated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from manifests.errors import InputError, Problem, collect_problems, find_nearest
from manifests.rows import Actor, Line
from model.emotion import EmotionError, parse_curve
from pipeline.script import file_paths, sheet_columns, tables
from pipeline.script.emotion_synonyms import Words, add_emotion_hint

NEEDED = sheet_columns.list_needed_names(sheet_columns.CAST)
COLUMNS = sheet_columns.list_names(sheet_columns.CAST)
FACES = ("only", "left", "right", "largest")
MAXIMUM_SEED = 2**32 - 1
PORTRAIT_SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".tif",
    ".tiff",
    ".bmp",
    ".mp4",
    ".mov",
    ".mkv",
    ".webm",
)
SOUND_SUFFIXES = (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".mp4", ".mov", ".mkv")
FILE_SUFFIXES = {
    "portrait": PORTRAIT_SUFFIXES,
    "voice_sample": SOUND_SUFFIXES,
    "emotion_sample": SOUND_SUFFIXES + PORTRAIT_SUFFIXES,
    "look": (*PORTRAIT_SUFFIXES, ".cube"),
}


def read(path: Path, *, words: Words, folder: Path | None = None) -> list[Actor]:
    """Read the rows of the actor sheet.

    `words`: the words for emotions; `folder`: the production's, else the sheet's own.
    `default_emotion` stays "" where only an `emotion_sample` is given (`fill_default_emotions`
    fills it).

    Raises InputError with every problem of the sheet, each with its row and column.
    """
    table = tables.read(path, needed=NEEDED, known=COLUMNS)
    place = folder or path.parent
    problems = [
        problem for record in table.records for problem in _check_row(table, record, words, place)
    ]
    problems += _check_unique_names(table)
    if problems:
        raise InputError(sorted(problems, key=lambda problem: problem.row or problem.line or 0))
    return [_read_actor(record, words) for record in table.records]


def fill_default_emotions(
    actors: Iterable[Actor], *, estimate: Callable[[str], str]
) -> list[Actor]:
    """Fill in the default emotion of actors who have only an emotion sample.

    `estimate`: from the sample's path in the sheet to the text of an emotion.

    Raises InputError with the problems of all samples.
    """
    problems, filled = list[Problem](), list[Actor]()
    for actor in actors:
        emotion: str | None = actor.default_emotion
        if not emotion:
            emotion = collect_problems(
                problems,
                lambda sample=actor.emotion_sample: estimate(sample),  # type: ignore[misc]
            )
        filled.append(replace(actor, default_emotion=emotion or ""))
    if problems:
        raise InputError(problems)
    return filled


def find_unknown_characters(lines: Sequence[Line], actors: Sequence[Actor]) -> list[Problem]:
    """Find characters who speak in the script but are not in the cast, each at its first line."""
    known = _index_by_name(actors)
    names = [name for actor in actors for name in (actor.character, *_split_aliases(actor.aliases))]
    problems = []
    missing: set[str] = set()
    for line in lines:
        name = _fold(line.character)
        if name not in known and name not in missing:
            missing.add(name)
            problems.append(_describe_unknown_character(line, names))
    return problems


def resolve_characters(lines: Iterable[Line], actors: Sequence[Actor]) -> list[Line]:
    """Give each line its character's name from the cast, so `JONAS` and his alias are one person.

    Lines of characters without a row stay as they are; `find_unknown_characters` reports them.
    """
    known = _index_by_name(actors)
    return [
        replace(line, character=actor.character)
        if (actor := known.get(_fold(line.character)))
        else line
        for line in lines
    ]


def _describe_unknown_character(line: Line, names: Sequence[str]) -> Problem:
    message = f"{line.character!r} speaks here but is not in the cast; add a row to the cast"
    in_sheet = line.source.lower().endswith((".csv", ".xlsx"))
    if not in_sheet:
        message += ", or start the line with ! if it is action"
    return Problem(
        file=line.source,
        row=line.source_line if in_sheet else None,
        line=None if in_sheet else line.source_line,
        column="character" if in_sheet else None,
        message=message,
        nearest=find_nearest(line.character, names),
    )


def list_names(actor: Actor) -> list[str]:
    """List the names that the script may use for a character, casefolded, its own name first."""
    return [_fold(name) for name in (actor.character, *_split_aliases(actor.aliases))]


def _index_by_name(actors: Iterable[Actor]) -> dict[str, Actor]:
    return {name: actor for actor in actors for name in list_names(actor)}


def _fold(name: str) -> str:
    return " ".join(name.casefold().split())


def _split_aliases(cell: str) -> list[str]:
    return [alias for alias in (part.strip() for part in re.split(r"[|;]", cell)) if alias]


def _read_actor(record: tables.SheetRecord, words: Words) -> Actor:
    default = Actor(character="", actor="", portrait="")
    return Actor(
        character=record["character"],
        actor=record["actor"],
        portrait=record["portrait"],
        aliases="|".join(_split_aliases(record["aliases"])),
        face=record["face"].casefold() or default.face,
        voice_sample=record["voice_sample"],
        emotion_sample=record["emotion_sample"],
        default_emotion=_read_default_emotion(record, default.default_emotion, words),
        seed=int(record["seed"] or default.seed),
        look=record["look"],
        consent=record["consent"],
    )


def _read_default_emotion(record: tables.SheetRecord, usual: str, words: Words) -> str:
    """Read the default emotion as written; "" where a sample gives it."""
    if record["emotion_sample"] and not record["default_emotion"]:
        return ""
    return str(parse_curve(record["default_emotion"] or usual, words=words))


def _check_row(
    table: tables.SheetTable, record: tables.SheetRecord, words: Words, folder: Path
) -> Iterator[Problem]:
    for column in NEEDED:
        if not record[column]:
            yield table.problem(record, column, "this cell is empty")
    yield from _check_files(table, record, folder)
    yield from _check_face(table, record)
    seed = record["seed"]
    if seed and not (re.fullmatch(r"[0-9]{1,10}", seed) and int(seed) <= MAXIMUM_SEED):
        expected = f"a whole number from 0 to {MAXIMUM_SEED}"
        yield table.problem(record, "seed", "not a valid seed", expected=expected, got=repr(seed))
    if record["default_emotion"]:
        try:
            parse_curve(record["default_emotion"], words=words)
        except EmotionError as error:
            yield add_emotion_hint(
                error, words, table.problem(record, "default_emotion", str(error))
            )


def _check_face(table: tables.SheetTable, record: tables.SheetRecord) -> Iterator[Problem]:
    face = record["face"].casefold()
    if face and face not in FACES and not re.fullmatch(r"[1-9][0-9]?", face):
        yield table.problem(
            record,
            "face",
            "unknown choice of face",
            expected=f"{', '.join(FACES)}, or a number counted from the left",
            got=repr(record["face"]),
            nearest=find_nearest(face, FACES),
        )


def _check_files(
    table: tables.SheetTable, record: tables.SheetRecord, folder: Path
) -> Iterator[Problem]:
    for column, suffixes in FILE_SUFFIXES.items():
        if not record[column]:
            continue
        found = file_paths.locate(folder, record[column])
        if isinstance(found, file_paths.UnusableFile):
            yield table.problem(
                record, column, found.message, expected=found.expected, nearest=found.nearest
            )
        elif found.suffix.lower() not in suffixes:
            expected = "one of " + " ".join(dict.fromkeys(suffixes))
            message = f"the {column.replace('_', ' ')} is the wrong type of file"
            got = found.suffix or "no suffix"
            yield table.problem(record, column, message, expected=expected, got=got)


def _check_unique_names(table: tables.SheetTable) -> Iterator[Problem]:
    """Check that each name, whether a character's or an alias, stands for one row."""
    first_numbers: dict[str, int] = {}
    unit = "line" if table.by_line else "row"
    for record in table.records:
        names = [("character", record["character"])]
        names += [("aliases", alias) for alias in _split_aliases(record["aliases"])]
        for column, name in names:
            first = first_numbers.setdefault(_fold(name), record.number) if name else record.number
            if first != record.number:
                yield table.problem(record, column, f"{name!r} is already used in {unit} {first}")
