# SPDX-License-Identifier: Apache-2.0
"""`repair` tells first and acts with --yes; the film stands afterwards, and takes come back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from flows.cli import main
from flows.project import open_project
from manifests.damage import LOG
from manifests.rows import Take
from tests.conftest import Rendered


def call(*arguments: str) -> int:
    """Run the command in this process; return its exit code."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


def test_a_damaged_record_is_repaired_and_the_film_stands(
    film: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = film.copy(tmp_path / "scene")
    takes = open_project(folder).store.read(Take)
    record = folder / "build" / "manifests"
    for path in (record / "takes").glob("*.parquet"):
        path.write_bytes(path.read_bytes()[:200])
    shutil.rmtree(record / "shots" / LOG)
    for verb in ("plan", "status", "render"):
        assert call(verb, str(folder)) == 3
        assert f"run callsheet repair {folder}" in capsys.readouterr().err
    assert call("repair", str(folder)) == 1
    assert "nothing was changed" in capsys.readouterr().out
    assert call("repair", str(folder), "--yes", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert {table["table"] for table in said["tables"]} == {"shots", "takes"}
    assert said["adopted_takes"] == len(takes)
    assert sorted(open_project(folder).store.read(Take), key=str) == sorted(takes, key=str)
    assert call("render", str(folder)) == 0
    assert "Nothing to do" in capsys.readouterr().out
    assert call("repair", str(folder)) == 0
    assert capsys.readouterr().out == "the record is sound\n"
