# SPDX-License-Identifier: Apache-2.0
"""A lesson's script is written as Markdown and read again."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.lesson import lesson_script, markdown, markdown_writer
from pipeline.script.emotion_synonyms import load_words
from tests.pipeline.lesson.test_lesson_script import read

WORDS = load_words()


# spaces between Chinese characters go away on purpose: lines of Chinese join without one
plain_text = st.text(
    st.characters(max_codepoint=0x2E7F, exclude_categories=("C", "Z")), min_size=1, max_size=12
)


sentences = st.lists(plain_text, min_size=1, max_size=6).map(" ".join)


sections = st.lists(
    st.tuples(sentences, st.lists(sentences, min_size=1, max_size=3)), min_size=1, max_size=3
)


@given(sections)
def test_whatever_is_said_is_read_again_as_it_was_written(
    body: list[tuple[str, list[str]]],
) -> None:
    seed = read(
        "\n\n".join(
            f"# S{number}\n" + "\n\n".join("words" for _ in lines)
            for number, (_, lines) in enumerate(body)
        )
    )
    titles = {str(number): title for number, (title, _) in enumerate(body, start=1)}
    texts = dict(
        zip(
            (line.line_id for line in seed.lines),
            (text for _, lines in body for text in lines),
            strict=True,
        )
    )
    script = lesson_script.replace_texts(seed, titles, texts)
    again = read(markdown_writer.write(script))
    assert [section.title for section in again.sections] == [
        section.title for section in script.sections
    ]
    assert [line.text for line in again.lines] == [line.text for line in script.lines]
    assert [line.character for line in again.lines] == [line.character for line in script.lines]


def test_the_sample_script_is_read_again_as_it_was_written() -> None:
    sample = Path(__file__).parents[3] / "examples" / "lesson" / "lesson.md"
    script = markdown.read(sample, words=WORDS)
    again = read(markdown_writer.write(script))
    assert [s.slides for s in again.sections] == [("1",), ("2",), ("3a", "3b"), ("4",)]
    assert [(line.line_id, line.performance) for line in again.lines] == [
        (line.line_id, line.performance) for line in script.lines
    ]
