# SPDX-License-Identifier: Apache-2.0
"""Machines that fail: a node of a cluster dies and returns, one is slow, the disk is full, storage
fails one call of twenty."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flows.engines import configure_engines
from flows.farm.cluster import keep_to_loopback
from flows.farm.farm_settings import FarmCallbacks, FarmSettings
from flows.farm.pool import make_takes
from flows.farm.ray_actor import FarmJob, ShotFailure
from flows.project import open_project
from manifests.rows import Take
from tests.faults.harness import RENDER, Result, check_record, fresh_copy, prepare, result_of
from tests.faults.s3_simulator import BUCKET, s3_simulator
from tests.faults.short_shots import write_production
from tests.flows.farm import farm_talkers

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1500)]
SHOTS = 12


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short production that was listened to."""
    return prepare(write_production(tmp_path_factory.mktemp("machines") / "prepared", shots=SHOTS))


def render(folder: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*RENDER, str(folder), "--workers", "2", *more]
    return subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.fixture(scope="module")
def truth(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """What it comes to when nothing is in the way."""
    folder = fresh_copy(prepared, tmp_path_factory.mktemp("truth") / "scene")
    assert render(folder).returncode == 0
    return result_of(folder)


def test_a_full_disk_stops_the_run_with_its_reason_and_the_next_takes_up_where_it_was(
    prepared: Path, truth: Result, tmp_path: Path
) -> None:
    folder = fresh_copy(prepared, tmp_path / "scene")
    build = folder / "build"
    (folder / "build").rename(tmp_path / "kept")
    build.mkdir()
    room = (
        sum(path.stat().st_size for path in (tmp_path / "kept").rglob("*") if path.is_file())
        // 1024
        + 300
    )
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={room}k", "tmpfs", str(build)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("a small file system takes the right to mount one")
    try:
        subprocess.run(["cp", "-a", f"{tmp_path / 'kept'}/.", str(build)], check=True)
        full = render(folder)
        assert full.returncode != 0
        assert "no space left" in (full.stdout + full.stderr).lower()
        assert not (build / "deliverables" / "latest").exists()
        subprocess.run(["mount", "-o", "remount,size=200m", str(build)], check=True)
        again = render(folder)
        assert again.returncode == 0, again.stderr
        check_record(open_project(folder), [])
        assert result_of(folder) == truth
    finally:
        subprocess.run(["umount", "-l", str(build)], check=True)


def test_storage_that_fails_one_call_of_twenty_gives_the_same_film(
    prepared: Path, truth: Result, tmp_path: Path
) -> None:
    folder = fresh_copy(prepared, tmp_path / "scene")
    with (folder / "production.toml").open("a") as file:
        file.write(f'\n[storage]\nurl = "s3://{BUCKET}/film"\n')
    with s3_simulator(0.05) as environment:
        made = render(folder, **environment)
        assert made.returncode == 0, made.stderr
        check_record(open_project(folder), [])
        assert result_of(folder) == truth
        elsewhere = fresh_copy(
            prepared, tmp_path / "elsewhere"
        )  # another machine with the same storage makes nothing anew
        (elsewhere / "production.toml").write_text((folder / "production.toml").read_text())
        brought = render(elsewhere, "--json", **environment)
        assert brought.returncode == 0, brought.stderr
        assert '"made": 0' in brought.stdout
        assert result_of(elsewhere) == truth


def test_a_node_dies_another_is_slow_one_returns_and_every_shot_is_made_once(
    prepared: Path, tmp_path: Path
) -> None:
    configure_engines()
    keep_to_loopback()
    import ray
    from ray.cluster_utils import Cluster

    film = open_project(prepared)
    # short, as sockets need; where others do not look for a running cluster
    own = tempfile.mkdtemp(prefix="ray")
    head = {"num_cpus": 0, "include_dashboard": False, "temp_dir": own}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)]
    results: list[Take | ShotFailure] = []
    job = FarmJob(
        folder=film.folder,
        root=tmp_path,
        recordings=(),
        talker="previs",
        settings=film.talker_settings,
        run_id="r1",
        load=farm_talkers.slow,
    )
    wanted = farm_talkers.silent_shots(30, portrait="portraits/alex.jpg", frames=25)
    settings, hooks = FarmSettings(silence_seconds=30), FarmCallbacks(result=results.append)
    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        with ThreadPoolExecutor(1) as aside:
            running = aside.submit(make_takes, wanted, job=job, settings=settings, hooks=hooks)
            _slow_one_then_lose_one(cluster, nodes[0], results)
            ended = running.result(timeout=300)
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert (ended.left, ended.stopped) == ((), "")
    assert sorted(r.shot_id for r in results if isinstance(r, Take)) == sorted(
        shot.shot_id for shot in wanted
    )
    assert len({r.worker for r in results if isinstance(r, Take)}) >= 3, (
        "two to begin with, and one on the node that came back"
    )


def _slow_one_then_lose_one(cluster: Any, node: Any, results: list[Take | ShotFailure]) -> None:
    """Hold a worker still for some seconds; end a node, whatever it makes; start one in its
    place."""
    while len(results) < 3:
        time.sleep(0.1)
    pid = int(results[0].worker.rpartition("/")[2]) if isinstance(results[0], Take) else 0
    os.kill(pid, signal.SIGSTOP)
    time.sleep(3)
    os.kill(pid, signal.SIGCONT)
    while len(results) < 8:
        time.sleep(0.1)
    cluster.remove_node(node, allow_graceful=False)
    while len(results) < 14:
        time.sleep(0.1)
    cluster.add_node(num_cpus=1)
