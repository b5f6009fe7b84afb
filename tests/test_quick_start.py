# SPDX-License-Identifier: Apache-2.0
"""The README's quick start prints what the README prints: the example is rendered as a new user
would, then once more, when there is nothing to do."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.page_commands import Command, matches, read_commands

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
IGNORED = shutil.ignore_patterns("build")


def read_quick_start() -> dict[tuple[str, ...], Command]:
    """Read the commands of the quick start, with what the README says that they print."""
    section = README.split("## Quick start")[1].split("\n## ")[0]
    blocks = re.findall(r"^```console\n(.*?)^```$", section, flags=re.M | re.S)
    return {command.words: command for block in blocks for command in read_commands(block)}


def run_render(folder: Path) -> str:
    """Run what `make demo` runs: everything that it prints."""
    command = [sys.executable, "-m", "flows", "render", "examples/lighthouse"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stderr + done.stdout


def test_the_quick_start_is_two_commands_and_both_print_something() -> None:
    commands = read_quick_start()
    assert list(commands) == [("make", "demo"), (".venv/bin/callsheet", "init", "my-film")]
    assert all(command.printed.strip() for command in commands.values())


def test_make_demo_renders_the_example() -> None:
    assert "$(BIN)/callsheet render examples/lighthouse" in (ROOT / "Makefile").read_text()


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_the_quick_start_prints_what_the_readme_prints(tmp_path: Path) -> None:
    example = tmp_path / "examples" / "lighthouse"
    shutil.copytree(ROOT / "examples" / "lighthouse", example, ignore=IGNORED)
    first, second = run_render(tmp_path), run_render(tmp_path)
    assert matches(read_quick_start()["make", "demo"].printed, first)
    assert "Nothing to do: The Lighthouse is up to date (v001, 1:05.800)" in second
