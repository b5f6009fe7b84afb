# SPDX-License-Identifier: Apache-2.0
"""Run flows with a Prefect server: the one that is configured, or one of our own on loopback.

Our own server ends with the run. Each production, and each folder of nights, has a database of its
own in the cache, so that runs do not wait for each other's writes. What a database holds is
Prefect's log of runs; the record of a production is in `manifests`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.run_folder import open_run_folder
from flows.stop_signals import request_stop
from manifests.errors import ToolError
from manifests.identity import digest
from model.weights import cache_folder

START_SECONDS = 120.0
ANSWER_SECONDS = 10.0
LOOK_SECONDS = 2.0
WORKER_RUN = "PREFECT__FLOW_RUN_ID"  # set for a run that a worker of Prefect started
KEPT_DAYS = 30
IN_USE_DAYS = 1  # another run may write to it
LARGEST_BYTES = 64 * 1024**2  # of a database; Prefect never removes old runs from it
TRIES = 2
STOP_SECONDS = 5.0
LOG = "prefect.log"
ANSWERS = (200, 401)  # 401: it is up, and asks who we are
PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY")
PROXY_SCHEMES = ("http://", "https://")
_started = set[str]()  # by this process: one that died is started again
LOOPBACK = "127.0.0.1,localhost,::1"


def choose_prefect_home() -> None:
    """Choose the folder of Prefect's settings, unless a person has; call it before its import.

    It is in the cache, or in the run's folder where the cache cannot be written.
    """
    home = cache_folder() / "prefect"
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        usable = os.access(home, os.W_OK)
    except OSError:
        usable = False
    os.environ.setdefault("PREFECT_HOME", str(home if usable else open_run_folder()))


@contextmanager
def run_prefect_server(subject: Path) -> Iterator[None]:
    """Let flows find a server while the block runs: the configured one, or one of our own.

    `subject`: the production, or the folder of nights, whose database our own server uses.

    Raises:
        ToolError: The configured server does not answer, or ours does not start.
    """
    choose_prefect_home()
    bypass_proxies()
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_CLIENT_MAX_RETRIES,
        get_current_settings,
        temporary_settings,
    )

    configured = get_current_settings().api.url
    if configured and not (configured in _started and not answers(configured)):
        _check_server(configured)
        yield
        return
    own = {PREFECT_CLIENT_MAX_RETRIES: TRIES}  # one of ours that died does not come back
    with start_server(subject) as url, temporary_settings({PREFECT_API_URL: url, **own}):
        _started.add(url)
        yield


@contextmanager
def start_server(subject: Path, *, port: int = 0, page: bool = False) -> Iterator[str]:
    """Run a server of our own and yield the URL of its API.

    `port`: 0 for a free one. `page`: also serve Prefect's page. Raises ToolError.
    """
    bypass_proxies()
    for left in reversed(range(1 if port else TRIES)):  # another process may take a free port
        chosen = port or _find_free_port()
        url = f"http://127.0.0.1:{chosen}/api"
        with _run_process(chosen, _build_environment(subject, url, page=page)) as server:
            if _wait_until_it_answers(server, url):
                yield url
                return
        if server.returncode is None or not left:
            raise ToolError(f"Prefect's server did not start at {url}{_read_last_words()}")


@contextmanager
def watch_cancelling() -> Iterator[None]:
    """Stop this process when somebody cancels its flow run on Prefect's page.

    Call it in the body of a flow. A worker of Prefect stops the runs that it started itself, and
    nobody sees the page of our own server: then this does nothing.
    """
    from prefect.context import FlowRunContext
    from prefect.settings import get_current_settings

    context, url = FlowRunContext.get(), get_current_settings().api.url
    if not (context and context.flow_run and url) or url in _started or WORKER_RUN in os.environ:
        yield
        return
    over = threading.Event()
    arguments = (context.flow_run.id, url, over)
    watcher = threading.Thread(target=_wait_for_cancelling, args=arguments, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join(ANSWER_SECONDS)


def bypass_proxies() -> None:
    """Keep proxies of the environment away from loopback.

    A proxy of a kind that the HTTP library cannot use, such as `socks5://` without its extra
    package, would break every call; it is ignored.
    """
    for name in ("NO_PROXY", "no_proxy"):
        known = os.environ.get(name, "")
        if LOOPBACK not in known:
            os.environ[name] = f"{known},{LOOPBACK}".lstrip(",")
    for name in (*PROXIES, *map(str.lower, PROXIES)):
        value = os.environ.get(name, "")
        if value and not value.lower().startswith(PROXY_SCHEMES):
            del os.environ[name]


@contextmanager
def _run_process(port: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server's process, out of reach of the Ctrl-C of a terminal, and end it."""
    program = ["uvicorn", "--factory", "prefect.server.api.server:create_app"]
    place = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    with (open_run_folder() / LOG).open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *program, *place],
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _build_environment(subject: Path, url: str, *, page: bool) -> dict[str, str]:
    """Build the server's own settings; a database that a person has set stays."""
    found = {
        "PREFECT_UI_ENABLED": str(page).lower(),
        "PREFECT_UI_API_URL": url,  # otherwise the page asks port 4200
    }
    if not page:
        found["PREFECT__SERVER_EPHEMERAL"] = "1"  # without services that only a schedule needs
    if "PREFECT_API_DATABASE_CONNECTION_URL" not in os.environ:
        place = _open_database(subject)
        found["PREFECT_API_DATABASE_CONNECTION_URL"] = f"sqlite+aiosqlite:///{place}"
    return found


