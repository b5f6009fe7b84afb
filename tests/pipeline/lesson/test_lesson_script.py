# SPDX-License-Identifier: Apache-2.0
"""A lesson's script: Markdown and line sheets to sections, builds and lines; what is written is
read again; wrong parts are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.errors import InputError
from pipeline.lesson import markdown
from pipeline.lesson.layouts import Arrangement
from pipeline.lesson.lesson_script import LessonScript, build_from_lines, check
from pipeline.script import script as line_sheets
from pipeline.script.emotion_synonyms import load_words

WORDS = load_words()


def read(text: str) -> LessonScript:
    return markdown.parse(text, file="lesson.md", words=WORDS)


def problems(text: str) -> list[str]:
    with pytest.raises(InputError) as error:
        read(text)
    return [str(problem) for problem in error.value.problems]


def test_sections_have_titles_slides_layouts_and_spoken_paragraphs() -> None:
    script = read(
        "# One\n\nHello *there*.\n\n# Two\n<!-- slide 7 -->\n<!-- layout: slide only -->\n"
        "A [link](x) and `code`.\n- an item\n"
    )
    first, second = script.sections
    assert (first.title, first.slides, first.layout) == ("One", ("1",), "")
    assert (second.title, second.slides, second.layout) == ("Two", ("7",), "slide only")
    assert [line.text for line in script.lines] == ["Hello there.", "A link and code.", "an item"]
    assert [line.scene for line in script.lines] == ["One", "Two", "Two"]


def test_a_build_in_the_middle_of_a_paragraph_begins_a_line_there() -> None:
    script = read("# One\n<!-- slide 3a -->\nFirst this. <!-- slide 3b --> Then that.\n")
    assert [line.text for line in script.lines] == ["First this.", "Then that."]
    assert [(step.slide, step.line_id) for step in script.sections[0].steps] == [
        ("3a", script.lines[0].line_id),
        ("3b", script.lines[1].line_id),
    ]


def test_emotions_are_marked_as_in_episodes() -> None:
    script = read(
        "# One\n"
        "(very happy, to the class) Good morning. [[emotion: sad 0.4]] "
        "And goodbye. [[slowly]]\n\n(aside) Hm.\n"
    )
    assert [line.performance for line in script.lines] == ["happy 1.25", "sad 0.4", ""]
    assert script.lines[0].direction == "to the class"
    assert script.lines[1].notes == "slowly" and script.lines[2].direction == "aside"


def test_several_presenters_are_named_in_their_paragraphs_until_the_section_ends() -> None:
    script = read(
        "# One\nI begin.\n\n**ANNA:** I go on.\n\nStill me.\n\nBEN: And I.\n\n# Two\n"
        "The first again.\n"
    )
    assert [line.character for line in script.lines] == [
        "PRESENTER",
        "ANNA",
        "ANNA",
        "BEN",
        "PRESENTER",
    ]
    assert [line.text for line in script.lines][1:4] == ["I go on.", "Still me.", "And I."]


def test_what_is_only_read_is_not_spoken() -> None:
    aside = (
        "## A subtitle\n> a note\n\n---\n\n```\ncode # not a section\n```\n![picture](x.png)\n\n"
    )
    text = f"# One\n{aside}Spoken.\n<!-- a remark\nover lines -->\n"
    script = read(text)
    assert [line.text for line in script.lines] == ["Spoken."] and len(script.sections) == 1


def test_what_markdown_keeps_for_readers_is_not_spoken() -> None:
    script = read(
        "---\ntitle: Lights\n---\n\nOne\n===\nSee [this][1] lamp[^a],\\\nand that.\n\n"
        "[1]: https://example.org\n\n[^a]: by the sea\n"
    )
    assert script.sections[0].title == "One" and script.lines[0].source_line == 7
    assert [line.text for line in script.lines] == ["See this lamp, and that."]


def test_nothing_of_a_script_is_left_out_in_silence() -> None:
    told = problems(
        "# One\n<!-- slide 1 -->\n<!-- slide 2 -->\n<!-- layout: slide only -->\nHi.\n\n"
        "#1 is the lamp.\n\n"
        "<!-- layout: corner -->\nBye.\n\n<!-- slide 3 -->\n"
    )
    assert any("line 2" in one and "nothing is spoken over slide 1" in one for one in told)
    assert any("line 7" in one and "neither a heading" in one for one in told)
    assert any("line 9" in one and "two layouts" in one for one in told)
    assert any("line 12" in one and "nothing is spoken over slide 3" in one for one in told)


def test_a_line_keeps_its_id_when_other_lines_come_and_go() -> None:
    before = read("# One\nHello.\n\nGoodbye.\n")
    after = read("# One\nHello.\n\nA new line.\n\n(sad) Goodbye.\n")
    assert before.lines[0].line_id == after.lines[0].line_id
    assert before.lines[1].line_id == after.lines[2].line_id


def test_every_problem_is_told_at_once_with_its_line() -> None:
    told = problems(
        "lost words\n\n# One\n<!-- slid 3 -->\nHi. [[emotion: hapy 1]]\n\n| a | b |\n\n"
        "<b>bold</b>\n\n# Empty\n"
    )
    assert any("line 1" in one and "before the first section" in one for one in told)
    assert any("line 4" in one and "did you mean 'slide'" in one for one in told)
    assert any("line 5" in one and "did you mean 'happy'" in one for one in told)
    assert any("line 7" in one and "table" in one for one in told)
    assert any("line 9" in one and "HTML" in one for one in told)
    assert any("line 11" in one and "nothing is spoken" in one for one in told)
    assert any("never closed" in one for one in problems("# One\nHello <!-- slide 3\n"))


def test_a_line_sheet_is_a_lesson_too(tmp_path: Path) -> None:
    sheet = tmp_path / "lesson.csv"
    sheet.write_text(
        "line_id,scene,character,text,notes\n1,One,ANNA,Hello.,\n"
        "2,Two,ANNA,First.,slide 3a; layout corner\n3,Two,ANNA,Then.,slide 3b\n"
    )
    script = build_from_lines(line_sheets.read(sheet, words=WORDS))
    assert [section.slides for section in script.sections] == [("1",), ("3a", "3b")]
    assert script.sections[1].layout == "corner"


def test_slides_and_layouts_that_there_are_not_are_named() -> None:
    script = read("# One\n<!-- slide 33 -->\n<!-- layout: cornr -->\nHello.\n")
    found = [
        str(problem)
        for problem in check(script, slides=["1", "3a", "3b"], base=Arrangement(), file="lesson.md")
    ]
    assert "line 2" in found[0] and "no slide '33'" in found[0]
    assert "did you mean 'corner'" in found[1]


@pytest.mark.parametrize(
    "text",
    [
        "# One\n" + "(" * 5000 + "\n",
        "# One\n" + "[[" * 2000,
        "# " + "x" * 100_000,
        "\\" * 9999,
        "# One\n" + "*" * 20_000,
    ],
)
def test_long_nonsense_is_answered_at_once(text: str) -> None:
    try:
        read(text)
    except InputError as error:
        assert error.problems
