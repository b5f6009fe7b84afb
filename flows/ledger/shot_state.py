# SPDX-License-Identifier: Apache-2.0
"""The ledger: the state of every shot, derived from the cut, the takes that stand, what the farm
said and what people decided. Pure.

Nothing here is stored: asked again after any event, the answer is the same for the same events, in
whatever order they are given.
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
    """One shot and how it stands. `state` is one of `STATES`.

    `worker` and `since` (UTC, ISO 8601): who makes it. `error` and `reason`: class and words of the
    last failure. `withdrawn`: why its approval no longer holds; `unfit`: why its circled take is
    another shot's now. `made`: a take stands.
    """

    shot: Shot
    place: str
    state: str
    decision: Decision = UNDECIDED
    has_take: bool = False
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
        """What people said of it that holds: `approved`, `circled`."""
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
    """The state of each shot of a cut in film order. `done`: identities whose takes stand; `farm`:
    the farm's events; `decisions`: by place; `over`: runs that have ended, whose shots nobody makes
    any more.
    """
    latest = last_words(farm)
    held = decisions or {}
    return [
        _state(
            shot,
            place,
            held.get(place, UNDECIDED),
            (latest.get(shot.shot_id), shot.shot_id in done),
            over,
        )
        for place, shot in zip(identify_places(shots), shots, strict=True)
    ]


def last_words(farm: Iterable[Event]) -> dict[str, Event]:
    """The newest of the farm's events on each shot, by identity."""
    latest: dict[str, Event] = {}
    for one in farm:
        before = latest.get(one.subject)
        if one.name in FARM and (before is None or _moment(before) < _moment(one)):
            latest[one.subject] = one
    return latest


def _moment(one: Event) -> tuple[str, int, str]:
    """Events of one microsecond are ordered as a shot lives through them."""
    return one.happened_at, FARM.index(one.name), one.event_id


def _state(
    shot: Shot,
    place: str,
    decision: Decision,
    facts: tuple[Event | None, bool],
    over: Collection[str],
) -> ShotState:
    last, made = facts
    work = _Work(state="done") if made else _work(last, decision, over) if last else _Work()
    state = "held" if decision.held else "skipped" if decision.skipped else work.state
    slate = shot.talker == SLATE
    changed = (
        list_changes_since_review(decision.approved, shot)
        if decision.approved and not slate
        else ()
    )
    unfit = (
        list_changes_since_review(decision.circled, shot) if decision.circled and not slate else ()
    )
    return ShotState(
        shot=shot,
        place=place,
        state=state,
        decision=decision,
        has_take=made,
        worker=work.worker,
        since=work.since,
        error=work.error,
        reason=work.reason,
        approved=decision.approved is not None and not slate and not changed,
        withdrawn=changed,
        circled=decision.circled is not None and not slate and not unfit,
        circle_withdrawn=unfit,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What the farm does with a shot."""

    state: str = "new"
    worker: str = ""
    since: str = ""
    error: str = ""
    reason: str = ""


def _work(last: Event, decision: Decision, over: Collection[str]) -> _Work:
    if last.name == "failed" and decision.retried_at <= last.happened_at:
        error, _, reason = last.detail.partition(": ")
        known = reason and " " not in error
        return _Work(
            state="failed",
            since=last.happened_at,
            error=error if known else "tool",
            reason=reason if known else last.detail,
        )
    if last.run_id in over:  # it was interrupted, or its take is gone
        return _Work()
    if last.name == "running":
        return _Work(state="running", worker=last.detail, since=last.happened_at)
    return _Work(state="queued") if last.name in ("queued", "retried") else _Work()
