# SPDX-License-Identifier: Apache-2.0
"""Read the states of shots from the record: decisions, the newest run, failures, the cut before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

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
    """The run that began last.

    `ended_at` is "" while it works, or when it was killed; `interrupted`: it is known to be gone.
    """

    run_id: str
    began_at: str
    ended_at: str = ""
    interrupted: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nobody works on it any more, as far as this machine can see."""
        return bool(self.ended_at) or self.interrupted


def read_decisions(store: Store, shots: Sequence[Shot]) -> dict[str, Decision]:
    """Read what holds for each place of this cut.

    Decisions follow lines that were rewritten since the cut was recorded.
    """
    events = store.read(Event, name=list(DECISION_NAMES))
    return fold_decisions([*events, *_find_moves(store, events, shots)])


def remember_moves(store: Store, shots: Sequence[Shot]) -> None:
    """Record which places of a new cut take over decisions.

    Call it before the new cut is recorded.
    """
    store.append(_find_moves(store, store.read(Event, name=list(DECISION_NAMES)), shots))


def _find_moves(store: Store, events: Sequence[Event], shots: Sequence[Shot]) -> list[Event]:
    """Find the moves of decisions; read the recorded cut only if a decision lost its place."""
    gone = set(fold_decisions(events)).difference(identify_places(shots)) if events else set()
    return carry_decisions_over(events, now=shots, before=store.read_current(Shot)) if gone else []


def list_held_shots(store: Store, shots: Sequence[Shot]) -> list[str]:
    """List the numbers of the shots on hold; while there are any, nothing is delivered."""
    decided = read_decisions(store, shots)
    return [
        shot.number
        for place, shot in zip(identify_places(shots), shots, strict=True)
        if decided.get(place, UNDECIDED).held
    ]


def read_previous_cut(store: Store, shots: Sequence[Shot]) -> list[Shot]:
    """Read the recorded cut to compare this one with.

    It is the last one, or the one before if this cut is recorded already: a run records its cut
    first, and shots that it did not make (held, failed, stopped) still differ from what was there.
    """
    last = store.read_current(Shot)
    if [shot.shot_id for shot in last] != [shot.shot_id for shot in shots]:
        return last
    former = store.former_snapshot(Shot)
    return store.read(Shot, snapshot=former) if former else []


def find_newest_run(project: Project) -> NewestRun | None:
    """Find the run that began last, by its first event; None before the first run."""
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
    """Read the farm's events on these shots in the newest run, and all earlier failures."""
    ids = [shot.shot_id for shot in shots]
    if not ids:
        return []
    failures = store.read(Event, name="failed", subject=ids)
    if run is None:
        return failures
    others = [name for name in FARM if name != "failed"]
    return [*failures, *store.read(Event, since=run.began_at, name=others, subject=ids)]


def read_shot_states(
    project: Project, shots: Sequence[Shot], *, done: Collection[str], damaged: Collection[str] = ()
) -> list[ShotState]:
    """Read the state of every shot of a cut.

    `done`: identities that have a take; `damaged`: those whose take has to be made again.
    """
    run = find_newest_run(project)
    return read_run_states(project, shots, run=run, done=done, damaged=damaged)


def read_run_states(
    project: Project,
    shots: Sequence[Shot],
    *,
    run: NewestRun | None,
    done: Collection[str],
    damaged: Collection[str] = (),
) -> list[ShotState]:
    """Read the state of every shot when the newest run is known already.

    The farm's events on shots that are done are not read: their takes are evidence enough.
    """
    states = compute_states(
        shots,
        done=done,
        farm=read_farm_events(
            project.store, run, shots=[shot for shot in shots if shot.shot_id not in done]
        ),
        decisions=read_decisions(project.store, shots),
        over={run.run_id} if run is not None and run.is_over else (),
    )
    return [replace(state, damaged=state.shot.shot_id in damaged) for state in states]
