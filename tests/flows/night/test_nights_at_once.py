# SPDX-License-Identifier: Apache-2.0
"""Nights as processes: two at once share no production, a killed one is taken over, a stopped one
says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flows.project import open_project
from manifests import layout
from manifests.rows import Take
from tests.conftest import Engines, Rendered

CALLSHEET = [sys.executable, "-m", "flows"]
pytestmark = [pytest.mark.proof, pytest.mark.timeout(600)]


@pytest.fixture
def root(film: Rendered, tmp_path: Path) -> Path:
    """A folder with one production whose four shots all changed."""
    folder = film.copy(tmp_path / "show" / "scene")
    settings = folder / "production.toml"
    settings.write_text(settings.read_text().replace("size = 256", "size = 240"))
    return tmp_path / "show"


def begin(root: Path, engines: Engines) -> subprocess.Popen[str]:
    command = [*CALLSHEET, "nightly", str(root), "--ray", engines.ray, "--json"]
    return subprocess.Popen(command, env=engines.environment, stdout=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> dict[str, Any]:
    told, _ = process.communicate(timeout=300)
    said: dict[str, Any] = json.loads(told)
    return said["productions"][0]


def wait_until_rendering(process: subprocess.Popen[str], root: Path) -> None:
    before = len(list((root / "scene/build/media/takes").glob("[!.]*.mkv")))
    while len(list((root / "scene/build/media/takes").glob("[!.]*.mkv"))) == before:
        assert process.poll() is None, "the night ended before it was rendering"
        time.sleep(0.02)


def test_two_nights_at_once_render_a_production_once(engines: Engines, root: Path) -> None:
    first, second = begin(root, engines), begin(root, engines)
    reports = sorted((end(first), end(second)), key=lambda report: str(report["state"]))
    assert reports[-1]["state"] in ("busy", "done", "standing")
    assert [report["made"] for report in reports].count(4) == 1
    assert sorted(path.name for path in (root / "scene/build/deliverables").glob("v*")) == [
        "v001",
        "v002",
    ]
    takes = open_project(root / "scene").store.read(Take)
    assert len(takes) == len({take.shot_id for take in takes}) == 8
    assert len(list((root / layout.NIGHTS).glob("*/summary.json"))) == 2


def test_a_killed_night_is_taken_over_at_once_and_loses_no_take(
    engines: Engines, root: Path
) -> None:
    killed = begin(root, engines)
    wait_until_rendering(killed, root)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    kept = {
        path.name: path.stat().st_mtime_ns
        for path in (root / "scene/build/media/takes").glob("[!.]*.mkv")
    }
    report = end(begin(root, engines))
    assert (report["state"], report["version"]) == ("done", "v002")
    assert len(list((root / "scene/build" / layout.LEASE).glob("*.json"))) >= 2
    after = {
        path.name: path.stat().st_mtime_ns
        for path in (root / "scene/build/media/takes").glob("[!.]*.mkv")
    }
    assert {name: after[name] for name in kept} == kept
    outcomes = [
        json.loads(path.read_text())["outcome"]
        for path in sorted((root / layout.NIGHTS).glob("*/summary.json"))
    ]
    assert outcomes == ["running", "done"]


def test_a_stopped_night_says_so_and_the_next_goes_on(engines: Engines, root: Path) -> None:
    stopped = begin(root, engines)
    wait_until_rendering(stopped, root)
    stopped.send_signal(signal.SIGTERM)
    stopped.communicate(timeout=300)
    assert stopped.returncode == 130
    (summary,) = (root / layout.NIGHTS).glob("*/summary.json")
    assert json.loads(summary.read_text())["outcome"] == "stopped"
    assert end(begin(root, engines))["state"] == "done"
