# SPDX-License-Identifier: Apache-2.0
"""The page about lesson scripts: the reader reads the example and the table as the page prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.lesson import layouts, markdown
from pipeline.lesson.lesson_script import LessonScript
from pipeline.lesson.slide_files import LARGEST_FILE, MOST_SLIDES
from pipeline.script.emotion_synonyms import load_words

PAGE = Path(__file__).parents[1] / "docs/reference/lesson-script.md"
TEXT = PAGE.read_text(encoding="utf-8")
WORDS = load_words()


def read_text(text: str) -> LessonScript:
    return markdown.parse(text, file="lesson.md", words=WORDS)


def format_script(script: LessonScript) -> str:
    """Write a script as the page prints it: sections, slides, and who says what."""
    printed = []
    for section in script.sections:
        printed.append(f"{section.title}{f' ({section.layout})' if section.layout else ''}")
        slides = {step.line_id: step.slide for step in section.steps}
        for line in script.lines_of(section):
            printed += [f"slide {slides[line.line_id]}"] if line.line_id in slides else []
            mood = f" [{line.performance}]" if line.performance else ""
            printed.append(f"{line.character}{mood}: {line.text}")
    return "\n".join(printed) + "\n"


def test_the_reader_reads_the_example_as_printed() -> None:
    (example,) = re.findall(r"```markdown\n(.*?)```\n\n```text\n(.*?)```", TEXT, flags=re.DOTALL)
    assert format_script(read_text(example[0])) == example[1]


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("*word* `word` [word](address)", ["word word word"]),
        ("One.\n\n## Heading\n\n> quotation\n\n```\ncode\n```\n\n---\n\nTwo.", ["One.", "Two."]),
        ("See ![a picture](a.png) this.[^1]\n\n[^1]: A footnote.", ["See this."]),
        ("One. [[any other note]] <!-- any other comment --> Two.", ["One. Two."]),
        ("- One.\n- Two.", ["One.", "Two."]),
        ("\\# and \\* and \\[", ["# and * and ["]),
        ("ANNA: Hello.", ["Hello."]),
    ],
)
def test_the_table_says_what_is_spoken(written: str, spoken: list[str]) -> None:
    script = read_text(f"---\nauthor: A. Writer\n---\nA title\n=====\n{written}\n")
    assert [line.text for line in script.lines] == spoken


def test_the_page_names_every_part_of_a_layout() -> None:
    parts = {*layouts.WORDS} - {"size", "margin"}
    assert sorted(part for part in parts if f"`{part}`" not in TEXT) == []
    assert layouts.parse("size 10%, margin 25%").margin == 0.25


def test_the_limits_on_the_page_are_those_of_the_reader() -> None:
    assert f"at most {MOST_SLIDES} slides of at most {LARGEST_FILE >> 20} MB" in " ".join(
        TEXT.split()
    )
