# SPDX-License-Identifier: Apache-2.0
"""A process that is gone takes its children, theirs and its folder along, whatever ended it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

# Children in sessions of their own, one without a living parent, and one that cannot be told from
# its parents any more: they end by their folder.
PARENT = """
import subprocess, sys, time
from flows.run_folder import open_run_folder
folder = open_run_folder()
(folder / "half.mkv").write_bytes(b"x")
child = [sys.executable, "-c", "import subprocess, sys, time; "
    "print(subprocess.Popen(['sleep', '60'], start_new_session=True).pid, flush=True); "
    "time.sleep(60 * (sys.argv[1] == 'stay'))"]
pids = []
for how in ("stay", "go"):
    started = subprocess.Popen([*child, how], stdout=subprocess.PIPE, start_new_session=True)
    pids += [started.pid, int(started.stdout.readline())]
print(folder, *pids, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_of_a_process_stays_when_it_is_gone(number: int, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as parent:
        assert parent.stdout
        folder, *pids = parent.stdout.readline().split()
        assert [path.name for path in Path(folder).iterdir()] == ["half.mkv"]
        assert psutil.pid_exists(int(pids[1]))
        assert psutil.pid_exists(int(pids[3]))
        parent.send_signal(number)
    until = time.monotonic() + 20  # five seconds on a machine that does nothing else
    while time.monotonic() < until and (Path(folder).exists() or any_alive(pids)):
        time.sleep(0.1)
    assert not any_alive(pids)
    assert list(tmp_path.iterdir()) == []


def any_alive(pids: list[str]) -> bool:
    """Tell whether one of the processes still runs; a zombie that waits for its parent does not."""
    found = [psutil.Process(int(pid)) for pid in pids if psutil.pid_exists(int(pid))]
    return any(process.is_running() and process.status() != "zombie" for process in found)
