# SPDX-License-Identifier: Apache-2.0
"""Read the actor sheet (CSV, XLSX, YAML) to `Actor`s, and hold the script against it.

Which cells are allowed is decided here; opening sheets is `sheets`, whether a person allowed it is
`consent`, and whether a portrait can be animated is for the talker to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from manifests.errors import InputError, Problem, collect_problems, find_nearest
from manifests.rows import Actor, Line
from model.emotion import EmotionError, parse_curve
from pipeline.script import production, tables
from pipeline.script.emotion_synonyms import Words, add_emotion_hint

NEEDED = ("character", "actor", "portrait")
COLUMNS = (
    *NEEDED,
    "aliases",
    "face",
    "voice_sample",
    "emotion_sample",
    "default_emotion",
    "seed",
    "look",
    "consent",
)
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


def read(path: Path, *, words: Words, folder: Path | None = None) -> list[Actor]:
    """The rows of the actor sheet. `words`: what emotions may be called; `folder`: the
    production's, else the sheet's own. `default_emotion` stays "" where only an `emotion_sample` is
    given (`felt` fills it).

    Raises InputError with every problem of the sheet, each with its row and column.
    """
    table = tables.read(path, needed=NEEDED, known=COLUMNS)
    place = folder or path.parent
    problems = [
        problem
        for record in table.records
        for problem in _row_problems(table, record, words, place)
    ]
    problems += _double_names(table)
    if problems:
        raise InputError(sorted(problems, key=lambda problem: problem.row or problem.line or 0))
    return [_actor(record, words) for record in table.records]


def fill_default_emotions(
    actors: Iterable[Actor], *, estimate: Callable[[str], str]
) -> list[Actor]:
    """The actors with the default emotion that their samples show. `feel`: from the path in the
    sheet to the text of an emotion.

    Raises InputError with the problems of all samples.
    """
    problems, found = list[Problem](), list[Actor]()
    for actor in actors:
        mood: str | None = actor.default_emotion
        if not mood:
            mood = collect_problems(problems, lambda sample=actor.emotion_sample: estimate(sample))  # type: ignore[misc]
        found.append(replace(actor, default_emotion=mood or ""))
    if problems:
        raise InputError(problems)
    return found


def find_unknown_characters(lines: Sequence[Line], actors: Sequence[Actor]) -> list[Problem]:
    """Characters who speak in the script and have no row in the cast, each with the line where it
    first speaks.
    """
    known = _names(actors)
    shown = [name for actor in actors for name in (actor.character, *_aliases(actor.aliases))]
    problems = []
    missing: set[str] = set()
    for line in lines:
        name = _folded(line.character)
        if name in known or name in missing:
            continue
        missing.add(name)
        in_sheet = line.source.lower().endswith((".csv", ".xlsx"))
        problems.append(
            Problem(
                file=line.source,
                row=line.source_line if in_sheet else None,
                line=None if in_sheet else line.source_line,
                column="character" if in_sheet else None,
                message=f"{line.character!r} speaks here and has no row in the cast",
                nearest=find_nearest(line.character, shown),
                expected="a row in the cast" + ("" if in_sheet else ", or ! before action"),
            )
        )
    return problems


def resolve_characters(lines: Iterable[Line], actors: Sequence[Actor]) -> list[Line]:
    """The lines with each character under the name that the cast gives it, so `JONAS` and his alias
    are one person.

    Lines of characters without a row stay as they are; `check` reports them.
    """
    known = _names(actors)
    return [
        replace(line, character=actor.character)
        if (actor := known.get(_folded(line.character)))
        else line
        for line in lines
    ]


def list_names(actor: Actor) -> list[str]:
    """All names that the script may use for a character, casefolded, its own first."""
    return [_folded(name) for name in (actor.character, *_aliases(actor.aliases))]


def _names(actors: Iterable[Actor]) -> dict[str, Actor]:
    return {name: actor for actor in actors for name in list_names(actor)}


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _aliases(cell: str) -> list[str]:
    return [alias for alias in (part.strip() for part in re.split(r"[|;]", cell)) if alias]


def _actor(record: tables.SheetRecord, words: Words) -> Actor:
    default = Actor(character="", actor="", portrait="")
    return Actor(
        character=record["character"],
        actor=record["actor"],
        portrait=record["portrait"],
        aliases="|".join(_aliases(record["aliases"])),
        face=record["face"].casefold() or default.face,
        voice_sample=record["voice_sample"],
        emotion_sample=record["emotion_sample"],
        default_emotion=_mood(record, default.default_emotion, words),
        seed=int(record["seed"] or default.seed),
        look=record["look"],
        consent=record["consent"],
    )


def _mood(record: tables.SheetRecord, usual: str, words: Words) -> str:
    """The default emotion as written; "" where a sample is to say it."""
    if record["emotion_sample"] and not record["default_emotion"]:
        return ""
    return str(parse_curve(record["default_emotion"] or usual, words=words))


def _row_problems(
    table: tables.SheetTable, record: tables.SheetRecord, words: Words, folder: Path
) -> Iterator[Problem]:
    yield from (
        table.problem(record, column, "this cell is empty")
        for column in NEEDED
        if not record[column]
    )
    yield from _file_problems(table, record, folder)
    face, seed = record["face"].casefold(), record["seed"]
    if face and face not in FACES and not re.fullmatch(r"[1-9][0-9]?", face):
        expected = f"{', '.join(FACES)}, or a number counted from the left"
        near = find_nearest(face, FACES)
        yield table.problem(
            record,
            "face",
            "not a choice of face",
            expected=expected,
            got=repr(record["face"]),
            nearest=near,
        )
    if seed and not (re.fullmatch(r"[0-9]{1,10}", seed) and int(seed) <= MAXIMUM_SEED):
        yield table.problem(
            record,
            "seed",
            "not a seed",
            expected=f"a whole number from 0 to {MAXIMUM_SEED}",
            got=repr(seed),
        )
    if record["default_emotion"]:
        try:
            parse_curve(record["default_emotion"], words=words)
        except EmotionError as error:
            yield add_emotion_hint(
                error, words, table.problem(record, "default_emotion", str(error))
            )


def _file_problems(
    table: tables.SheetTable, record: tables.SheetRecord, folder: Path
) -> Iterator[Problem]:
    kinds = {
        "portrait": PORTRAIT_SUFFIXES,
        "voice_sample": SOUND_SUFFIXES,
        "emotion_sample": SOUND_SUFFIXES + PORTRAIT_SUFFIXES,
    }
    kinds["look"] = (*PORTRAIT_SUFFIXES, ".cube")
    for column, suffixes in kinds.items():
        if not record[column]:
            continue
        found = production.locate(folder, record[column])
        if isinstance(found, production.UnusableFile):
            yield table.problem(
                record, column, found.message, expected=found.expected, nearest=found.nearest
            )
        elif found.suffix.lower() not in suffixes:
            expected = "one of " + " ".join(dict.fromkeys(suffixes))
            got = found.suffix or "no suffix"
            yield table.problem(record, column, "not this kind of file", expected=expected, got=got)


def _double_names(table: tables.SheetTable) -> Iterator[Problem]:
    """A name, whether a character's or an alias, must mean one row."""
    seen: dict[str, int] = {}
    unit = "line" if table.by_line else "row"
    for record in table.records:
        for column, names in (
            ("character", [record["character"]]),
            ("aliases", _aliases(record["aliases"])),
        ):
            for name in filter(None, names):
                first = seen.setdefault(_folded(name), record.number)
                if first != record.number:
                    yield table.problem(
                        record, column, f"{name!r} stands in {unit} {first} already"
                    )
