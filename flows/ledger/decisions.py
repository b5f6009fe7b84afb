# SPDX-License-Identifier: Apache-2.0
"""What people decided about shots, folded from events. Pure but for the clock in `decide`.

Each decision is one event whose subject is a place (`places`); the newest wins, notes add up. An
approval remembers what the approved take was made from, so that a change of input withdraws it and
can be named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flows.ledger.shot_diff import ReviewedTake
from flows.ledger.shot_matching import match_previous_shots
from flows.who import current_user
from manifests.rows import Shot
from manifests.run_rows import Event
from manifests.store import new_event

DECISION_NAMES = (
    "approved",
    "retry",
    "seed",
    "directed",
    "circled",
    "held",
    "released",
    "skipped",
    "priority",
    "note",
    "moved",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """How a shot is performed instead of as the script says. `performance`: as in `Shot`, over a
    take of `frames`; `words`: for people.
    """

    performance: str
    frames: int
    words: str

    @property
    def curve(self) -> list[list[float]]:
        """The performance as in `Shot.curve`."""
        return [list(key) for key in json.loads(self.performance)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What holds for one place. `retried_at`: when a failure was last cleared (UTC, ISO 8601), ""
    for never.

    `seeds` and `performances`: those that takes of this place were ever asked for with; `written`:
    the performance that the first direction took the place of, "" when there was none.
    """

    held: bool = False
    skipped: bool = False
    priority: int = 0
    seed: int | None = None
    direction: Direction | None = None
    approved: ReviewedTake | None = None
    circled: ReviewedTake | None = None
    retried_at: str = ""
    notes: tuple[str, ...] = ()
    seeds: frozenset[int] = frozenset()
    performances: frozenset[str] = frozenset()
    written: str = ""


UNDECIDED = Decision()


def new_decision(name: str, place: str, shot: Shot, **detail: object) -> Event:
    """The event of a decision by whoever runs this. The shot's number and character go along, for
    people who read events.
    """
    if name not in DECISION_NAMES:
        raise ValueError(f"{name!r} is no decision")
    said = {"number": shot.number, "character": shot.character, **detail}
    return new_event(
        name,
        place,
        actor=current_user(),
        detail=json.dumps(said, ensure_ascii=False, sort_keys=True),
    )


def fold_decisions(events: Iterable[Event]) -> dict[str, Decision]:
    """What holds for each place after all these events, by place."""
    held: dict[str, Decision] = {}
    for one in sorted(events, key=lambda row: (row.happened_at, row.event_id)):
        if one.name not in DECISION_NAMES:
            continue
        detail = one.detail_values
        before = held.pop(one.subject, UNDECIDED)
        if one.name == "moved":
            held[detail["to"]] = before
        else:
            held[one.subject] = _after(before, one, detail)
    return {place: decision for place, decision in held.items() if decision != UNDECIDED}


def _after(before: Decision, one: Event, detail: Mapping[str, object]) -> Decision:
    return replace(before, **_changes(before, one, detail))


def _changes(before: Decision, one: Event, detail: Mapping[str, object]) -> dict[str, Any]:
    """The fields that a decision sets anew."""
    changes: dict[str, Any] = {}
    match one.name:
        case "held":
            changes = {"held": True}
        case "released":
            changes = {"held": False, "skipped": False}
        case "skipped":
            changes = {"skipped": True}
        case "retry":
            changes = {"retried_at": one.happened_at, "skipped": False}
        case "priority":
            changes = {"priority": _number(detail["priority"])}
        case "seed":
            changes = {"seed": _number(detail["seed"]), "circled": None}
        case "directed":
            changes = {"circled": None}
        case "circled":
            changes = {"seed": _seen(detail).seed, "circled": _seen(detail)}
        case "approved":
            changes = {"approved": _seen(detail)}
        case "note":
            changes = {"notes": (*before.notes, str(detail["text"]))}
    if "seed" in changes:
        changes["seeds"] = before.seeds | {changes["seed"], *_numbers(detail, "was")}
    return changes | (_directions(before, detail) if "performance" in detail else {})


def _directions(before: Decision, detail: Mapping[str, object]) -> dict[str, Any]:
    """How the place is performed after a direction, or after a take that performs otherwise was
    circled; "" is as written.
    """
    wanted, was = str(detail["performance"]), str(detail["performed"])
    direction = Direction(
        performance=wanted, frames=_number(detail["frames"]), words=str(detail["words"])
    )
    known = before.direction is not None or was in before.performances
    return {
        "direction": direction if wanted else None,
        "performances": before.performances | {was, *filter(None, [wanted])},
        "written": before.written if known and before.written else was,
    }


def _seen(detail: Mapping[str, object]) -> ReviewedTake:
    found = detail["prints"]
    kept = (
        {str(name): str(value) for name, value in found.items()}
        if isinstance(found, Mapping)
        else {}
    )
    return ReviewedTake(
        shot_id=str(detail["shot_id"]),
        talker=str(detail["talker"]),
        seed=_number(detail["seed"]),
        prints=kept,
    )


def _number(value: object) -> int:
    return int(str(value))


def _numbers(detail: Mapping[str, object], name: str) -> tuple[int, ...]:
    return (_number(detail[name]),) if name in detail else ()


def carry_decisions_over(
    events: Iterable[Event], *, now: Sequence[Shot], before: Sequence[Shot]
) -> list[Event]:
    """The events that carry decisions over to rewritten places. `now` and `before`: the cut, and
    the cut as last recorded.
    """
    held = fold_decisions(events)
    if not held:
        return []
    found = match_previous_shots(now, before)
    return [
        new_event("moved", old, actor="callsheet", detail=json.dumps({"to": place}))
        for place, (old, _) in found.items()
        if old != place and old in held and place not in held
    ]
