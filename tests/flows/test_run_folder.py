# SPDX-License-Identifier: Apache-2.0
"""The folder of a run is private, in the place that the user chose, and usable by Ray; both go."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

SHOW = """
import os, tempfile
os.umask({umask})
from flows.run_folder import open_ray_folder, open_ray_home, open_run_folder
print(open_run_folder(), open_ray_folder(), open_ray_home(), tempfile.gettempdir(), sep="|")
parents = open_run_folder(), open_ray_folder().parent
print(*(oct(os.stat(folder).st_mode) for folder in parents), sep="|")
print(open_run_folder() == open_run_folder() and os.environ["TMPDIR"] == str(open_run_folder()))
"""


def open_folders(place: Path, umask: str = "0o022") -> tuple[list[Path], list[int]]:
    """Open the folders in a process of its own; return run, Ray, home, temporary, and modes."""
    made = subprocess.run(
        [sys.executable, "-c", SHOW.format(umask=umask)],
        env={**os.environ, "TMPDIR": str(place)},
        capture_output=True,
        text=True,
        check=True,
    )
    folders, modes, same = made.stdout.splitlines()
    assert same == "True"
    return [Path(folder) for folder in folders.split("|")], [int(m, 8) for m in modes.split("|")]


@pytest.mark.parametrize("umask", ["0o000", "0o077"])
def test_nobody_else_looks_into_it_whatever_the_umask(umask: str, tmp_path: Path) -> None:
    (run, ray, home, temporary), modes = open_folders(tmp_path, umask)
    assert run.parent == tmp_path
    assert temporary == run
    assert home.parent == run
    assert [stat.S_IMODE(mode) for mode in modes] == [0o700, 0o700]
    assert len(str(ray)) < 60  # of the 107 of a socket's path


def test_ray_gets_a_short_path_without_spaces_where_the_users_is_neither(tmp_path: Path) -> None:
    place = tmp_path / "a place with spaces"
    place.mkdir()
    (run, ray, _, _), _ = open_folders(place)
    assert run.parent == place
    assert " " not in str(ray)
    assert ray.parent.name.startswith("callsheet-")
    until = time.monotonic() + 20
    while (run.exists() or ray.parent.exists()) and time.monotonic() < until:
        time.sleep(0.1)
    assert not run.exists()
    assert not ray.parent.exists()
