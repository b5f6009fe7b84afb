# SPDX-License-Identifier: Apache-2.0
"""What the ledger reads from the record: decisions, the farm's words on the newest run, failures,
and how a decision follows its shot.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from flows.lease import is_abandoned
from flows.ledger.decisions import (
    DECISION_NAMES,
    UNDECIDED,
    Decision,
    carry_decisions_over,
    fold_decisions,
)
from flows.ledger.shot_matching import identify_places
from flows.ledger.shot_state import FARM, ShotState, compute_states
from flows.project import Project
from manifests.rows import Shot
from manifests.run_rows import Event, Run
from manifests.store import Store

RUN = "run"  # the event with which a run begins


@dataclass(frozen=True, slots=True, kw_only=True)
class NewestRun:
    """The run that began last. `ended_at` is "" while it works, or when it was killed;
    `interrupted`: it is known to be gone.
    """

    run_id: str
    began_at: str
    ended_at: str = ""
    interrupted: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nobody works on it any more, as far as that can be seen from here."""
        return bool(self.ended_at) or self.interrupted


def read_decisions(store: Store, shots: Sequence[Shot]) -> dict[str, Decision]:
    """What holds for each place of this cut, also where its lines were rewritten since the cut was
    recorded.
    """
    events = store.read(Event, name=list(DECISION_NAMES))
    return fold_decisions([*events, *_moves(store, events, shots)])


def remember_moves(store: Store, shots: Sequence[Shot]) -> None:
    """Record which places of the cut that is about to be recorded take over decisions. To be called
    before it is.
    """
    store.append(_moves(store, store.read(Event, name=list(DECISION_NAMES)), shots))


def _moves(store: Store, events: Sequence[Event], shots: Sequence[Shot]) -> list[Event]:
    """The recorded cut is read only when a decision's place is not in the cut any more."""
    gone = set(fold_decisions(events)).difference(identify_places(shots)) if events else set()
    return carry_decisions_over(events, now=shots, before=store.read_current(Shot)) if gone else []


def list_held_shots(store: Store, shots: Sequence[Shot]) -> list[str]:
    """The numbers of the shots that are held: nothing is delivered while there are any."""
    decided = read_decisions(store, shots)
    return [
        shot.number
        for place, shot in zip(identify_places(shots), shots, strict=True)
        if decided.get(place, UNDECIDED).held
    ]


def read_previous_cut(store: Store, shots: Sequence[Shot]) -> list[Shot]:
    """The recorded cut that this one is compared with: the last, or the one before it when this one
    is recorded already.

    A run records its cut first; what it did not make (held, failed, stopped) still differs from
    what was there.
    """
    last = store.read_current(Shot)
    if [shot.shot_id for shot in last] != [shot.shot_id for shot in shots]:
        return last
    former = store.former_snapshot(Shot)
    return store.read(Shot, snapshot=former) if former else []


def find_newest_run(project: Project) -> NewestRun | None:
    """The run that began last, from its first event; None before the first."""
    began = project.store.read(Event, name=RUN)
    if not began:
        return None
    last = max(began, key=lambda row: row.happened_at)
    ended = [row.finished_at for row in project.store.read(Run, run_id=last.subject)]
    if ended:
        return NewestRun(run_id=last.subject, began_at=last.happened_at, ended_at=ended[-1])
    gone = is_abandoned(project.root, since=last.happened_at)
    return NewestRun(run_id=last.subject, began_at=last.happened_at, interrupted=gone)


def read_farm_events(store: Store, run: NewestRun | None, *, shots: Sequence[Shot]) -> list[Event]:
    """All that the farm said of these shots in the newest run, and their failures in those before
    it.
    """
    ids = [shot.shot_id for shot in shots]
    if not ids:
        return []
    failures = store.read(Event, name="failed", subject=ids)
    if run is None:
        return failures
    others = [name for name in FARM if name != "failed"]
    return [*failures, *store.read(Event, since=run.began_at, name=others, subject=ids)]


def read_shot_states(
    project: Project, shots: Sequence[Shot], *, done: Collection[str]
) -> list[ShotState]:
    """The state of every shot of a cut. `done`: identities whose takes stand."""
    return read_run_states(project, shots, run=find_newest_run(project), done=done)


def read_run_states(
    project: Project, shots: Sequence[Shot], *, run: NewestRun | None, done: Collection[str]
) -> list[ShotState]:
    """As `ledger`, with the newest run known already. What the farm said of shots that are done is
    not asked for: their takes say it.
    """
    return compute_states(
        shots,
        done=done,
        farm=read_farm_events(
            project.store, run, shots=[shot for shot in shots if shot.shot_id not in done]
        ),
        decisions=read_decisions(project.store, shots),
        over={run.run_id} if run is not None and run.is_over else (),
    )
