# SPDX-License-Identifier: Apache-2.0
"""Whatever is killed whenever: the production comes out as if nothing had happened, every shot made
and recorded once."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.project import open_project
from tests.conftest import Engines, Rendered
from tests.faults.harness import (
    KINDS,
    Tally,
    check_record,
    fresh_copy,
    prefect_server,
    prepare,
    render_under_fire,
    result_of,
)
from tests.faults.short_shots import write_production

LOG = Path(os.environ["CALLSHEET_FAULTS_LOG"]) if "CALLSHEET_FAULTS_LOG" in os.environ else None
SEED = int(os.environ.get("CALLSHEET_FAULTS_SEED", "20261122"))


def survive(folder: Path, *, shots: int, wanted: Counter[str], a_round: int) -> Tally:
    """Render the same production anew, round after round, until everything wanted was killed; each
    must come out the same.

    `a_round`: about how many kills one rendering gets."""
    prepared = prepare(write_production(folder / "prepared", shots=shots))
    tally = Tally(random.Random(SEED), LOG or folder / "kills.log")
    with prefect_server(folder / "prefect") as server:
        undisturbed = fresh_copy(prepared, folder / "undisturbed")
        render_under_fire(undisturbed, server, tally, Counter())
        truth = result_of(undisturbed)
        assert len(truth.takes) == shots
        number = 0
        while any(tally.killed[kind] < count for kind, count in wanted.items()):
            number += 1
            here = fresh_copy(prepared, folder / f"round{number}")
            before = len(tally.decisions)
            render_under_fire(here, server, tally, share(wanted, tally, a_round))
            check_record(open_project(here), tally.decisions[before:])
            assert result_of(here) == truth
            tally.say(
                f"round {number} is as the undisturbed one; killed so far {dict(tally.killed)}"
            )
    return tally


def share(wanted: Counter[str], tally: Tally, count: int) -> Counter[str]:
    """The tally after which a round has had its kills: those least done first."""
    goal = Counter(tally.killed)
    for _ in range(count):
        open_kinds = [kind for kind in KINDS if goal[kind] < wanted[kind]]
        if open_kinds:
            goal[min(open_kinds, key=lambda kind: goal[kind] / wanted[kind])] += 1
    return goal


@pytest.mark.faults
@pytest.mark.timeout(2700)
def test_a_hundred_and_twenty_kills_change_nothing(tmp_path: Path) -> None:
    wanted = Counter(worker=36, actor=36, head=12, driver=12, prefect=12, writer=12)
    tally = survive(tmp_path, shots=60, wanted=wanted, a_round=20)
    assert all(tally.killed[kind] >= 10 for kind in KINDS)
    assert sum(tally.killed.values()) >= 120
    assert tally.decisions


@dataclass(frozen=True)
class Running:
    """The suite's Prefect server."""

    url: str

    def wait(self) -> None:
        """It runs as long as the suite."""


@pytest.mark.proof
def test_a_killed_worker_and_a_killed_writer_change_nothing(
    engines: Engines, film: Rendered, tmp_path: Path
) -> None:
    truth = result_of(film.folder)
    folder = film.copy(tmp_path / "scene")
    tally, wanted = Tally(random.Random(SEED), tmp_path / "kills.log"), Counter(actor=1, writer=1)
    for _ in range(4):  # a short film may be over before there was a moment to strike in
        for made in ("deliverables", "media/takes", "manifests/takes", "manifests/deliverables"):
            shutil.rmtree(folder / "build" / made, ignore_errors=True)
        render_under_fire(folder, Running(engines.prefect), tally, wanted, ray=engines.ray)
        if tally.killed == wanted:
            break
    assert tally.killed == wanted
    check_record(open_project(folder), tally.decisions)
    assert result_of(folder) == truth
