# SPDX-License-Identifier: Apache-2.0
"""What the ledger reads from the record: decisions, the farm's words on the newest run, failures, and how a decision follows its shot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flows.decisions import NAMES, Decision, fold, moves
from flows.film import Film
from flows.ledger import FARM, ShotState, states
from manifests.rows import Event, Run, Shot
from manifests.store import Store

RUN = "run"  # the event with which a run begins


@dataclass(frozen=True, slots=True, kw_only=True)
class NewestRun:
    """The run that began last. `ended_at` is "" while it works, or when it was killed."""

    run_id: str
    began_at: str
    ended_at: str = ""


def decisions(store: Store, shots: Sequence[Shot]) -> dict[str, Decision]:
    """What holds for each place of this cut, also where its lines were rewritten since the cut was recorded."""
    events = store.rows(Event, name=list(NAMES))
    if not events:
        return {}
    return fold([*events, *moves(events, now=shots, before=store.current_rows(Shot))])


def remember_moves(store: Store, shots: Sequence[Shot]) -> None:
    """Record which places of the cut that is about to be recorded take over decisions. To be called before it is."""
    events = store.rows(Event, name=list(NAMES))
    if events:
        store.append(moves(events, now=shots, before=store.current_rows(Shot)))


def newest_run(store: Store) -> NewestRun | None:
    """The run that began last, from its first event; None before the first."""
    began = store.rows(Event, name=RUN)
    if not began:
        return None
    last = max(began, key=lambda row: row.happened_at)
    ended = [row.finished_at for row in store.rows(Run, run_id=last.subject)]
    return NewestRun(run_id=last.subject, began_at=last.happened_at, ended_at=ended[-1] if ended else "")


def farm_events(store: Store, run: NewestRun | None) -> list[Event]:
    """All that the farm said of shots in the newest run, and the failures of those before it."""
    earlier = store.rows(Event, name="failed", actor="farm")
    if run is None:
        return earlier
    return [*earlier, *store.rows(Event, since=run.began_at, name=[name for name in FARM if name != "failed"])]


def ledger(film: Film, shots: Sequence[Shot], *, done: Sequence[str] | set[str]) -> list[ShotState]:
    """The state of every shot of a cut. `done`: identities whose takes stand."""
    run = newest_run(film.store)
    return states(
        shots,
        done=set(done),
        farm=farm_events(film.store, run),
        decisions=decisions(film.store, shots),
        over={run.run_id} if run is not None and run.ended_at else (),
    )
