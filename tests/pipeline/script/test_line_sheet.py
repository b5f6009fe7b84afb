# SPDX-License-Identifier: Apache-2.0
"""Line sheets: CSV files and workbooks with a line in each row."""

from __future__ import annotations

import datetime
from pathlib import Path

import openpyxl
import pytest

from manifests.errors import InputError
from manifests.rows import Line
from pipeline.script import emotion_synonyms, script

WORDS = emotion_synonyms.load_words()


SHEET = "line_id,scene,character,text,emotion,direction,audio_file,start,end,lang,notes\n"


def test_a_line_sheet_gives_its_lines(tmp_path: Path) -> None:
    (tmp_path / "one.wav").touch()
    path = tmp_path / "lines.csv"
    path.write_text(
        SHEET + 'L1,1,MARA (V.O.),"Two\nlines",furious 0.5,to Jonas,one.wav,1:05.5,75.25,de,x\n\n'
        ",2,JONAS ^,=1+1,,,,,,,\n"
    )
    first, second = script.read(path, words=WORDS, language="en")
    assert first == Line(
        line_id="L1",
        order=0,
        scene="1",
        character="MARA",
        text="Two lines",
        performance="angry 0.6",
        direction="to Jonas",
        lang="de",
        voice_over=True,
        audio_file="one.wav",
        start_seconds=65.5,
        end_seconds=75.25,
        notes="x",
        source="lines.csv",
        source_line=2,
    )
    assert (second.text, second.simultaneous, second.source_line, second.lang) == (
        "=1+1",
        True,
        4,
        "en",
    )
    assert second.line_id.startswith("jonas-")


def test_a_workbook_reads_like_the_same_csv(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [
        ["Line ID", "scene", "Character", "text", "start"],
        [7, 1, "MARA", "Hello.", 2.5],
        [],
        ["L2", 12, "MARA", "Bye.", None],
    ]:
        book.active.append(row)
    book.save(tmp_path / "lines.xlsx")
    lines = script.read(tmp_path / "lines.xlsx", words=WORDS)
    assert [
        (line.line_id, line.scene, line.text, line.start_seconds, line.source_line)
        for line in lines
    ] == [("7", "1", "Hello.", 2.5, 2), ("L2", "12", "Bye.", None, 4)]


def test_cells_merged_over_rows_stand_in_each_of_them_and_an_empty_scene_is_as_above(
    tmp_path: Path,
) -> None:
    book = openpyxl.Workbook()
    for row in [
        ["line_id", "scene", "character", "text"],
        ["1", "Quay", "MARA", "Hi."],
        ["2", None, None, "You?"],
        ["3", None, "JONAS", "Me."],
        ["4", "Lamp", "JONAS", "Up."],
    ]:
        book.active.append(row)
    book.active.merge_cells("C2:C3")
    book.save(tmp_path / "lines.xlsx")
    lines = script.read(tmp_path / "lines.xlsx", words=WORDS)
    assert [(line.scene, line.character) for line in lines] == [
        ("Quay", "MARA"),
        ("Quay", "MARA"),
        ("Quay", "JONAS"),
        ("Lamp", "JONAS"),
    ]


def test_the_first_shown_worksheet_with_the_columns_is_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["The Lighthouse, line sheet"])
    for title, text, state in [
        ("old", "Old.", "hidden"),
        ("lines", "New.", "visible"),
        ("spare", "Spare.", "visible"),
    ]:
        sheet = book.create_sheet(title)
        sheet.append(["Line ID", "Scene", "Character", "Text"])
        sheet.append(["1", "1", "MARA", text])
        sheet.sheet_state = state
    book.save(tmp_path / "lines.xlsx")
    assert [line.text for line in script.read(tmp_path / "lines.xlsx", words=WORDS)] == ["New."]


@pytest.mark.parametrize(
    "sheet",
    [
        b"sep=;\r\nline_id;scene;character;text;start\r\n1;1;MARA;Hi;1:15,5\r\n",
        b"\xef\xbb\xbfline_id,,scene,character,text,start,,\r\n1,,1,MARA,Hi,75.5,,\r\n,,,,,,,\r\n",
    ],
    ids=["for Excel", "with empty columns"],
)
def test_line_sheets_are_read_as_spreadsheets_write_them(tmp_path: Path, sheet: bytes) -> None:
    (tmp_path / "lines.csv").write_bytes(sheet)
    (line,) = script.read(tmp_path / "lines.csv", words=WORDS)
    assert (line.line_id, line.text, line.start_seconds) == ("1", "Hi", 75.5)


def test_a_day_in_a_workbook_stays_a_day(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [
        ["line_id", "scene", "character", "text", "notes"],
        ["1", "1", "MARA", "Hi.", datetime.date(2026, 11, 22)],
    ]:
        book.active.append(row)
    book.save(tmp_path / "lines.xlsx")
    assert script.read(tmp_path / "lines.xlsx", words=WORDS)[0].notes == "2026-11-22"


@pytest.mark.parametrize("separator", [";", "\t"])
def test_sheets_of_other_countries_are_read(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "lines.csv"
    path.write_text(
        SHEET.replace(",", separator) + separator.join(["L1", "1", "MARA", "Yes, no.", *[""] * 7])
    )
    assert script.read(path, words=WORDS)[0].text == "Yes, no."


def test_every_wrong_cell_of_a_line_sheet_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    path.write_text(
        SHEET + "L1,1,,Hi.,hapy,,,,,,\nL1,1,MARA,,,,no.wav,x,,english!,\nL3,1,(V.O.),Hi.,,,,3,2,,\n"
    )
    with pytest.raises(InputError) as caught:
        script.read(path, words=WORDS)
    assert [(problem.row, problem.column) for problem in caught.value.problems] == [
        (2, "character"),
        (2, "emotion"),
        (3, "text"),
        (3, "audio_file"),
        (3, "lang"),
        (3, "start"),
        (3, "line_id"),
        (4, "character"),
        (4, "end"),
    ]
