# SPDX-License-Identifier: Apache-2.0
"""The runner of the pages' commands: what it reads, what it takes as the same, what it refuses."""

from __future__ import annotations

import pytest

from tests.page_commands import Command, check_command, matches, read_blocks

PAGE = """
<!-- test: empty -->
```console
$ callsheet --version  # which one
callsheet ...
$ callsheet init \\
>   my-film
my-film: 8 files.
```

```console
$ callsheet render everything
```
"""


def test_only_marked_blocks_are_read_and_lines_are_joined() -> None:
    (block,) = read_blocks(PAGE)
    assert block.name == "empty"
    assert [command.words for command in block.commands] == [
        ("callsheet", "--version"),
        ("callsheet", "init", "my-film"),
    ]
    assert block.commands[1].printed == "my-film: 8 files.\n"


def test_a_mark_without_a_block_is_refused() -> None:
    with pytest.raises(AssertionError, match="must follow each mark"):
        read_blocks("<!-- test: film -->\n\nsome text\n")


@pytest.mark.parametrize(
    ("printed", "output", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n", "a\nb\n", False),
        ("a\n...\n", "a\nb\nc\n", True),
        ("...\nc\n", "a\nb\nc\n", True),
        ("a\n...\n", "a\n", True),
        ("signed by ... here\n", "signed by a key here\n", True),
        ("b\na\n", "a\nb\n", False),
        ("", "anything\n", False),
        ("a (1.0)\n", "a (1x0)\n", False),
    ],
)
def test_dots_stand_for_lines_or_for_text(printed: str, output: str, same: bool) -> None:
    assert matches(printed, output) is same


def test_a_failure_that_the_page_does_not_print_is_refused() -> None:
    with pytest.raises(AssertionError, match="does not say that this fails"):
        check_command(Command(words=("callsheet", "plan", "nowhere"), printed="...\n"))


def test_a_failure_that_the_page_prints_is_what_the_page_says() -> None:
    check_command(Command(words=("callsheet", "plan", "nowhere"), printed="...no such...\n"))
