# SPDX-License-Identifier: Apache-2.0
"""Wait for the end of a process; then end its children and remove its folders.

Runs as a process of its own: `python -I watchdog.py PID FOLDER...`, with the read end of a pipe as
its standard input, whose other end the watched process holds. Children are noted while the process
lives, because the kernel gives orphans another parent. Imports nothing of Callsheet.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
import time
from collections.abc import Sequence

import psutil

LOOK_SECONDS = 0.5
END_SECONDS = 3.0  # in which children of children may still appear
QUIET_LOOKS = 3  # looks without a living child, one after another, that end the search


def watch(pid: int, folders: Sequence[str]) -> None:
    """Wait until the process ends, then clean up after it."""
    known = dict[int, psutil.Process]()
    with contextlib.suppress(psutil.Error):
        watched = psutil.Process(pid)
        while is_alive(watched):
            _note_children(watched, known)
            if select.select([0], [], [], LOOK_SECONDS)[0]:
                _wait(watched)
                break
    _note_marked(folders, known)
    end_processes({number: child for number, child in known.items() if not _is_watchdog(child)})
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def end_processes(known: dict[int, psutil.Process]) -> None:
    """Kill processes and all that they start meanwhile."""
    until, quiet = time.monotonic() + END_SECONDS, 0
    while quiet < QUIET_LOOKS and time.monotonic() < until:
        alive = [child for child in known.values() if is_alive(child)]
        quiet = 0 if alive else quiet + 1
        for child in alive:
            _note_children(child, known)
        for child in alive:
            with contextlib.suppress(psutil.Error):
                child.kill()
        time.sleep(0.05)


def is_alive(process: psutil.Process) -> bool:
    """Tell whether a process runs; one of the same number that came later does not count."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _is_watchdog(process: psutil.Process) -> bool:
    """Tell whether a process is this one or its like: each has a folder to remove, then ends."""
    try:
        return __file__ in process.cmdline()
    except psutil.Error:
        return False


def _note_children(process: psutil.Process, known: dict[int, psutil.Process]) -> None:
    with contextlib.suppress(psutil.Error):
        for child in process.children(recursive=True):
            known.setdefault(child.pid, child)


def _note_marked(folders: Sequence[str], known: dict[int, psutil.Process]) -> None:
    """Note processes that use one of the folders for temporary files: children seen too late."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("TMPDIR") in folders:
                known.setdefault(process.pid, process)


def _wait(process: psutil.Process) -> None:
    """Wait for the end of a process that has closed its pipe: it is about to end."""
    until = time.monotonic() + END_SECONDS
    while is_alive(process) and time.monotonic() < until:
        time.sleep(0.02)


if __name__ == "__main__":
    os.chdir("/")  # so that no folder is held by it
    watch(int(sys.argv[1]), sys.argv[2:])
