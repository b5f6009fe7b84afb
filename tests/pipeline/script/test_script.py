# SPDX-License-Identifier: Apache-2.0
"""Lines of a script: their moods, their names, and line sheets."""

from __future__ import annotations

import datetime
from pathlib import Path

import openpyxl
import pytest

from manifests.errors import InputError
from manifests.rows import Line
from model.emotion import LABELS
from pipeline.script import emotion_synonyms, script

WORDS = emotion_synonyms.load_words()
SCRIPTS = Path(__file__).parents[2] / "data" / "scripts"


def lines_of(folder: Path, text: str) -> list[Line]:
    path = folder / "script.fountain"
    path.write_text(text, encoding="utf-8")
    return script.read(path, words=WORDS)


def problems_of(folder: Path, text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(InputError) as caught:
        lines_of(folder, text)
    return [(problem.line, problem.message) for problem in caught.value.problems]


def test_the_hard_script_gives_its_lines() -> None:
    lines = script.read(SCRIPTS / "hard.fountain", words=WORDS)
    assert [line.performance for line in lines[:3]] == ["angry 0.8", "angry 1.2", "fear 1"]
    assert lines[2].direction == "to Mara"
    assert [line.order for line in lines] == list(range(10))
    assert [line.character for line in lines if line.voice_over] == ["JONAS", "McCLANE", "小林"]
    assert [line.text for line in lines if line.simultaneous] == ["Right side."]
    assert lines[1].notes == "a remark over two lines"
    assert lines[8].performance == "neutral 1 -> happy 0.9"
    assert len({line.line_id for line in lines}) == 10


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    plain = (SCRIPTS / "hard.fountain").read_text(encoding="utf-8")
    path = tmp_path / "hard.fountain"
    path.write_bytes(b"\xef\xbb\xbf" + plain.replace("\n", "\r\n").encode())
    assert script.read(path, words=WORDS) == script.read(SCRIPTS / "hard.fountain", words=WORDS)


def test_the_synonym_table_is_wide_and_reaches_every_label() -> None:
    assert len(WORDS) >= 120
    assert {label for mix in WORDS.values() for label, _ in mix} == set(LABELS)


@pytest.mark.parametrize(
    ("parenthetical", "mood", "rest"),
    [
        ("furious", "angry 1.2", ""),
        ("Furious, to Mara", "angry 1.2", "to Mara"),
        ("very sad", "sad 1.25", ""),
        ("a little nervous", "fear 0.3", ""),
        ("happy 0.6 + surprised 0.4", "happy 0.6 + surprised 0.4", ""),
        ("calm -> furious", "neutral 1 -> angry 1.2", ""),
        ("happy, sad", "happy 0.5 + sad 0.5", ""),
        ("not angry", None, "not angry"),
        ("beat", None, "beat"),
        ("very terrified", None, "very terrified"),
        ("", None, ""),
    ],
)
def test_a_parenthetical_is_a_mood_or_direction(
    parenthetical: str, mood: str | None, rest: str
) -> None:
    curve, direction = emotion_synonyms.parse_parenthetical(parenthetical, WORDS)
    assert (str(curve) if curve else None, direction) == (mood, rest)


def test_a_mood_that_changes_in_a_speech_begins_a_new_line(tmp_path: Path) -> None:
    lines = lines_of(
        tmp_path, "MARA\n(happy)\nHello.\nYou.\n(furious)\nGet out!\n[[emotion: sad]]\nPlease.\n"
    )
    assert [(line.text, line.performance, line.source_line) for line in lines] == [
        ("Hello. You.", "happy 1", 1),
        ("Get out!", "angry 1.2", 5),
        ("Please.", "sad 1", 7),
    ]


def test_a_note_goes_before_a_parenthetical_which_becomes_direction(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path, "MARA\n(happy)\n[[emotion: sad 0.5]]\nHello.\n")
    assert (line.performance, line.direction) == ("sad 0.5", "happy")


@pytest.mark.parametrize(
    "speech",
    [
        "MARA [[emotion: sad]]\nHello.",
        "MARA\nHello. [[emotion: sad]]",
        "MARA\nHello.\n[[emotion: sad]]",
    ],
)
def test_a_note_may_stand_by_the_name_in_the_words_or_after_them(
    tmp_path: Path, speech: str
) -> None:
    (line,) = lines_of(tmp_path, speech + "\n")
    assert (line.text, line.performance) == ("Hello.", "sad 1")


def test_a_mute_reaction_is_no_line(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, "MARA\n(smiling)\n\nJONAS\nWhat?\n")
    assert [line.character for line in lines] == ["JONAS"]


def test_every_wrong_note_of_a_script_is_reported_with_its_line(tmp_path: Path) -> None:
    stray = "MARA\nA. [[emotion: hapy]]\n\n[[emotion: sad]]\n\n"
    text = stray + "JONAS\n[[emotoin: sad]]\nB.\n\nMARA\nC. [[emotion: sad]] [[emotion: fear 2]]\n"
    assert problems_of(tmp_path, text) == [
        (2, "unknown emotion 'hapy'"),
        (4, "this emotion note is outside any speech"),
        (7, "this note looks like a misspelt emotion note"),
        (11, "intensity 2 of 'fear' is above 1.5"),
    ]


def test_a_mood_in_brackets_may_stand_before_the_words_on_their_line(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, "MARA\n(furious) Get out!\n(sad) Please.\n(Mara) is my name.\n")
    assert [(line.text, line.performance) for line in lines] == [
        ("Get out!", "angry 1.2"),
        ("Please. (Mara) is my name.", "sad 1"),
    ]


@pytest.mark.parametrize("extension", ["V.O., CONT'D", "VO/CONT’D", "o/s", "OFF", "Voice-Over"])
def test_extensions_may_share_a_bracket(tmp_path: Path, extension: str) -> None:
    (line,) = lines_of(tmp_path, f"MARA ({extension})\nHi.\n")
    assert (line.voice_over, line.notes) == (True, "")


@pytest.mark.parametrize("note", ["emotion sad", "sad 0.4", "mood: sad", "emotions: sad"])
def test_a_note_that_names_an_emotion_without_the_word_for_it_is_not_passed_over(
    tmp_path: Path, note: str
) -> None:
    with pytest.raises(InputError, match=r"a misspelt emotion note .*'emotion: "):
        lines_of(tmp_path, f"MARA\n[[{note}]]\nHi.\n")


def test_other_notes_stay_notes(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path, "MARA\n[[emotional beat here]]\n[[grade: neutral]]\nHi.\n")
    assert line.notes == "emotional beat here; grade: neutral"


def test_the_arrow_of_word_processors_turns_a_mood_too(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path, "MARA\n[[emotion: neutral → angry 0.9]]\nHi.\n")
    assert line.performance == "neutral 1 -> angry 0.9"


def test_an_intensity_that_is_too_high_is_told_with_the_range(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"intensity 2 of 'happy' is above 1.5 \(expected 0 to 1.5\)"
    ):
        lines_of(tmp_path, "MARA\n[[emotion: happy 2]]\nHi.\n")


def test_line_ids_stay_when_other_lines_moods_and_directions_come_and_go(tmp_path: Path) -> None:
    before = lines_of(tmp_path, "INT. A\n\nMARA\nYes.\n\nJONAS\nNo.\n\nMARA\nYes.\n")
    after = lines_of(
        tmp_path, "INT. A\n\nJONAS\nNew.\n\nMARA\n(sad)\nYes.\n\nJONAS\n(beat)\nNo.\n\nMARA\nYes.\n"
    )
    assert [line.line_id for line in after[1:]] == [line.line_id for line in before]
    assert len({line.line_id for line in after}) == 4
    assert before[0].line_id.startswith("mara-")


def test_a_script_of_unknown_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "script.pdf"
    path.touch()
    with pytest.raises(
        InputError,
        match=r"script.pdf: not a supported script format \(expected .fountain, .txt, .csv or",
    ):
        script.read(path, words=WORDS)


def test_a_production_can_bring_its_own_words(tmp_path: Path) -> None:
    own = tmp_path / "emotions.csv"
    own.write_text("word,emotion\nhangry,angry 0.6 + sad 0.2\nfurious,angry 1.4\n")
    words = emotion_synonyms.load_words(own)
    assert words["hangry"] == (("angry", 0.6), ("sad", 0.2))
    assert words["furious"] == (("angry", 1.4),)
    assert words["scared"] == WORDS["scared"]


def test_every_wrong_word_of_an_own_table_is_reported(tmp_path: Path) -> None:
    own = tmp_path / "emotions.csv"
    own.write_text(
        "word,emotion\na,happpy\nhappy,sad\na,sad\nb,sad\nb,fear\nc,sad -> happy\n,sad\n"
    )
    with pytest.raises(InputError) as caught:
        emotion_synonyms.load_words(own)
    assert [(problem.row, problem.column) for problem in caught.value.problems] == [
        (2, "emotion"),
        (3, "word"),
        (6, "word"),
        (7, "emotion"),
        (8, "word"),
    ]


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
