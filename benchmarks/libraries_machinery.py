# SPDX-License-Identifier: Apache-2.0
"""Kill holders of the lease, time the imports of libraries, and compare tables.

`python -m benchmarks.libraries_machinery [SECONDS]`. Four processes ask for one lease in turn; one
of them is killed at random moments. Whoever holds the lease also takes a lock of the kernel, which
tells whether two ever held it at once.
"""

from __future__ import annotations

import io
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flows.lease import LeasePace, hold_lease

PACE = LeasePace(beat_seconds=0.5, patience_seconds=5)
LIBRARIES = ("filelock", "tenacity", "httpx", "apprise")
OTHERS = ("rich.cells", "rich.table", "humanize", "jinja2")
TAKE_TURNS = """
import fcntl, os, random, sys, time
from pathlib import Path
from benchmarks.libraries_machinery import PACE
from flows.lease import hold_lease
root = Path(sys.argv[1])
while True:
    with hold_lease(root, purpose="a turn", wait_seconds=60, pace=PACE):
        with (root / "inside").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.write(1, b"turn ")
            except OSError:
                os.write(1, b"overlap ")
            time.sleep(random.random() * 0.02)
"""
HOLD = """
import sys
from pathlib import Path
from benchmarks.libraries_machinery import PACE
from flows.lease import hold_lease
with hold_lease(Path(sys.argv[1]), purpose="the first", pace=PACE):
    print("held", flush=True)
    sys.stdin.read()
"""


def main() -> None:
    """Print the measurements."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    print(kill_holders(seconds))
    killed = [time_takeover(signal.SIGKILL) for _ in range(10)]
    print(f"taken over after kill -9: {statistics.median(killed) * 1000:.0f} ms")
    for name in (*LIBRARIES, *OTHERS):
        print(f"import {name}: {time_import(name)}")
    compare_tables(5000)


def kill_holders(seconds: float) -> str:
    """Let four processes take turns, and kill one of them again and again."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as turns:
        command = [sys.executable, "-c", TAKE_TURNS, folder]
        running = [subprocess.Popen(command, stdout=turns) for _ in range(4)]
        ends, kills = time.monotonic() + seconds, 0
        while time.monotonic() < ends:
            time.sleep(random.random() * 0.6)
            kill_process(running.pop(random.randrange(4)))
            running.append(subprocess.Popen(command, stdout=turns))
            kills += 1
        for process in running:
            kill_process(process)
        turns.seek(0)
        words = turns.read().decode().split()
    return f"{kills} kills: {words.count('turn')} turns, {words.count('overlap')} overlaps"


def kill_process(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that this benchmark started."""
    process.kill()
    process.wait()


def time_takeover(number: signal.Signals) -> float:
    """Send a signal to a holder; measure how long the next one waits."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([sys.executable, "-c", HOLD, folder], **pipes)
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, number)
        if number is signal.SIGKILL:
            process.wait()
        began = time.monotonic()
        with hold_lease(Path(folder), purpose="the next", wait_seconds=60, pace=PACE):
            waited = time.monotonic() - began
        process.kill()
        process.communicate()
    return waited


def time_import(name: str) -> str:
    """Import a module five times in new processes; return the median of what it cost."""
    command = [sys.executable, "-X", "importtime", "-c", f"import {name}"]
    costs = list[float]()
    for _ in range(5):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            return "not installed"
        costs.append(int(result.stderr.splitlines()[-1].split("|")[1]) / 1000)
    return f"{statistics.median(costs):.0f} ms"


def compare_tables(count: int) -> None:
    """Time our table and rich's over the same rows."""
    from contextlib import redirect_stdout

    from rich.console import Console
    from rich.table import Table

    from flows.view.screen import print_table

    columns = ("shot", "starts", "frames", "character", "state", "text")
    rows = [("sc01_sh010", "01:00:00:00", "48", "NADIA", "new", "You came.")] * count
    began = time.perf_counter()
    with redirect_stdout(io.StringIO()):
        print_table(columns, rows)
    ours = time.perf_counter() - began
    began = time.perf_counter()
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console(file=io.StringIO(), width=10_000).print(table)
    theirs = time.perf_counter() - began
    print(f"a table of {count} rows: ours {ours:.3f} s, rich without borders {theirs:.3f} s")


if __name__ == "__main__":
    main()
