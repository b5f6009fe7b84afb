# SPDX-License-Identifier: Apache-2.0
"""Record decisions about shots as events, and fold events into what holds now.

Pure, except that `new_decision` reads the clock. Each decision is one event whose subject is a
place (see `shot_matching`). The newest decision wins; notes add up. An approval remembers what the
approved take was made from, so that a changed input withdraws it and can be named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flows.ledger.shot_diff import ReviewedTake
from flows.ledger.shot_matching import match_previous_shots
from manifests.rows import Shot
from manifests.run_rows import Event, new_event

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
    """How to perform a shot instead of as the script says.

    `performance`: as in `Shot`, over a take of `frames`; `words`: for people.
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
    """What people decided about one place.

    `retried_at`: when a failure was last cleared (UTC, ISO 8601), "" for never.

    `seeds` and `performances`: all that takes of this place were ever asked for with; `written`:
    the performance that the first direction replaced, "" when there was none.
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


def new_decision(name: str, place: str, shot: Shot, *, by: str, **detail: object) -> Event:
    """Make the event of a decision that the person `by` took.

    The shot's number and character go along, for people who read events.
    """
    if name not in DECISION_NAMES:
        raise ValueError(f"{name!r} is not a decision")
    facts = {"number": shot.number, "character": shot.character, **detail}
    return new_event(
        name, place, actor=by, detail=json.dumps(facts, ensure_ascii=False, sort_keys=True)
    )


def fold_decisions(events: Iterable[Event]) -> dict[str, Decision]:
    """Fold events into what holds for each place after all of them, by place."""
    current: dict[str, Decision] = {}
    for event in sorted(events, key=lambda row: (row.happened_at, row.event_id)):
        if event.name not in DECISION_NAMES:
            continue
        detail = event.detail_values
        before = current.pop(event.subject, UNDECIDED)
        if event.name == "moved":
            current[detail["to"]] = before
        else:
            current[event.subject] = replace(before, **_list_changes(before, event, detail))
    return {place: decision for place, decision in current.items() if decision != UNDECIDED}


def _list_changes(before: Decision, event: Event, detail: Mapping[str, object]) -> dict[str, Any]:
    """List the fields that an event sets, with their new values."""
    changes = _list_plain_changes(before, event, detail)
    if "seed" in changes:
        changes["seeds"] = before.seeds | {changes["seed"], *_parse_old_seed(detail)}
    return changes | (_list_direction_changes(before, detail) if "performance" in detail else {})


def _list_plain_changes(
    before: Decision, event: Event, detail: Mapping[str, object]
) -> dict[str, Any]:
    match event.name:
        case "held":
            changes: dict[str, Any] = {"held": True}
        case "released":
            changes = {"held": False, "skipped": False}
        case "skipped":
            changes = {"skipped": True}
        case "retry":
            changes = {"retried_at": event.happened_at, "skipped": False}
        case "priority":
            changes = {"priority": _parse_number(detail["priority"])}
        case "note":
            changes = {"notes": (*before.notes, str(detail["text"]))}
        case _:
            changes = _list_take_changes(event, detail)
    return changes


def _list_take_changes(event: Event, detail: Mapping[str, object]) -> dict[str, Any]:
    match event.name:
        case "seed":
            return {"seed": _parse_number(detail["seed"]), "circled": None}
        case "directed":
            return {"circled": None}
        case "circled":
            take = _parse_reviewed_take(detail)
            return {"seed": take.seed, "circled": take}
        case "approved":
            return {"approved": _parse_reviewed_take(detail)}
    return {}


def _list_direction_changes(before: Decision, detail: Mapping[str, object]) -> dict[str, Any]:
    """List the fields that a direction sets, or a circled take that performs differently.

    The performance "" in the detail means as the script says.
    """
    wanted, was = str(detail["performance"]), str(detail["performed"])
    direction = Direction(
        performance=wanted, frames=_parse_number(detail["frames"]), words=str(detail["words"])
    )
    known = before.direction is not None or was in before.performances
    return {
        "direction": direction if wanted else None,
        "performances": before.performances | {was, *filter(None, [wanted])},
        "written": before.written if known and before.written else was,
    }


def _parse_reviewed_take(detail: Mapping[str, object]) -> ReviewedTake:
    found = detail["prints"]
    digests = (
        {str(name): str(value) for name, value in found.items()}
        if isinstance(found, Mapping)
        else {}
    )
    return ReviewedTake(
        shot_id=str(detail["shot_id"]),
        talker=str(detail["talker"]),
        seed=_parse_number(detail["seed"]),
        input_digests=digests,
    )


def _parse_number(value: object) -> int:
    return int(str(value))


def _parse_old_seed(detail: Mapping[str, object]) -> tuple[int, ...]:
    return (_parse_number(detail["was"]),) if "was" in detail else ()


def carry_decisions_over(
    events: Iterable[Event], *, now: Sequence[Shot], before: Sequence[Shot]
) -> list[Event]:
    """Make the events that carry decisions over to rewritten places.

    `now`: the cut; `before`: the cut as last recorded.
    """
    current = fold_decisions(events)
    if not current:
        return []
    found = match_previous_shots(now, before)
    return [
        new_event("moved", old, actor="callsheet", detail=json.dumps({"to": place}))
        for place, (old, _) in found.items()
        if old != place and old in current and place not in current
    ]
