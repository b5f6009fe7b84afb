# SPDX-License-Identifier: Apache-2.0
"""Keep what a run needs for itself in one private folder, and leave nothing of it behind.

The folder holds temporary files, Ray's session and a home folder for Ray. A watchdog process
(`flows.watchdog`) removes it, and ends all child processes, as soon as this process is gone,
whatever ended it: its own end, a signal or SIGKILL.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from pathlib import Path

from flows import watchdog
from manifests.errors import ToolError

LONGEST_RAY_PATH = 42  # of 107 bytes that a socket's path may have, Ray's own part needs 65
RAY = "r"
RAY_CONFIG = "provider:\n  type: local\n"


def open_run_folder() -> Path:
    """Return the folder of this process, created with its watchdog at the first call.

    Temporary files of this process and its children go there from then on. Only this user can look
    into it (mode 0700).
    """
    return _open(os.getpid())


def open_ray_folder() -> Path:
    """Return the folder for Ray's sessions: in the run's folder, or where paths are short."""
    return _open_ray_folder(os.getpid())


def open_ray_home() -> Path:
    """Return a home folder that stops Ray from asking the network in which cloud it runs.

    Ray's dashboard asks the metadata addresses of three clouds, unless this file in its home folder
    names a provider (`ray._common.usage.usage_lib.get_cluster_config_to_report`, Ray 2.60).
    """
    home = open_run_folder() / "home"
    home.mkdir(exist_ok=True)
    (home / "ray_bootstrap_config.yaml").write_text(RAY_CONFIG)
    return home


@functools.cache
def _open(_pid: int) -> Path:
    folder = Path(_make_private_folder(tempfile.gettempdir()))
    _start_watchdog(folder)
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None  # so that it looks again
    return folder


@functools.cache
def _open_ray_folder(_pid: int) -> Path:
    folder = open_run_folder() / RAY  # Ray lets everybody into its folder, nobody into ours
    if _suits_ray(folder):
        return folder
    for place in (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm", "/tmp"):  # noqa: S108 - made private below
        if (
            place
            and os.access(place, os.W_OK)
            and _suits_ray(Path(place) / folder.parent.name / RAY)
        ):
            short = Path(_make_private_folder(place))
            _start_watchdog(short)
            return short / RAY
    raise ToolError(
        f"Ray needs a temporary folder with a short path without spaces, not {folder}: set TMPDIR"
    )


def _suits_ray(folder: Path) -> bool:
    return len(os.fsencode(folder)) <= LONGEST_RAY_PATH and not set(str(folder)) & set(" '\"\\")


def _make_private_folder(place: str) -> str:
    try:
        return tempfile.mkdtemp(prefix="callsheet-", dir=place)
    except OSError as error:
        raise ToolError(f"cannot create a temporary folder in {place}: {error.strerror}") from error


def _start_watchdog(folder: Path) -> None:
    """Start the process that waits for the end of this one. It holds the other end of a pipe.

    Our end is never closed, so that the kernel closes it when this process ends.
    """
    theirs, _ours = os.pipe()
    program = [sys.executable, "-I", watchdog.__file__, str(os.getpid()), str(folder)]
    nowhere = (os.devnull, os.O_WRONLY, 0)
    os.posix_spawn(
        program[0],
        program,
        {},  # no variable that marks it as a child of the run
        file_actions=[
            (os.POSIX_SPAWN_DUP2, theirs, 0),
            *((os.POSIX_SPAWN_OPEN, number, *nowhere) for number in (1, 2)),
        ],
        setsid=True,  # signals of a terminal are for the run
    )
    os.close(theirs)
