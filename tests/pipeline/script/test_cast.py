# SPDX-License-Identifier: Apache-2.0
"""The actor sheet in its three forms, and the script held against it."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from manifests.errors import InputError
from manifests.rows import Actor, Line
from pipeline.script import cast, emotion_synonyms

WORDS = emotion_synonyms.load_words()
HEADER = (
    "character,actor,aliases,portrait,face,voice_sample,emotion_sample,default_emotion,"
    "seed,look,consent"
)
MARA = Actor(
    character="MARA",
    actor="Mara Dahl",
    portrait="mara.png",
    aliases="THE DAUGHTER|MARA'S VOICE",
    face="left",
    voice_sample="mara.wav",
    default_emotion="fear 0.6",
    seed=4294967295,
    look="day.cube",
    consent="c1|c2",
)
JONAS = Actor(character="JONAS", actor="Jonas Berg", portrait="mara.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("mara.png", "mara.wav", "day.cube"):
        (tmp_path / name).touch()
    return tmp_path


def line(character: str, number: int, source: str = "script.fountain") -> Line:
    return Line(
        line_id=f"L{number}",
        order=number,
        scene="1",
        character=character,
        text="Hi.",
        source=source,
        source_line=number,
    )


def test_a_csv_gives_its_actors(folder: Path) -> None:
    sheet = folder / "cast.csv"
    sheet.write_text(
        f"{HEADER}\n"
        "MARA,Mara Dahl,THE DAUGHTER | MARA'S VOICE,mara.png,Left,mara.wav,,worried,"
        "4294967295,day.cube,c1|c2\n"
        "\nJONAS,Jonas Berg,,mara.png\n"
    )
    assert cast.read(sheet, words=WORDS) == [MARA, JONAS]


def test_a_workbook_gives_the_same_actors(folder: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(HEADER.split(","))
    book.active.append(
        [
            "MARA",
            "Mara Dahl",
            "THE DAUGHTER; MARA'S VOICE",
            "mara.png",
            "left",
            "mara.wav",
            None,
            "worried",
            4294967295,
            "day.cube",
            "c1|c2",
        ]
    )
    book.active.append(["JONAS", "Jonas Berg", None, "mara.png"])
    book.save(folder / "cast.xlsx")
    assert cast.read(folder / "cast.xlsx", words=WORDS) == [MARA, JONAS]


@pytest.mark.parametrize("opening", ["", "cast:\n"])
def test_yaml_gives_the_same_actors(folder: Path, opening: str) -> None:
    sheet = folder / "cast.yaml"
    sheet.write_text(
        opening
        + "- character: MARA\n  actor: Mara Dahl\n  aliases: [THE DAUGHTER, MARA'S VOICE]\n  "
        "portrait: mara.png\n  face: left\n"
        "  voice_sample: mara.wav\n  default_emotion: worried\n  seed: 4294967295\n  "
        "look: day.cube\n  consent: [c1, c2]\n"
        "- {character: JONAS, actor: Jonas Berg, portrait: mara.png, seed: }\n"
    )
    assert cast.read(sheet, words=WORDS) == [MARA, JONAS]


def test_scalars_of_yaml_stay_the_text_that_was_written(folder: Path) -> None:
    sheet = folder / "cast.yaml"
    sheet.write_text(
        "- {character: no, actor: 1e3, portrait: mara.png, seed: 007, consent: 2026-01-01}\n"
    )
    (actor,) = cast.read(sheet, words=WORDS)
    assert (actor.character, actor.actor, actor.seed, actor.consent) == (
        "no",
        "1e3",
        7,
        "2026-01-01",
    )


def test_formulas_are_text(folder: Path) -> None:
    sheet = folder / "cast.csv"
    sheet.write_text(f"{HEADER}\n=1+1,+cmd|x,@SUM(A1),mara.png\n")
    (actor,) = cast.read(sheet, words=WORDS)
    assert (actor.character, actor.actor, actor.aliases) == ("=1+1", "+cmd|x", "@SUM(A1)")


def test_a_formula_in_a_workbook_is_not_worked_out(folder: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["character", "actor", "portrait"])
    book.active.append(["MARA", '=CONCATENATE("Mara"," ","Dahl")', "mara.png"])
    book.save(folder / "cast.xlsx")
    with pytest.raises(InputError, match=r"cast\.xlsx, row 2, column actor: this cell is empty"):
        cast.read(folder / "cast.xlsx", words=WORDS)


def test_every_wrong_cell_is_reported_in_order_of_rows(folder: Path) -> None:
    sheet = folder / "cast.csv"
    sheet.write_text(
        f"{HEADER}\nMARA,,,mara.pgn,middle,,,hapy,-1,,\nmara,X,MARA,mara.png,0,mara.png,,,1.5,,\n"
    )
    with pytest.raises(InputError) as caught:
        cast.read(sheet, words=WORDS)
    assert [(problem.row, problem.column) for problem in caught.value.problems] == [
        (2, "actor"),
        (2, "portrait"),
        (2, "face"),
        (2, "seed"),
        (2, "default_emotion"),
        (3, "voice_sample"),
        (3, "face"),
        (3, "seed"),
        (3, "character"),
        (3, "aliases"),
    ]


def test_wrong_rows_of_yaml_are_named_by_line(folder: Path) -> None:
    sheet = folder / "cast.yaml"
    sheet.write_text(
        "- character: MARA\n  actor: M\n  portrait: mara.png\n\n- character: JONAS\n  "
        "portrait: jonas.png\n  seed: x\n"
    )
    with pytest.raises(InputError) as caught:
        cast.read(sheet, words=WORDS)
    assert [(problem.line, problem.column) for problem in caught.value.problems] == [
        (5, "actor"),
        (5, "portrait"),
        (5, "seed"),
    ]


def test_characters_without_a_row_are_reported_once_with_the_nearest_names() -> None:
    lines = [line("MARA", 3), line("MARRA", 5), line("MARRA", 8), line("THE DAUGTHER", 9)]
    problems = cast.find_unknown_characters(lines, [MARA, JONAS])
    assert [(problem.line, problem.nearest) for problem in problems] == [
        (5, "'MARA'"),
        (9, "'THE DAUGHTER'"),
    ]


def test_in_a_line_sheet_the_row_and_column_are_named() -> None:
    (problem,) = cast.find_unknown_characters([line("MARRA", 5, "lines.csv")], [MARA])
    assert str(problem).startswith("lines.csv, row 5, column character: 'MARRA' speaks here")


def test_names_differ_by_neither_case_nor_spaces_and_aliases_become_the_character() -> None:
    lines = [line("mara", 1), line("The  Daughter", 2), line("STRANGER", 3)]
    assert [named.character for named in cast.resolve_characters(lines, [MARA])] == [
        "MARA",
        "MARA",
        "STRANGER",
    ]
    assert len(cast.find_unknown_characters(lines, [MARA])) == 1
