# SPDX-License-Identifier: Apache-2.0
"""A run hears of decisions that others make meanwhile."""

from __future__ import annotations

from pathlib import Path

from flows.ledger.decisions import fold_decisions
from flows.ledger.live_decisions import compute_steering, new_drain_request, watch_decisions
from flows.ledger.record import RUN
from flows.ledger.shot_matching import identify_places
from flows.project import Project
from manifests.run_rows import new_event
from manifests.store import Store
from pipeline.script.production import Production
from tests.flows.ledger.test_shot_state import decided
from tests.flows.some_shots import build_event, cut, ids

DETAIL = {"priority": {"priority": 3}, "note": {"text": "n"}, "seed": {"seed": 9, "was": 1}}


def test_a_run_holds_changed_shots_and_retries_what_was_cleared_since_it_began() -> None:
    shots = cut("a", "b", "c", "d")
    people = fold_decisions(
        [
            decided("held", shots[0], 1),
            decided("seed", shots[1], 2, seed=9, was=1),
            decided("retry", shots[2], 30),
            decided("priority", shots[3], 4, priority=7),
        ]
    )
    wanted = compute_steering(
        dict(zip(identify_places(shots), shots, strict=True)),
        people,
        began=build_event("", "", 10).happened_at,
    )
    assert wanted.held == ids(shots[:2])
    assert wanted.priority == {shots[3].shot_id: 7}
    assert wanted.retry == ids(shots[2:3])


def test_a_run_is_drained_by_who_asks_for_it_while_it_goes_on(tmp_path: Path) -> None:
    production = Production(title="T", recordings=["x.wav"], folder=tmp_path)
    film = Project(production=production, root=tmp_path, store=Store(tmp_path / "manifests"))
    film.store.append([new_drain_request("e1", by="Anna")])  # the run before
    begins = new_event(RUN, "r2", actor="callsheet")
    film.store.append([begins])
    steer = watch_decisions(film, cut("a", "b"), began=begins.happened_at)
    assert not steer().stop
    film.store.append([new_drain_request("e1", by="Anna")])
    assert steer().stop
