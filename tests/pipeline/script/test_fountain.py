# SPDX-License-Identifier: Apache-2.0
"""Fountain, element by element: who speaks what, on which line of the file."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import InputError
from pipeline.script import fountain

SCRIPTS = Path(__file__).parents[2] / "data" / "scripts"


def speeches(text: str) -> list[tuple[int, str, str]]:
    """Line, character and words of every speech."""
    play = fountain.parse(text, file="s.fountain")
    return [
        (s.line, s.character, " ".join(p.text for p in s.parts if p.kind == "text"))
        for s in play.speeches
    ]


def test_a_hard_script_gives_every_speech_with_its_line() -> None:
    assert speeches((SCRIPTS / "hard.fountain").read_text(encoding="utf-8")) == [
        (26, "MARA", "Who left the door open?"),
        (29, "JONAS", "Not I."),
        (34, "McCLANE", "I heard it too. It was near."),
        (42, "林小雨", "你好，世界。"),
        (45, "小林", "我在这里。"),
        (48, "ZOË", "Left side."),
        (51, "MARA", "Right side."),
        (54, "MARA", "One. (happily) Two. Three after a kept blank line."),
        (77, "JONAS", "Good morning."),
        (84, "R2D2", "Beep."),
    ]


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_line_ends_of_other_systems_read_the_same(newline: str) -> None:
    text = (SCRIPTS / "hard.fountain").read_text(encoding="utf-8")
    assert speeches(text.replace("\n", newline)) == speeches(text)


def test_scenes_are_told_apart_by_number_heading_and_repetition() -> None:
    headings = ["INT. A - DAY", "int. b - night #12A#", ".FORCED", "INT. A - DAY", "EXT./INT. CAR"]
    text = "\n\n".join(f"{heading}\n\nMARA\nHello." for heading in headings)
    scenes = [speech.scene for speech in fountain.parse(text, file="s").speeches]
    assert scenes == [
        "INT. A - DAY",
        "12A int. b - night",
        "FORCED",
        "INT. A - DAY (2)",
        "EXT./INT. CAR",
    ]


def test_a_speech_right_under_its_scene_heading_is_not_lost() -> None:
    assert speeches("INT. ROOM - DAY\nMARA\nHello.\n") == [(2, "MARA", "Hello.")]


@pytest.mark.parametrize(
    ("cue", "expected"),
    [
        ("MARA (V.O.)", ("MARA", ("V.O.",), False)),
        ("MARA (on the radio) (CONT'D) ^", ("MARA", ("on the radio", "CONT'D"), True)),
        ("DR. O'NEILL-SMITH #2", ("DR. O'NEILL-SMITH #2", (), False)),
        ("(V.O.)", None),
    ],
)
def test_a_cue_falls_into_name_extensions_and_dual_mark(cue: str, expected: object) -> None:
    assert fountain.parse_cue(cue) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Mara\nThis is action.",
        "MARA\n\nNothing follows at once.",
        "CUT TO:\nMara",
        "> FADE OUT\nMara",
        "!MARA\nForced action.",
        "# ACT\nMara",
        "= SYNOPSIS\nMara",
        "1984\nNo letters.",
        "雨下着。\n灯转着。",
        "Title: MARA\nAuthor: X",
    ],
)
def test_what_is_no_cue_makes_no_speech(text: str) -> None:
    assert speeches(text) == []


def test_a_title_page_is_skipped_and_a_script_without_one_is_not() -> None:
    assert speeches("Title:\n    A Play\nNotes: MARA\n\nMARA\nHello.") == [(5, "MARA", "Hello.")]
    assert speeches("FADE IN:\n\nMARA\nHello.") == [(3, "MARA", "Hello.")]
    assert speeches("MARA\nHello: you.") == [(1, "MARA", "Hello: you.")]


@pytest.mark.parametrize(
    "page",
    ["TITLE:\n    THE LIGHTHOUSE\nAUTHOR:\n    B. B.", "\n\nTITLE: THE LIGHTHOUSE\nAUTHOR: B. B."],
)
def test_a_title_page_in_capitals_is_spoken_by_nobody(page: str) -> None:
    assert [
        speech.character for speech in fountain.parse(f"{page}\n\nMARA\nHi.\n", file="s").speeches
    ] == ["MARA"]


@pytest.mark.parametrize(
    "above",
    [
        "# ACT ONE",
        "= They meet.",
        "===",
        "[[marker: red]]",
        "CUT TO:",
        "> FADE TO BLACK:",
        "> II <",
    ],
)
def test_a_speech_right_under_a_line_of_its_own_is_not_lost(above: str) -> None:
    play = fountain.parse(f"{above}\nMARA\nHello.\n\n{above}\nINT. KITCHEN\nJONAS\nHi.\n", file="s")
    assert [(s.scene, s.character, s.line) for s in play.speeches] == [
        ("", "MARA", 2),
        ("INT. KITCHEN", "JONAS", 7),
    ]


def test_names_and_headings_may_be_set_in_bold_and_hold_a_sharp_s() -> None:
    play = fountain.parse(
        ".**INT. HOF** #2#\n\n**GROßVATER** (V.O.)\nHallo.\n\n_EXT. WEG_\n\n_MARA_\nJa.\n", file="s"
    )
    assert [(s.scene, s.character) for s in play.speeches] == [
        ("2 INT. HOF", "GROßVATER"),
        ("EXT. WEG", "MARA"),
    ]


def test_notes_know_their_line_and_whether_they_stand_alone() -> None:
    text = "MARA [[one]]\n[[two]]\nHello [[three\nmore]] there.\nBye. [[four]]\n"
    notes = [
        (p.text, p.line, p.alone)
        for p in fountain.parse(text, file="s").speeches[0].parts
        if p.kind == "note"
    ]
    assert notes == [
        ("one", 1, False),
        ("two", 2, True),
        ("three more", 3, False),
        ("four", 5, False),
    ]


def test_lines_after_a_note_or_boneyard_of_several_lines_keep_their_numbers() -> None:
    text = (
        "/* a\nb\n\nc */\n\nMARA\nHello.\n/*\nx\n*/\nBye.\n\nJONAS\nHi. [[a\nb]]\nHo.\n\n"
        "MARA\nEnd.\n"
    )
    assert speeches(text) == [
        (6, "MARA", "Hello. Bye."),
        (13, "JONAS", "Hi. Ho."),
        (18, "MARA", "End."),
    ]


@pytest.mark.parametrize(
    ("text", "line"), [("MARA\nHello [[oops.\n\nJONAS\nHi ]].", 2), ("A\n\n/* never", 3), ("[[", 1)]
)
def test_what_is_opened_and_never_closed_is_named_with_its_line(text: str, line: int) -> None:
    with pytest.raises(InputError) as caught:
        fountain.parse(text, file="s")
    assert caught.value.problems[0].line == line


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("*a* **b** ***c*** _d_ **_e_**", "a b c d e"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("snake_case_name", "snake_case_name"),
        (r"\*not\* this", "*not* this"),
        ("你好 世界", "你好世界"),
        ("a  b\tc", "a b c"),
    ],
)
def test_emphasis_is_not_spoken(marked: str, plain: str) -> None:
    assert fountain.strip_emphasis(marked) == plain


@given(st.text(alphabet="AB ab\n()[]/*@.^!~>#=林", max_size=80))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    try:
        play = fountain.parse(text, file="s")
    except InputError as error:
        assert error.problems[0].line
    else:
        lines = text.count("\n") + 1
        assert all(1 <= part.line <= lines for speech in play.speeches for part in speech.parts)
        assert [s.line for s in play.speeches] == sorted({s.line for s in play.speeches})


names = st.text(alphabet="ABCDEFÄÖ", min_size=1, max_size=6)
words = st.text(alphabet="abc ,.?", min_size=1, max_size=20).map(lambda text: f"x{text}x")


@given(st.lists(st.tuples(names, words), min_size=1, max_size=8))
def test_every_written_speech_is_read_back_in_order(spoken: list[tuple[str, str]]) -> None:
    text = "INT. ROOM - DAY\n\n" + "\n\n".join(f"@{name}\n{said}" for name, said in spoken)
    read = [(name, said) for _, name, said in speeches(text)]
    assert read == [(name, " ".join(said.split())) for name, said in spoken]


@pytest.mark.parametrize("text", ["*a ", "_a ", "(hi\n", "[[a]] ", "/**/", "MARA\nhi\n\n"])
def test_reading_takes_time_in_proportion_to_the_length(text: str) -> None:
    began = time.process_time()
    fountain.parse("MARA\n" + text * 20_000, file="s")
    assert time.process_time() - began < 5  # a quadratic reader takes 10 s and more
