# SPDX-License-Identifier: Apache-2.0
"""Generated pages of the reference: complete, short, and safe as Markdown tables."""

from __future__ import annotations

import functools

from infra.generated_docs import generate_pages
from infra.reference.pages import format_table
from pipeline.script import sheet_columns
from pipeline.script.production import Production

LONGEST_PAGE = 1500  # words
PAGES = functools.cache(generate_pages)


def test_no_generated_page_is_long() -> None:
    lengths = {name: len(text.split()) for name, text in PAGES().items()}
    assert {name: words for name, words in lengths.items() if words > LONGEST_PAGE} == {}


def test_a_page_says_first_what_it_is_for() -> None:
    firsts = [text.splitlines()[2] for text in PAGES().values()]
    assert all(line.startswith(("This page lists", "These commands")) for line in firsts)


def test_every_key_and_every_column_is_described() -> None:
    keys, sheets = PAGES()["reference/production-toml.md"], PAGES()["reference/sheets.md"]
    assert [name for name in ("title", "profiles", "deadline") if f"|`{name}`|" not in keys] == []
    assert len([line for line in keys.splitlines() if line.startswith("|`")]) > len(
        Production.model_fields
    )
    columns = [*sheet_columns.CAST, *sheet_columns.LINES, *sheet_columns.CUES]
    assert [column.name for column in columns if f"|`{column.name}`|" not in sheets] == []


def test_every_option_of_a_command_is_on_its_page() -> None:
    page = PAGES()["reference/commands/review.md"]
    assert "callsheet shot retry PRODUCTION SHOT..." in page
    assert "- `--intensity X`: multiply the emotion's weights (default 1.0, 0 to 10)" in page
    assert "--json" not in page  # the first page describes it


def test_a_bar_does_not_end_a_cell() -> None:
    assert format_table(["a"], [["`x|y` or |"]])[-1] == "|<code>x&#124;y</code> or &#124;|"
