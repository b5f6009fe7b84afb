# SPDX-License-Identifier: Apache-2.0
"""Files of a rendered film are damaged at random: nothing damaged is delivered in silence.

Each case damages one file of the media, the record or the deliverables, and renders again. It ends
in the same film, made again where that was needed; after `callsheet repair`, when a command asks
for it; or in one sentence.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.cli import main
from flows.finishing.recorded import list_damaged_deliverables
from flows.project import open_project
from tests.conftest import Engines
from tests.faults.harness import Result, prepare, result_of
from tests.faults.short_shots import write_production

pytestmark = [pytest.mark.faults, pytest.mark.timeout(2700)]
SEED = int(os.environ.get("CALLSHEET_FAULTS_SEED", "20261202"))
CASES = int(os.environ.get("CALLSHEET_FAULTS_CASES", "200"))
LOG = Path(os.environ["CALLSHEET_FAULTS_LOG"]) if "CALLSHEET_FAULTS_LOG" in os.environ else None
PLACES = ("media", "manifests", "deliverables")
Damage = Callable[[Path, random.Random], None]


def flip(path: Path, chance: random.Random) -> None:
    """Change one byte somewhere."""
    content = bytearray(path.read_bytes() or b"\0")
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def blank(path: Path, chance: random.Random) -> None:
    """Fill a part with zeros, as a disk does that lost a block."""
    content = bytearray(path.read_bytes() or b"\1")
    begin = chance.randrange(len(content))
    length = min(4096, len(content) - begin)
    content[begin : begin + length] = bytes(length)
    path.write_bytes(content)


def truncate(path: Path, chance: random.Random) -> None:
    """Cut it short."""
    path.write_bytes(path.read_bytes()[: chance.randrange(max(path.stat().st_size, 1))])


def remove(path: Path, _chance: random.Random) -> None:
    """Delete it."""
    path.unlink()


def swap(path: Path, chance: random.Random) -> None:
    """Put another file of the same kind in its place, or a copy of itself twice."""
    others = [other for other in path.parent.glob(f"*{path.suffix}") if other != path]
    content = chance.choice(others).read_bytes() if others else path.read_bytes() * 2
    path.write_bytes(content)


DAMAGES: tuple[Damage, ...] = (flip, blank, truncate, remove, swap)


def call(*arguments: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main(arguments)
        except SystemExit as left:
            return int(left.code or 0), said.getvalue()
        except BaseException:  # noqa: BLE001 - this is what a test of damage looks for
            return -1, said.getvalue() + traceback.format_exc()
    raise AssertionError("main always exits")


def choose_file(build: Path, chance: random.Random) -> Path:
    """Choose a file: first a place, so that few large files are met as often as many small ones."""
    place = build / chance.choice(PLACES)
    files = [path for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
    kinds = sorted({(path.parent, path.suffix) for path in files})
    parent, suffix = chance.choice(kinds)
    return chance.choice(sorted(parent.glob(f"*{suffix}")))


def render_damaged(folder: Path, truth: Result) -> str:
    """Render, repair where that is asked for, and compare. Returns how it ended."""
    ending = "as before or made again"
    code, said = call("render", str(folder))
    if code == 3 and "callsheet repair" in said:
        ending = "repaired"
        assert call("repair", str(folder), "--yes")[0] == 0
        code, said = call("render", str(folder))
    assert "Traceback" not in said, said
    if code:
        assert said.strip(), "it says nothing"
        return f"one sentence (code {code})"
    result = result_of(folder)
    assert (result.picture, result.sound) == (truth.picture, truth.sound)
    assert list_damaged_deliverables(open_project(folder)) == []
    return ending


def test_damage_is_repaired_made_again_or_told_and_never_delivered(
    engines: Engines, tmp_path: Path
) -> None:
    chance, endings = random.Random(SEED), Counter[str]()
    base = prepare(write_production(tmp_path / "base", shots=4))
    code, said = call("render", str(base))
    assert code == 0, said
    truth, failures = result_of(base), list[str]()
    with (LOG or tmp_path / "damage.log").open("a") as log:
        for number in range(CASES):
            folder = tmp_path / "case" / "film"
            shutil.rmtree(folder.parent, ignore_errors=True)
            shutil.copytree(base, folder, symlinks=True)
            path, damage = choose_file(folder / "build", chance), chance.choice(DAMAGES)
            damage(path, chance)
            what = f"case {number}, seed {SEED}: {damage.__name__} {path.relative_to(folder)}"
            try:
                ending = render_damaged(folder, truth)
            except AssertionError as error:
                ending = "failed"
                failures.append(f"{what}: {str(error)[-600:]}")
            endings[ending] += 1
            log.write(f"{what}: {ending}\n")
            log.flush()
    assert failures == [], f"{len(failures)} of {CASES}: {endings}"
