# SPDX-License-Identifier: Apache-2.0
"""Draft decisions about shots: approve, hold, release, skip, priority, note, circle a take.

Pure: nothing is written here. Each function takes the states of the shots and the name of the
person who decides, and returns the events of the decision; the caller commits them. A decision is
about a shot's place in the project, one event a place; a run elsewhere reads it within a second.
Retakes (another seed, emotion or intensity) are in `retakes`, the takes of a place in
`place_takes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flows.ledger.decisions import Direction, new_decision
from flows.ledger.direction import apply_direction
from flows.ledger.shot_diff import describe_reviewed_take
from flows.ledger.shot_state import ShotState
from manifests.errors import InputError, Problem
from manifests.plain_text import require_fit
from manifests.rows import Shot
from manifests.run_rows import Event
from pipeline.render.slate import SLATE


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotDecision:
    """A decision on one shot, for people: what holds now."""

    number: str
    character: str
    text: str
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionDraft:
    """A decision that is not recorded yet: its events, and what to tell people of each shot."""

    events: tuple[Event, ...] = ()
    shots: tuple[ShotDecision, ...] = ()

    def __add__(self, other: DecisionDraft) -> DecisionDraft:
        return DecisionDraft(events=self.events + other.events, shots=self.shots + other.shots)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotNotes:
    """The notes on one shot, oldest first."""

    number: str
    character: str
    notes: tuple[str, ...]


Details = Callable[[ShotState], Mapping[str, object]]
Words = Callable[[ShotState], str]


def draft_events(
    name: str, states: Sequence[ShotState], *, by: str, detail: Details = lambda _entry: {}
) -> tuple[Event, ...]:
    """Draft one event of a kind for each shot. `detail`: what goes into the event of a shot."""
    return tuple(
        new_decision(name, entry.place, entry.shot, by=by, **detail(entry)) for entry in states
    )


def describe_shots(states: Sequence[ShotState], words: Words) -> tuple[ShotDecision, ...]:
    """Describe what holds for each shot now, in the words that `words` finds for it."""
    return tuple(
        ShotDecision(
            number=entry.shot.number,
            character=entry.shot.character,
            text=entry.shot.text,
            decision=words(entry),
        )
        for entry in states
    )


def refuse(states: Sequence[ShotState], message: str) -> None:
    """Raise one InputError that names all these shots; do nothing when there are none."""
    problems = [Problem(file=entry.shot.number, message=message) for entry in states]
    if problems:
        raise InputError(problems)


def approve(
    states: Sequence[ShotState], *, by: str, reviewed: Mapping[str, Shot] | None = None
) -> DecisionDraft:
    """Approve the takes of these shots.

    `reviewed`: by place, the variant whose take was reviewed, if it is not the take in use.

    Raises:
        InputError: A shot has no take to review.
    """
    others = reviewed or {}
    shots = {entry.place: others.get(entry.place, entry.shot) for entry in states}
    missing = [
        entry
        for entry in states
        if shots[entry.place].talker == SLATE or not (entry.has_take or entry.place in others)
    ]
    refuse(missing, "has no take yet; render it first")
    events = draft_events(
        "approved", states, by=by, detail=lambda entry: describe_reviewed_take(shots[entry.place])
    )
    return DecisionDraft(events=events, shots=describe_shots(states, lambda _entry: "approved"))


def hold(states: Sequence[ShotState], *, by: str) -> DecisionDraft:
    """Put shots on hold: until they are released, they are not made and nothing is delivered."""
    return _draft("held", states, by=by, words="held")


def release(states: Sequence[ShotState], *, by: str) -> DecisionDraft:
    """Release shots that were held or skipped."""
    return _draft("released", states, by=by, words="released")


def skip(states: Sequence[ShotState], *, by: str) -> DecisionDraft:
    """Skip shots: a slate with the line's text is delivered in their place."""
    return _draft("skipped", states, by=by, words="skipped; a slate replaces it")


def set_priority(states: Sequence[ShotState], urgency: int, *, by: str) -> DecisionDraft:
    """Set the priority of shots: higher comes first, 0 is film order."""
    words = f"priority {urgency}"
    return _draft("priority", states, by=by, words=words, priority=urgency)


def add_note(states: Sequence[ShotState], text: str, *, by: str) -> DecisionDraft:
    """Add a note to shots. Raises InputError when it is empty."""
    if not text.strip():
        raise InputError(Problem(file="--text", message="the note is empty"))
    require_fit(text, file="--text")
    return _draft("note", states, by=by, words=f"noted: {text.strip()}", text=text.strip())


def list_notes(states: Sequence[ShotState]) -> list[ShotNotes]:
    """List the notes on these shots; shots without notes are left out."""
    return [
        ShotNotes(
            number=entry.shot.number, character=entry.shot.character, notes=entry.decision.notes
        )
        for entry in states
        if entry.decision.notes
    ]


def circle_takes(
    states: Sequence[ShotState], variants: Mapping[str, Shot], *, by: str
) -> DecisionDraft:
    """Circle a take of each shot: it is the one to use.

    `variants`: by place, the variant whose take is circled (see `place_takes.list_variants`). If it
    performs differently from the shot, the shot is directed to perform so from now on.
    """
    seeds = sorted({str(variants[entry.place].seed) for entry in states})
    words = f"take with seed {', '.join(seeds)} circled"
    return DecisionDraft(
        events=draft_events(
            "circled",
            states,
            by=by,
            detail=lambda entry: _describe_circle(entry, variants[entry.place]),
        ),
        shots=describe_shots(states, lambda _entry: words),
    )


def describe_direction(direction: Direction, entry: ShotState) -> dict[str, object]:
    """Describe a direction for the detail of its event.

    `performed` is what the shot performed before it.
    """
    return {
        "performance": direction.performance,
        "frames": direction.frames,
        "words": direction.words,
        "performed": entry.shot.performance,
    }


def _draft(
    name: str, states: Sequence[ShotState], *, by: str, words: str, **detail: object
) -> DecisionDraft:
    """Draft the same decision about all these shots."""
    return DecisionDraft(
        events=draft_events(name, states, by=by, detail=lambda _entry: detail),
        shots=describe_shots(states, lambda _entry: words),
    )


def _describe_circle(entry: ShotState, variant: Shot) -> dict[str, object]:
    """Describe a circled take, with a direction if the shot must perform differently for it."""
    detail, decision = {**describe_reviewed_take(variant), "was": entry.shot.seed}, entry.decision
    written = variant.performance == decision.written
    now = decision.direction and apply_direction(entry.shot, decision.direction).performance
    if not decision.performances or variant.performance == now or (now is None and written):
        return detail
    direction = Direction(
        performance="" if written else variant.performance,
        frames=variant.frames,
        words="as in its take",
    )
    return detail | describe_direction(direction, entry)
