# SPDX-License-Identifier: Apache-2.0
"""Command blocks of the documents, run as a reader would type them.

A block of ```` ```console ```` after `<!-- test: NAME -->` is run in the folder that NAME prepares:
lines that begin with `$ ` are commands, the lines below are what they print. `...` alone on a line
stands for any lines, inside a line for any text. A command may end with another exit code than 0
only where the page prints what it says then.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from flows import cli

BLOCK = re.compile(r"^<!-- test: (.+?) -->\n+```console\n(.*?)^```$", flags=re.M | re.S)
MARK = re.compile(r"^<!-- test:", flags=re.M)
OTHER_PROGRAMS = ("ls", "cat", "cp", "unzip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command of a page, and what the page says that it prints."""

    words: tuple[str, ...]
    printed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The commands of a block, and the name of the folder in which they are run."""

    name: str
    commands: tuple[Command, ...]


def read_blocks(text: str) -> list[Block]:
    """Read the blocks of a page that are to be run."""
    found = [
        Block(name=name, commands=tuple(read_commands(body))) for name, body in BLOCK.findall(text)
    ]
    assert len(found) == len(MARK.findall(text)), "a `console` block must follow each mark"
    return found


def read_commands(body: str) -> Iterator[Command]:
    """Read the commands of a block; a backslash at the end of a line continues it."""
    joined = re.sub(r"\\\n(> )?", " ", body)
    first, *parts = re.split(r"^\$ ", joined, flags=re.M)
    assert first == "" and parts, f"a block begins with a command:\n{body}"
    for part in parts:
        line, _, printed = part.partition("\n")
        yield Command(words=tuple(shlex.split(line, comments=True)), printed=printed)


def run_command(words: tuple[str, ...]) -> tuple[int, str]:
    """Run a command in the current folder: its exit code, and all that it prints."""
    program, *arguments = words
    if program in ("callsheet", ".venv/bin/callsheet"):
        return run_callsheet(arguments)
    assert program in OTHER_PROGRAMS, f"pages run callsheet and {OTHER_PROGRAMS}, not {program}"
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def run_callsheet(arguments: list[str]) -> tuple[int, str]:
    """Run `callsheet` in this process: it starts in no time, and its engines are loaded."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            cli.main(arguments)
        except SystemExit as left:
            return int(left.code or 0), printed.getvalue()
    raise AssertionError("main always exits")


def matches(printed: str, output: str) -> bool:
    """Compare what a page prints with an output."""
    lines = (line.rstrip() for line in printed.strip().splitlines())
    pattern = "".join(_line_pattern(line) for line in lines)
    written = "".join(f"{line.rstrip()}\n" for line in output.strip().splitlines())
    return re.fullmatch(pattern, written) is not None


def _line_pattern(line: str) -> str:
    if line == "...":
        return r"(?:.*\n)*?"
    return re.escape(line).replace(r"\.\.\.", ".*") + "\n"


def check_command(command: Command) -> None:
    """Run a command and compare what it prints with the page."""
    code, output = run_command(command.words)
    said = f"{shlex.join(command.words)}\nended with {code} and printed:\n{output}"
    assert matches(command.printed, output), f"{said}\nthe page prints:\n{command.printed}"
    explained = command.printed.strip() not in ("", "...")
    assert code == 0 or explained, f"{said}\nthe page does not say that this fails"
