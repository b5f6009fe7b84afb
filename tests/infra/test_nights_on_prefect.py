# SPDX-License-Identifier: Apache-2.0
"""Nights on a real Prefect server: deployed from its prefect.yaml; started by their schedule, on
PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from manifests import layout
from tests.conftest import Engines, Rendered

SCHEDULE = Path(__file__).parents[2] / "flows/night/prefect.yaml"
CALLSHEET = [sys.executable, "-m", "flows"]


@pytest.fixture
def root(film: Rendered, tmp_path: Path) -> Path:
    """A folder with one production that stands, so that a night is short."""
    film.copy(tmp_path / "show" / "stands")
    return tmp_path / "show"


def test_nights_are_deployed_with_schedule_and_limit_and_run_as_flows(
    engines: Engines, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.client.orchestration import get_client

    from flows.night.deployments import POOL, deploy_flows, nightly  # after the engines are settled

    monkeypatch.setenv("PREFECT_API_URL", engines.prefect)
    monkeypatch.setenv("CALLSHEET_ROOT", str(root))
    monkeypatch.setenv("CALLSHEET_TIMEZONE", "Europe/Berlin")
    monkeypatch.setenv("CALLSHEET_RAY", "")
    deploy_flows(SCHEDULE)
    with get_client(sync_client=True) as client:
        deployed = client.read_deployment_by_name("nightly/every-night")
        (schedule,) = deployed.schedules
        assert (schedule.schedule.cron, schedule.schedule.timezone) == (
            "0 22 * * *",
            "Europe/Berlin",
        )
        assert deployed.global_concurrency_limit is not None
        assert deployed.global_concurrency_limit.limit == 1
        assert deployed.parameters == {"root": str(root), "hours": 8, "ray": ""}
        assert client.read_deployment_by_name("render/now").work_pool_name == POOL
    state = nightly(**deployed.parameters, return_state=True)
    assert (state.name, state.message) == ("Completed", "1 unchanged")
    (summary,) = (root / layout.NIGHTS).glob("*/summary.json")
    assert json.loads(summary.read_text())["outcome"] == "done"


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server of this test."""

    url: str
    port: int
    password: str

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        async def run() -> list[tuple[Any, ...]]:
            import asyncpg

            connection = await asyncpg.connect(self.url.replace("+asyncpg", ""))
            try:
                return [tuple(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        return asyncio.run(run())


def programs() -> Path:
    """Where PostgreSQL's programs are; Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    plain = shutil.which("initdb")
    if plain or found:
        return Path(plain).parent if plain else found[0].parent
    if os.environ.get("CALLSHEET_REQUIRE") == "all":
        pytest.fail("PostgreSQL is not installed: apt-get install postgresql")
    pytest.skip("PostgreSQL is not installed: apt-get install postgresql")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A child process that is interrupted at the end, and given time to leave."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(90)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """PostgreSQL on loopback with a password; as root, it runs as the user that Debian's package
    makes."""
    bin_folder, port, password = programs(), free_port(), "only-for-this-test"
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    with tempfile.TemporaryDirectory(prefix="callsheet-pg-") as name:
        folder = Path(name)
        (folder / "password").write_text(password)
        if os.geteuid() == 0:
            shutil.chown(folder, user)
            shutil.chown(folder / "password", user)
        as_user: dict[str, Any] = (
            {"user": user, "cwd": folder} if os.geteuid() == 0 else {"cwd": folder}
        )
        make = [
            "-D",
            folder / "data",
            "-U",
            "prefect",
            "--pwfile",
            folder / "password",
            "--auth=scram-sha-256",
            "-N",
        ]
        subprocess.run([bin_folder / "initdb", *make], check=True, capture_output=True, **as_user)
        serve = [
            "-D",
            str(folder / "data"),
            "-p",
            str(port),
            "-h",
            "127.0.0.1",
            "-k",
            name,
            "-c",
            "fsync=off",
        ]
        with running([str(bin_folder / "postgres"), *serve], stderr=subprocess.DEVNULL, **as_user):
            one = Postgres(
                f"postgresql+asyncpg://prefect:{password}@127.0.0.1:{port}/postgres", port, password
            )
            wait_for(lambda: bool(one.ask("select 1")), seconds=30)
            yield one


def wait_for(come: Any, *, seconds: float) -> None:
    """Wait until something is so; what fails while it is not yet so does not count."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            if come():
                return
        except OSError:
            pass
        time.sleep(0.5)
    pytest.fail("waited in vain")


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_one_command_serves_nights_on_their_schedule_on_postgresql(
    postgres: Postgres, root: Path, tmp_path: Path
) -> None:
    every_minute = tmp_path / "prefect.yaml"
    every_minute.write_text((SCHEDULE).read_text().replace("0 22 * * *", "* * * * *"))
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")
    } | {
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_DATABASE_CONNECTION_URL": postgres.url,
        "PREFECT_SERVER_API_AUTH_STRING": "nights:a password",
        "PREFECT_API_AUTH_STRING": "nights:a password",
    }
    port = free_port()
    command = [*CALLSHEET, "serve", str(root), "--file", str(every_minute), "--port", str(port)]
    with running(command, env=environment) as served:
        wait_for(lambda: nights(root) == ["done"], seconds=420)
        children = psutil.Process(served.pid).children(recursive=True)
    states = postgres.ask(
        "select state_name, count(*) from flow_run where auto_scheduled group by 1"
    )
    assert dict(states)["Completed"] >= 1
    assert served.returncode == 130
    gone, alive = psutil.wait_procs(children, timeout=60)
    assert len(gone) >= 2
    assert alive == []


def nights(root: Path) -> list[str]:
    """How the first night ended, once one began."""
    summaries = sorted((root / layout.NIGHTS).glob("*/summary.json"))
    return [json.loads(summary.read_text())["outcome"] for summary in summaries[:1]]
