# SPDX-License-Identifier: Apache-2.0
"""Compute the state of every shot from the cut, its takes, the farm's events and decisions.

Pure, and nothing is stored: the same events give the same states, in whatever order they come.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flows.ledger.decisions import UNDECIDED, Decision
from flows.ledger.shot_diff import list_changes_since_review
from flows.ledger.shot_matching import identify_places
from manifests.rows import Shot
from manifests.run_rows import Event
from pipeline.render.slate import SLATE

STATES = ("new", "queued", "running", "done", "failed", "held", "skipped")
MARKS = ("approved", "circled")
FARM = ("queued", "running", "done", "failed", "retried", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotState:
    """One shot and its state, one of `STATES`.

    `damaged`: its take is not as it was made, and is made again. `worker` and `since` (UTC,
    ISO 8601): who makes it. `error` and `reason`: class and words of the last failure. `withdrawn`:
    why its approval no longer holds; `circle_withdrawn`: why its circled take no longer fits the
    shot.
    """

    shot: Shot
    place: str
    state: str
    decision: Decision = UNDECIDED
    has_take: bool = False
    damaged: bool = False
    worker: str = ""
    since: str = ""
    error: str = ""
    reason: str = ""
    approved: bool = False
    withdrawn: tuple[str, ...] = ()
    circled: bool = False
    circle_withdrawn: tuple[str, ...] = ()

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks that hold: `approved`, `circled`."""
        return tuple(
            name for name, holds in zip(MARKS, (self.approved, self.circled), strict=True) if holds
        )


def compute_states(
    shots: Sequence[Shot],
    *,
    done: Collection[str],
    farm: Iterable[Event] = (),
    decisions: Mapping[str, Decision] | None = None,
    over: Collection[str] = (),
) -> list[ShotState]:
    """Compute the state of each shot of a cut, in film order.

    `done`: identities that have a take; `farm`: the farm's events; `decisions`: by place; `over`:
    runs that have ended, whose shots nobody makes any more.
    """
    latest = _find_last_events(farm)
    states = []
    for place, shot in zip(identify_places(shots), shots, strict=True):
        decision = (decisions or {}).get(place, UNDECIDED)
        if shot.shot_id in done:
            work = _FarmWork(state="done")
        else:
            work = _read_farm_work(latest.get(shot.shot_id), decision, over)
        states.append(_compute_state(shot, place, decision, work))
    return states


def _find_last_events(farm: Iterable[Event]) -> dict[str, Event]:
    """Find the newest of the farm's events on each shot, by identity."""
    latest: dict[str, Event] = {}
    for event in farm:
        before = latest.get(event.subject)
        if event.name in FARM and (before is None or _sort_key(before) < _sort_key(event)):
            latest[event.subject] = event
    return latest


def _sort_key(event: Event) -> tuple[str, int, str]:
    """Order events of one microsecond as a shot lives through them."""
    return event.happened_at, FARM.index(event.name), event.event_id


@dataclass(frozen=True, slots=True, kw_only=True)
class _FarmWork:
    """What the farm does with a shot."""

    state: str = "new"
    worker: str = ""
    since: str = ""
    error: str = ""
    reason: str = ""


def _compute_state(shot: Shot, place: str, decision: Decision, work: _FarmWork) -> ShotState:
    slate = shot.talker == SLATE
    approved, circled = (
        (None, None) if slate else (decision.approved, decision.circled)
    )  # a slate is no take that anybody reviewed
    withdrawn = list_changes_since_review(approved, shot) if approved else ()
    circle_withdrawn = list_changes_since_review(circled, shot) if circled else ()
    return ShotState(
        shot=shot,
        place=place,
        state="held" if decision.held else "skipped" if decision.skipped else work.state,
        decision=decision,
        has_take=work.state == "done",
        worker=work.worker,
        since=work.since,
        error=work.error,
        reason=work.reason,
        approved=approved is not None and not withdrawn,
        withdrawn=withdrawn,
        circled=circled is not None and not circle_withdrawn,
        circle_withdrawn=circle_withdrawn,
    )


def _read_farm_work(last: Event | None, decision: Decision, over: Collection[str]) -> _FarmWork:
    """Read what the farm does with a shot without a take from its last event."""
    if last is None:
        return _FarmWork()
    if last.name == "failed" and decision.retried_at <= last.happened_at:
        return _parse_failure(last)
    if last.run_id in over:  # it was interrupted, or its take is gone
        return _FarmWork()
    if last.name == "running":
        return _FarmWork(state="running", worker=last.detail, since=last.happened_at)
    return _FarmWork(state="queued") if last.name in ("queued", "retried") else _FarmWork()


def _parse_failure(last: Event) -> _FarmWork:
    error, _, reason = last.detail.partition(": ")
    known = reason and " " not in error
    return _FarmWork(
        state="failed",
        since=last.happened_at,
        error=error if known else "tool",
        reason=reason if known else last.detail,
    )
