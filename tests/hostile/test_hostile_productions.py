# SPDX-License-Identifier: Apache-2.0
"""Hostile productions: no crash, nothing run, nothing written outside, and one clear error each;
unusual text is only text."""

from __future__ import annotations

import resource
import shutil
import time
from pathlib import Path

import pytest

from flows.inputs import read_inputs
from flows.project import open_project
from manifests.errors import InputError
from tests.data.bad_inputs import Bad
from tests.hostile.hostile_productions import HOSTILE

STARTER = Path(__file__).parents[2] / "pipeline" / "script" / "starter"
SECONDS, MEBIBYTES = 30.0, 600  # a production that is a bomb takes minutes or for ever


def starter(folder: Path) -> Path:
    """A copy of the starter among files that nobody may touch; its media are links to ours, so that
    a copy is cheap."""
    shutil.copytree(
        STARTER, folder, copy_function=lambda source, target: Path(target).hardlink_to(source)
    )
    for name in ("production.toml", "cast.csv", "consents.csv", "script.fountain"):
        text = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / name).write_bytes(text)
    (folder.parent / "outside.txt").write_text("not yours")
    return folder


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every entry under a folder with its size and time of change."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def peak() -> int:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def collect_problems(folder: Path) -> list[str]:
    """What `plan --inputs` would say."""
    try:
        read_inputs(open_project(folder))
    except InputError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize("bad", HOSTILE, ids=lambda bad: bad.name[:60])
def test_a_hostile_production_is_refused_clearly_or_taken_as_text(bad: Bad, tmp_path: Path) -> None:
    folder = starter(tmp_path / "home" / "production")
    bad.spoil(folder)
    before, memory, began = tree(tmp_path), peak(), time.process_time()
    said = collect_problems(folder)
    assert time.process_time() - began < SECONDS
    assert peak() - memory < MEBIBYTES
    assert tree(tmp_path) == before
    if bad.says:
        assert any(all(text in line for text in bad.says) for line in said), "\n".join(
            line[:300] for line in said
        )
    else:
        assert said == []
    for line in said:
        assert len(line) < 2000, f"{len(line)} characters"
        assert line.isprintable(), repr(line[:300])


def test_there_are_many_and_their_names_differ() -> None:
    assert len({bad.name for bad in HOSTILE}) == len(HOSTILE) >= 150
