# SPDX-License-Identifier: Apache-2.0
"""The doctor: quick, right about what is broken, and it says what mends it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from flows import cli
from flows.doctor.examine import examine_machine, measure_memory_gib
from flows.doctor.finding import Finding
from tests.conftest import Rendered


def found(findings: list[Finding], name: str) -> Finding:
    return next(finding for finding in findings if finding.name == name)


def test_a_look_at_a_production_leaves_nothing_behind(film: Rendered, tmp_path: Path) -> None:
    folder = film.copy(tmp_path / "scene")
    before = sorted(folder.rglob("*"))
    findings = examine_machine(folder)
    assert {finding.state for finding in findings} <= {"ok", "warn"}
    assert {finding.name for finding in findings} >= {
        "inputs",
        "licence profile",
        "build folder",
        "clock",
        "ray token",
    }
    assert sorted(folder.rglob("*")) == before


def test_what_is_wrong_is_said_with_what_mends_it(
    film: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = film.copy(tmp_path / "scene")
    (folder / "production.toml").write_text(
        (folder / "production.toml").read_text() + "\n[licences]\ncommercial = true\n"
    )
    with pytest.raises(SystemExit) as leave:
        cli.main(["doctor", str(folder), "--json"])
    assert leave.value.code == 3
    told = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert told["licence profile"]["state"] == "fail"
    assert "pyannote-segmentation" in told["licence profile"]["finding"]
    assert "licences.agreements" in told["licence profile"]["mend"]
    assert told["inputs"]["state"] == "fail"


def test_an_open_ray_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert found(examine_machine(), "ray token").state == "fail"


def test_memory_is_the_machines_or_the_containers(tmp_path: Path) -> None:
    assert measure_memory_gib(tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal:       16777216 kB\nMemFree: 1 kB\n")
    assert measure_memory_gib(tmp_path) == 16
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("max\n")
    assert measure_memory_gib(tmp_path) == 16
    (tmp_path / "sys/fs/cgroup/memory.max").write_text(str(4 * 2**30))
    assert measure_memory_gib(tmp_path) == 4


@pytest.mark.proof
def test_the_deep_look_starts_every_engine() -> None:
    os.environ.pop("RAY_ADDRESS", None)
    findings = examine_machine(deep=True)
    started = [found(findings, name) for name in ("torch loads", "ray starts", "prefect starts")]
    assert [finding.state for finding in started] == ["ok", "ok", "ok"], started
