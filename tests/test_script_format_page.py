# SPDX-License-Identifier: Apache-2.0
"""The page about the script format: the reader reads every example as the page prints it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from manifests.rows import Line
from pipeline.script import script
from pipeline.script.emotion_synonyms import DEGREES, Words, load_words

PAGE = Path(__file__).parents[1] / "docs/reference/script-format.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```fountain\n(.*?)```\n\n```text\n(.*?)```", TEXT, flags=re.DOTALL)
WORDS = load_words()


def format_lines(lines: list[Line]) -> str:
    """Write lines as the page prints them: each scene, then who says what and how."""
    printed, scene = [], "1"
    for line in lines:
        if line.scene != scene:
            scene = line.scene
            printed.append(scene)
        printed.append(format_line(line))
    return "\n".join(printed) + "\n"


def format_line(line: Line) -> str:
    """Write a line with what is known of it in brackets."""
    facts = [
        line.performance,
        "off screen" if line.voice_over else "",
        "together with the line before" if line.simultaneous else "",
        f"direction: {line.direction}" if line.direction else "",
        f"note: {line.notes}" if line.notes else "",
    ]
    known = "; ".join(filter(None, facts))
    return f"{line.character}{f' [{known}]' if known else ''}: {line.text}"


def read_text(text: str, folder: Path, words: Words = WORDS) -> list[Line]:
    path = folder / "script.fountain"
    path.write_text(text, encoding="utf-8")
    return script.read(path, words=words)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example[0].splitlines()[0])
def test_the_reader_reads_the_examples_as_printed(example: tuple[str, str], tmp_path: Path) -> None:
    assert format_lines(read_text(example[0], tmp_path)) == example[1]


@pytest.mark.parametrize(
    ("cue", "facts"),
    [
        ("MARA (V.O.)", " [off screen]"),
        ("MARA (O.S.)", " [off screen]"),
        ("MARA (O.C.)", " [off screen]"),
        ("MARA (OFF)", " [off screen]"),
        ("MARA (V.O., CONT'D)", " [off screen]"),
        ("MARA (CONT'D)", ""),
        ("MARA (ON PHONE)", " [note: ON PHONE]"),
    ],
)
def test_the_table_says_what_extensions_mean(cue: str, facts: str, tmp_path: Path) -> None:
    assert format_lines(read_text(f"{cue}\nHi.\n", tmp_path)) == f"MARA{facts}: Hi.\n"


def test_what_the_table_skips_is_skipped(tmp_path: Path) -> None:
    text = (
        "# Act one\n\n= Synopsis\n\n===\n\nCUT TO:\n\n> FADE OUT.\n\n> THE END <\n\n!A CRASH\nx\n"
    )
    assert format_lines(read_text(f"{text}\nMARA\n~Row _row_.\n", tmp_path)) == "MARA: Row row.\n"


def test_the_table_names_scenes(tmp_path: Path) -> None:
    headings = ["INT. KITCHEN #12A#", "INT. KITCHEN", "INT. KITCHEN", "i/e car", ".FLASHBACK"]
    lines = read_text("".join(f"{heading}\nMARA\nHi.\n\n" for heading in headings), tmp_path)
    names = ["12A INT. KITCHEN", "INT. KITCHEN", "INT. KITCHEN (2)", "i/e car", "FLASHBACK"]
    assert [line.scene for line in lines] == names


def test_the_numbers_on_the_page_are_those_of_the_tables() -> None:
    assert f"understands {len(WORDS)} other words" in " ".join(TEXT.split())
    assert all(f'"{degree}"' in " ".join(TEXT.split()) for degree in DEGREES)
