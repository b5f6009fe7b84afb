# SPDX-License-Identifier: Apache-2.0
"""Lines of a script: their moods, their names, and line sheets."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.errors import InputError
from manifests.rows import Line
from pipeline.script import emotion_synonyms, script

WORDS = emotion_synonyms.load_words()
SCRIPTS = Path(__file__).parents[2] / "data" / "scripts"


def lines_of(folder: Path, text: str) -> list[Line]:
    path = folder / "script.fountain"
    path.write_text(text, encoding="utf-8")
    return script.read(path, words=WORDS)


def collect_problems(folder: Path, text: str) -> list[tuple[int | None, str]]:
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
    assert collect_problems(tmp_path, text) == [
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
