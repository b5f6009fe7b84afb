# SPDX-License-Identifier: Apache-2.0
"""Hostile productions through the command line, as a person meets them: exit code 2, one clear
line, no traceback, nothing touched."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hostile.hostile_productions import HOSTILE
from tests.hostile.test_hostile_productions import starter, tree

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


@dataclass(frozen=True)
class Answer:
    """What the command line said of a production, and what lay around it before and after."""

    code: int
    said: str
    before: dict
    after: dict


def ask(name: str, place: Path) -> Answer:
    """Spoil a production and plan it in a process of its own."""
    folder = starter(place / "home" / "production")
    (bad,) = [bad for bad in HOSTILE if bad.name == name]
    bad.spoil(folder)
    before = tree(place)
    environment = {**os.environ, "HOME": str(place / "home"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "flows", "plan", str(folder), "--inputs"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    return Answer(done.returncode, done.stderr, before, tree(place))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """All of them, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        places = [tmp_path_factory.mktemp("hostile") for _ in CHOSEN]
        return dict(zip(CHOSEN, pool.map(ask, CHOSEN, places), strict=True))


@pytest.mark.parametrize("name", CHOSEN)
def test_the_command_line_refuses_it_in_one_clear_error(
    name: str, answers: dict[str, Answer]
) -> None:
    (bad,) = [bad for bad in HOSTILE if bad.name == name]
    answer = answers[name]
    assert answer.code == 2, answer.said
    assert "Traceback" not in answer.said
    assert any(all(text in line for text in bad.says) for line in answer.said.splitlines()), (
        answer.said
    )
    assert len(answer.said) < 5000
    assert answer.after == answer.before
