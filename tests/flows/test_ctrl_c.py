# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C as a terminal sends it: to every process of the command, the orchestrator's server among
them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STARTER = Path(__file__).parents[2] / "pipeline" / "script" / "starter"


@pytest.mark.proof
def test_ctrl_c_of_a_terminal_stops_a_render_without_a_traceback(tmp_path: Path) -> None:
    shutil.copytree(STARTER, tmp_path / "film")
    told = tmp_path / "told.txt"
    with told.open("w") as stderr:
        render = subprocess.Popen(
            [
                "env",
                "--default-signal=INT",
                sys.executable,
                "-m",
                "flows",
                "render",
                tmp_path / "film",
            ],
            stderr=stderr,
            start_new_session=True,
        )
    while "Takes" not in told.read_text() and render.poll() is None:
        time.sleep(0.2)
    os.killpg(render.pid, signal.SIGINT)
    assert render.wait(timeout=60) == 130
    assert "Traceback" not in told.read_text()
    assert told.read_text().rstrip().endswith("run the same command again to continue.")