def _open_database(subject: Path) -> Path:
    """Return the path of a subject's database; remove those that nobody has used for long.

    Where the cache cannot be written, the database ends with the run.
    """
    folder = cache_folder() / "prefect" / "databases"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in folder.glob("*.db*"):
            facts = old.stat()
            days = (time.time() - facts.st_mtime) / 86400
            if days > KEPT_DAYS or (days > IN_USE_DAYS and facts.st_size > LARGEST_BYTES):
                old.unlink()
    except OSError:
        folder = open_run_folder()
    if not os.access(folder, os.W_OK):
        folder = open_run_folder()
    return folder / f"{digest(str(subject.resolve()))[:16]}.db"


def _find_free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_until_it_answers(server: subprocess.Popen[bytes], url: str) -> bool:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        if _ask(url, seconds=5.0) in ANSWERS:
            return True
        time.sleep(0.1)
    return False


def _ask(url: str, *, seconds: float) -> int | str:
    """Ask a server for its health. Returns the status, or the reason why there is none."""
    import httpx

    try:
        return httpx.get(f"{url}/health", timeout=seconds).status_code
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, ImportError) as error:
        return str(error) or type(error).__name__


def answers(url: str) -> bool:
    """Tell whether a Prefect server answers at the URL of its API."""
    return _ask(url.rstrip("/"), seconds=ANSWER_SECONDS) in ANSWERS


def _wait_for_cancelling(run: Any, url: str, over: threading.Event) -> None:
    """Look at the state of a flow run from time to time; ask this process to stop if cancelled."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings
    from prefect.states import Cancelled

    with temporary_settings({PREFECT_API_URL: url}):
        while not over.wait(LOOK_SECONDS):
            with contextlib.suppress(Exception), get_client(sync_client=True) as client:
                state = client.read_flow_run(run).state
                if state is not None and (state.is_cancelling() or state.is_cancelled()):
                    request_stop("cancelled in Prefect")
                    if over.wait(ANSWER_SECONDS):  # the run has ended as crashed, says Prefect
                        client.set_flow_run_state(run, Cancelled(), force=True)
                    return


def _check_server(url: str) -> None:
    """Check that a configured server answers. Raises ToolError."""
    answer = _ask(url.rstrip("/"), seconds=ANSWER_SECONDS)
    if answer not in ANSWERS:
        found = f"status {answer}" if isinstance(answer, int) else answer
        raise ToolError(
            f"no Prefect server answers at {url} ({found}); start it, or unset PREFECT_API_URL to "
            "let Callsheet use its own"
        )


def _read_last_words() -> str:
    """Read the last line that the server wrote."""
    lines = (open_run_folder() / LOG).read_text(errors="replace").strip().splitlines()
    return f": {lines[-1]}" if lines else "; see `callsheet doctor --deep`"
