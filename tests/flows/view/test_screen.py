# SPDX-License-Identifier: Apache-2.0
"""What is printed is safe for terminals, encodings and programs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from flows.view.screen import complain, print_table, say, say_json

VERSION = [sys.executable, "-m", "flows", "--version"]


def test_no_terminal_obeys_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    say("\x1b[31mNADIA\ud800")
    complain("\x9b2Jgone")
    printed = capsys.readouterr()
    assert printed.out == "\\u001b[31mNADIA\\ud800\n"
    assert printed.err == "\\u009b2Jgone\n"


def test_columns_of_a_table_align_whatever_the_script_and_have_no_borders(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("who", "is", ""), [("NADIA", True, 1.5), ("田中", False, None)])
    printed = capsys.readouterr().out
    assert printed == "who    is\nNADIA  yes  1.500\n田中   no\n"


def test_numbers_that_json_does_not_know_become_null(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"loudness": float("nan"), "peaks": [float("-inf"), 1.5], "name": "\x1b\ud800"})
    printed = json.loads(capsys.readouterr().out)
    assert printed == {"loudness": None, "peaks": [None, 1.5], "name": "\x1b\ud800"}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_letters_that_a_terminal_does_not_have_are_written_out(encoding: str) -> None:
    code = "from flows.view.screen import say, say_json; say('Zoë 日本'); say_json({'a': '日本'})"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONIOENCODING": encoding, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    first, *rest = result.stdout.decode(encoding).splitlines()
    assert first.endswith("\\u65e5\\u672c")
    assert json.loads("".join(rest)) == {"a": "日本"}


@pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&-"])
def test_a_stream_that_the_shell_closed_is_no_fault(closing: str) -> None:
    command = ["sh", "-c", f'"$@" {closing}', "sh", *VERSION]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
