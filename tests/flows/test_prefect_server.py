# SPDX-License-Identifier: Apache-2.0
"""Prefect's server: the configured one answers or is one error; our own takes any port, ignores
proxies, and keeps a database for each production."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from flows import prefect_server
from flows.prefect_server import (
    answers,
    bypass_proxies,
    choose_prefect_home,
    run_prefect_server,
    start_server,
)
from manifests.errors import ToolError
from model.weights import cache_folder
from tests.conftest import Engines

USUAL_CACHE = {"CALLSHEET_CACHE": str(cache_folder())}  # weights are there
AWAY = {"ALL_PROXY": "socks5://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CALLSHEET_CACHE", str(tmp_path / "cache"))


def test_a_configured_server_that_does_not_answer_is_one_error_that_names_it(
    tmp_path: Path,
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/api"
        with (
            temporary_settings({PREFECT_API_URL: url}),
            pytest.raises(ToolError, match=f"no Prefect server answers at {url} .*unset"),
            run_prefect_server(tmp_path),
        ):
            pass


def test_our_own_server_takes_any_port_in_spite_of_proxies_and_its_page_asks_that_port(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in AWAY.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "example.com")
    production = tmp_path / "film"
    with start_server(production, page=True) as url:
        assert answers(url)
        page = httpx.get(url.replace("/api", "/ui-settings")).json()
        assert page["api_url"] == url
        assert not url.endswith(":4200/api")
    assert not answers(url)
    assert os.environ["NO_PROXY"].startswith("example.com,")
    (database,) = (tmp_path / "cache/prefect/databases").glob("*.db")
    assert database.stat().st_size > 0


def test_each_production_has_a_database_and_old_ones_go(tmp_path: Path) -> None:
    first, second = (prefect_server._open_database(tmp_path / name) for name in ("a", "b"))
    assert first != second
    assert prefect_server._open_database(tmp_path / "a") == first
    first.write_bytes(b"x")
    second.write_bytes(b"x")
    long_ago = time.time() - (prefect_server.KEPT_DAYS + 1) * 86400
    os.utime(first, (long_ago, long_ago))
    prefect_server._open_database(tmp_path / "b")
    assert not first.exists()
    assert second.exists()


def test_a_proxy_of_a_kind_that_cannot_be_used_is_ignored_and_others_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    bypass_proxies()
    assert "ALL_PROXY" not in os.environ
    assert os.environ["https_proxy"] == "http://127.0.0.1:9"
    assert "127.0.0.1" in os.environ["NO_PROXY"].split(",")


def test_a_home_that_cannot_be_written_gives_way_and_a_persons_choice_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CALLSHEET_CACHE", str(tmp_path / "file"))  # even root cannot write here
    monkeypatch.delenv("PREFECT_HOME", raising=False)
    choose_prefect_home()
    assert Path(os.environ["PREFECT_HOME"]).is_dir()
    monkeypatch.setenv("PREFECT_HOME", "mine")
    choose_prefect_home()
    assert os.environ["PREFECT_HOME"] == "mine"


@pytest.mark.proof
def test_a_server_of_ours_that_died_is_started_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dead = "http://127.0.0.1:9/api"
    monkeypatch.setattr(prefect_server, "_started", {dead})
    with temporary_settings({PREFECT_API_URL: dead}), run_prefect_server(tmp_path):
        url = get_current_settings().api.url
        assert url
        assert url != dead
        assert answers(url)


@pytest.mark.proof
def test_cancelling_on_prefects_page_stops_a_render_in_order(
    engines: Engines, production: Path, tmp_path: Path
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Cancelling

    said = tmp_path / "said.txt"
    with said.open("w") as log:
        command = [sys.executable, "-m", "flows", "render", str(production)]
        render = subprocess.Popen(
            command, stdout=log, stderr=log, env={**engines.environment, **USUAL_CACHE}
        )
    with get_client(sync_client=True) as client:
        while "Takes" not in said.read_text() and render.poll() is None:
            time.sleep(0.2)
        (run,) = (run for run in client.read_flow_runs() if run.state and run.state.is_running())
        client.set_flow_run_state(run.id, Cancelling(), force=True)
        assert render.wait(timeout=60) == 143
        assert (
            said.read_text()
            .strip()
            .splitlines()[-1]
            .startswith("Stopped: cancelled in Prefect. Finished work is kept")
        )
        state = client.read_flow_run(run.id).state
        assert state is not None
        assert state.is_final()
