# SPDX-License-Identifier: Apache-2.0
"""Folders, disks, clocks and servers that Callsheet needs are examined."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from flows.doctor import places as doctor_places
from tests.conftest import Engines


def test_a_folder_that_is_no_production_is_one_finding(tmp_path: Path) -> None:
    (finding,) = doctor_places.check_production(tmp_path, deep=False)
    assert (finding.name, finding.state) == ("production", "fail")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    assert doctor_places.check_writable("cache", tmp_path / "not" / "yet", advice="-").state == "ok"
    assert list(tmp_path.iterdir()) == []
    refused = doctor_places.check_writable("cache", Path("/proc"), advice="choose another")
    assert (refused.state, refused.mend) == ("fail", "choose another")


def test_a_disk_that_is_read_only_is_told(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", tmp_path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        refused = doctor_places.check_writable(
            "build folder", tmp_path / "build", advice="give --out"
        )
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert (refused.state, refused.mend) == ("fail", "give --out")


def test_the_clock_of_this_machine_is_right() -> None:
    assert doctor_places.check_clock().state == "ok"


def test_storage_in_a_folder_is_written_and_a_wrong_url_is_told(tmp_path: Path) -> None:
    assert doctor_places.check_storage(str(tmp_path), deep=True).state == "ok"
    assert doctor_places.check_storage(f"file://{tmp_path}", deep=True).state == "ok"
    wrong = doctor_places.check_storage("ftp://nowhere", deep=False)
    assert wrong.state == "fail"
    assert "[storage] url" in wrong.mend


def test_a_prefect_server_that_asks_for_a_password_is_well(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor_places.check_prefect_server(engines.prefect).state == "ok"
    monkeypatch.delenv("PREFECT_API_AUTH_STRING")
    assert "PREFECT_API_AUTH_STRING" in doctor_places.check_prefect_server(engines.prefect).mend
    assert doctor_places.check_prefect_server("http://127.0.0.1:9/api").state == "fail"
