# SPDX-License-Identifier: Apache-2.0
"""A cluster that does not answer is one error, at once; RAY_ADDRESS counts inside its job only."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

CONNECT = """
from flows.farm.cluster import connect_ray
from manifests.errors import ToolError
try:
    with connect_ray({address!r}, cpus=1):
        print("connected")
except ToolError as error:
    print(error)
"""


@pytest.fixture
def nowhere() -> str:
    """Return an address on loopback at which nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{closed.getsockname()[1]}"


@pytest.mark.parametrize("way", ["--ray", "RAY_ADDRESS of a job"])
def test_a_cluster_that_does_not_answer_is_one_error_that_names_it(way: str, nowhere: str) -> None:
    job = {"RAY_ADDRESS": nowhere, "RAY_JOB_CONFIG_JSON_ENV_VAR": "{}"}
    tried = subprocess.run(
        [sys.executable, "-c", CONNECT.format(address=nowhere if way == "--ray" else "")],
        env={**os.environ, **({} if way == "--ray" else job)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert tried.stdout.startswith(f"no Ray answers at {nowhere}: ")
    assert "refused" in tried.stdout
    assert tried.stdout.count("\n") == 1


@pytest.mark.proof
def test_an_address_outside_a_job_is_not_used_its_folder_is_private_and_workers_have_the_users_home(
    nowhere: str, tmp_path: Path
) -> None:
    script = """
import os
from flows.farm.cluster import connect_ray
def look():
    before = os.environ["HOME"]
    from flows.engines import configure_engines
    configure_engines()
    return before, os.environ["HOME"]
from flows.run_folder import open_ray_folder
with connect_ray("", cpus=1) as ray:
    print(oct(open_ray_folder().parent.stat().st_mode & 0o777), end="|")
    print(*ray.get(ray.remote(look).remote()), sep="|")
"""
    tried = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "RAY_ADDRESS": nowhere, "HOME": str(tmp_path), "TMPDIR": "/tmp"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    mode, of_ray, of_worker = tried.stdout.strip().split("|")
    assert mode == "0o700"  # though Ray opens its own folder for everybody
    assert of_ray.startswith("/tmp/callsheet-")
    assert of_worker == str(tmp_path)
