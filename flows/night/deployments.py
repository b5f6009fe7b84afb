# SPDX-License-Identifier: Apache-2.0
"""Run nights on a Prefect schedule: the flows to deploy, and one command that serves them.

Schedules, the number of nights at once and the work pool are set in `prefect.yaml` beside this
module.
`serve_nights` deploys that file to the Prefect server that `PREFECT_API_URL` names, or to a server
of its own on loopback, and works until it is stopped. Every server, also our own, asks for the
authentication string (`PREFECT_SERVER_API_AUTH_STRING`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Failed

from flows.episode import Outcome, run_episode
from flows.lease import hold_lease
from flows.night.nightly import DONE, SOME_LEFT, NightOptions, run_night
from flows.night.summary import format_headline
from flows.prefect_server import run_prefect_server, start_server
from flows.project import open_project
from manifests.errors import InputError, Problem, ToolError

POOL = "callsheet"
STOP_SECONDS = 30
SCHEDULE = Path(__file__).parent / "prefect.yaml"


@flow(name="nightly", persist_result=False)
def nightly(  # noqa: PLR0913 - each is a parameter that people see in Prefect
    root: str,
    *,
    deadline: str = "",
    hours: float = 0,
    budget: str = "",
    price: str = "",
    ray: str = "",
    workers: int = 0,
    webhook: str = "",
    webhook_private: bool = False,
) -> Any:
    """Run `callsheet nightly` as a deployment; the state of the run matches the exit code."""
    asked = NightOptions(
        deadline=deadline,
        hours=hours,
        budget=budget,
        price=price,
        ray=ray,
        workers=workers,
        webhook=webhook or os.environ.get("CALLSHEET_WEBHOOK", ""),
        webhook_private=webhook_private,
    )
    summary = run_night(Path(root), asked)
    message = "; ".join(part for part in (format_headline(summary), summary.message) if part)
    if summary.exit_code == DONE:
        return Completed(message=message)
    return (
        Completed(name="Some left", message=message)
        if summary.exit_code == SOME_LEFT
        else Failed(message=message)
    )


@flow(name="render", persist_result=False)
def render(folder: str, *, ray: str = "", workers: int = 0) -> Outcome:
    """Run `callsheet render` as a deployment: one whole production, under its lease."""
    with hold_lease(open_project(Path(folder)).root, purpose="render, by Prefect"):
        return run_episode(folder, ray=ray, workers=workers)


def serve_nights(
    root: Path, file: Path, *, port: int, announce: Callable[[str], None], runs_at_once: int = 2
) -> None:
    """Deploy all that `file` describes, with `root` as the nights' folder, and work until stopped.

    `announce(url)` gets the server's address once everything is deployed. Raises ToolError.
    """
    if not file.is_file():
        raise InputError(
            Problem(
                file=str(file),
                message="no such file",
                expected="a prefect.yaml; without --file, the one that Callsheet brings",
            )
        )
    os.environ["CALLSHEET_ROOT"] = str(root.resolve())
    os.environ.setdefault("CALLSHEET_TIMEZONE", "UTC")
    os.environ.setdefault("CALLSHEET_RAY", "")
    with _run_server(root, port):
        deploy_flows(file)
        announce(os.environ["PREFECT_API_URL"])
        options = f"--pool {POOL} --type process --limit {runs_at_once}"
        worker = [*_prefect_command("worker", "start"), *options.split()]
        code = _run_until_stopped(worker)
    if code:
        raise ToolError("the Prefect worker ended", command=worker, code=code)


def deploy_flows(file: Path) -> None:
    """Create the work pool and deploy everything in a `prefect.yaml` to the server.

    Raises ToolError.
    """
    with (
        temporary_settings({PREFECT_API_URL: os.environ["PREFECT_API_URL"]}),
        get_client(sync_client=True) as client,
    ):
        try:
            client.read_work_pool(POOL)
        except ObjectNotFound:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    _run_prefect(_prefect_command("--no-prompt", "deploy"), "--all", "--prefect-file", str(file))


def _run_until_stopped(worker: list[str]) -> int:
    """Run the worker. When we are stopped, end it, with time to report the state of its runs."""
    with subprocess.Popen(worker) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            raise


@contextmanager
def _run_server(root: Path, port: int) -> Iterator[None]:
    """Use the Prefect server that is set, or run one on loopback while the block runs."""
    if os.environ.get("PREFECT_API_URL"):
        with run_prefect_server(root):
            yield
        return
    with start_server(root, port=port, page=True) as url:
        os.environ["PREFECT_API_URL"] = url
        try:
            yield
        finally:
            del os.environ["PREFECT_API_URL"]


def _prefect_command(*verb: str) -> list[str]:
    return [sys.executable, "-m", "prefect", *verb]


def _run_prefect(command: list[str], *arguments: str) -> None:
    result = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise ToolError(
            "Prefect refused the deployment",
            command=[*command, *arguments],
            code=result.returncode,
            stderr=result.stderr or result.stdout,
        )
