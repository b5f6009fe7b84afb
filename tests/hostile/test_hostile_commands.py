# SPDX-License-Identifier: Apache-2.0
"""Hostile productions through the command line, as a person meets them: exit code 2, one clear line, no traceback, nothing touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_productions import HOSTILE
from test_hostile_productions import starter, tree

CHOSEN = (
    "a recording is a list of ffmpeg",
    "the folder of portraits is a link to the outside",
    "the script is a pipe",
    "the production file nests arrays",
    "YAML laughs a thousand million times",
    "a workbook unfolds entities",
    "a row has ten megabytes",
    "a script is many folders",
    "an emotion has an endless number",
    "a title has a terminal's escape",
)


@pytest.mark.parametrize("name", CHOSEN)
def test_the_command_line_refuses_it_in_one_clear_error(name: str, tmp_path: Path) -> None:
    folder = starter(tmp_path / "home" / "production")
    (bad,) = [bad for bad in HOSTILE if bad.name == name]
    bad.spoil(folder)
    before = tree(tmp_path)
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "flows", "plan", str(folder), "--inputs"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert any(all(text in line for text in bad.says) for line in done.stderr.splitlines()), done.stderr
    assert len(done.stderr) < 5000
    assert tree(tmp_path) == before
