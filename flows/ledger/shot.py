# SPDX-License-Identifier: Apache-2.0
"""Decisions about shots, made and recorded: approve, retry, hold, release, skip, priority, take, note.

A shot means what `plan` shows now, so the cut is computed from today's files (what was listened to is kept); the decision is about its
place and is one event, which a run that goes on elsewhere sees within a second.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows import listening
from flows.cut import Cutting, cut
from flows.film import Film, done, open_film
from flows.inputs import read_inputs
from flows.ledger import record
from flows.ledger.causes import seen
from flows.ledger.decisions import decide
from flows.ledger.direction import seeded
from flows.ledger.select import WHERE, select
from flows.ledger.states import ShotState
from manifests.errors import InputError, Problem
from manifests.rows import Event, Take
from pipeline.slate import SLATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A production, its cut as it stands, and the shots that somebody means."""

    film: Film
    cutting: Cutting
    shots: list[ShotState]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision on one shot, for people: what holds now."""

    number: str
    character: str
    text: str
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceTake:
    """One take of a place: it differs from the shot only in its seed. `current`: the one that is used."""

    number: str
    seed: int
    path: str
    label: str
    current: bool
    circled: bool
    wall_seconds: float
    measures: dict[str, float]
    warnings: tuple[str, ...]


def choose(folder: Path, wanted: Sequence[str], *, out: Path | None) -> Chosen:
    """The shots that the texts name. Raises InputError for names of nothing, and when nobody listened to the recordings yet."""
    film = open_film(folder, out)
    inputs = read_inputs(film)
    recordings = listening.known_recordings(film, inputs)
    if recordings is None or not listening.is_heard(film, recordings, inputs):
        message = "the recordings were not listened to yet, so there are no shots"
        raise InputError(Problem(file=WHERE, message=message, expected=f"callsheet plan {folder}, once"))
    cutting = cut(film, inputs, recordings)
    ledger = record.ledger(film, cutting.shots, done=set(done(film, cutting.shots)))
    return Chosen(film=film, cutting=cutting, shots=select(ledger, wanted))


def approve(chosen: Chosen) -> list[Decided]:
    """What was looked at is right. Raises InputError for shots without a take: there was nothing to look at."""
    unmade = [entry for entry in chosen.shots if not entry.made or entry.shot.talker == SLATE]
    _refuse(unmade, "has no take that anybody could have looked at", "callsheet render, then look, then approve")
    return _decide(chosen, "approved", lambda entry: seen(entry.shot), "approved")


def hold(chosen: Chosen) -> list[Decided]:
    """Nothing happens with them, and nothing is delivered, until they are released."""
    return _decide(chosen, "held", lambda _entry: {}, "held")


def release(chosen: Chosen) -> list[Decided]:
    """No longer held, no longer skipped."""
    return _decide(chosen, "released", lambda _entry: {}, "released")


def skip(chosen: Chosen) -> list[Decided]:
    """A slate with the line's text goes out in their place."""
    return _decide(chosen, "skipped", lambda _entry: {}, "skipped: a slate goes out in its place")


def priority(chosen: Chosen, urgency: int) -> list[Decided]:
    """Higher comes first; 0 is film order."""
    return _decide(chosen, "priority", lambda _entry: {"priority": urgency}, f"priority {urgency}")


def note(chosen: Chosen, text: str) -> list[Decided]:
    """Something to remember. Raises InputError when it is empty."""
    if not text.strip():
        raise InputError(Problem(file="--text", message="an empty note"))
    return _decide(chosen, "note", lambda _entry: {"text": text.strip()}, f"noted: {text.strip()}")


def retry(chosen: Chosen, *, seed: int | None = None, new_seed: bool = False) -> list[Decided]:
    """Try again what failed; with another seed, make another take of what is done, keeping the one there is.

    Raises InputError for shots that are done when the seed stays: the same seed gives the same frames."""
    if seed is None and not new_seed:
        standing = [entry for entry in chosen.shots if entry.made]
        _refuse(
            standing, "is done, and the same seed would give the same frames", "--new-seed or --seed N for another take"
        )
        return _decide(chosen, "retry", lambda _entry: {}, "tried again")
    seeds = {entry.place: _fresh_seed(entry) if seed is None else seed for entry in chosen.shots}
    _decide(chosen, "retry", lambda _entry: {}, "")
    decided = _decide(
        chosen,
        "seed",
        lambda entry: {"seed": seeds[entry.place], "was": entry.shot.seed},
        "tried again with seed {seed}",
    )
    return [
        Decided(number=one.number, character=one.character, text=one.text,
                decision=one.decision.format(seed=seeds[entry.place]))
        for one, entry in zip(decided, chosen.shots, strict=True)
    ]  # fmt: skip


def takes(chosen: Chosen) -> list[PlaceTake]:
    """All takes of the chosen shots that differ from what is used only in the seed, with their measures."""
    found = []
    for entry in chosen.shots:
        variants = {variant.shot_id: variant for seed in _seeds(entry) if (variant := seeded(entry.shot, seed))}
        rows = done(chosen.film, list(variants.values()))
        found += [_place_take(entry, row) for row in sorted(rows.values(), key=lambda row: row.seed)]
    return found


def circle(chosen: Chosen, seed: int) -> list[Decided]:
    """The take with that seed is the one. Raises InputError for shots that have no such take."""
    made = {(take.number, take.seed) for take in takes(chosen)}
    without = [entry for entry in chosen.shots if (entry.shot.number, seed) not in made]
    _refuse(without, f"has no take with seed {seed}", "a seed that `callsheet shot take` lists")
    return _decide(
        chosen,
        "circled",
        lambda entry: {**seen(seeded(entry.shot, seed)), "was": entry.shot.seed},
        f"the take with seed {seed} is circled",
    )


def _decide(chosen: Chosen, name: str, detail: Callable[[ShotState], dict[str, object]], words: str) -> list[Decided]:
    events: list[Event] = [decide(name, entry.place, entry.shot, **detail(entry)) for entry in chosen.shots]
    chosen.film.store.append(events)
    return [
        Decided(number=e.shot.number, character=e.shot.character, text=e.shot.text, decision=words)
        for e in chosen.shots
    ]


def _refuse(entries: Sequence[ShotState], message: str, expected: str) -> None:
    problems = [Problem(file=entry.shot.number, message=message, expected=expected) for entry in entries]
    if problems:
        raise InputError(problems)


def _seeds(entry: ShotState) -> set[int]:
    return {entry.shot.seed, *entry.decision.seeds}


def _fresh_seed(entry: ShotState) -> int:
    """The next number that was not used for this place."""
    return max(_seeds(entry)) + 1


def _place_take(entry: ShotState, take: Take) -> PlaceTake:
    circled = entry.decision.circled
    return PlaceTake(
        number=entry.shot.number,
        seed=take.seed,
        path=take.path,
        label=take.label,
        current=take.shot_id == entry.shot.shot_id,
        circled=circled is not None and circled.seed == take.seed,
        wall_seconds=take.wall_seconds,
        measures=json.loads(take.measures),
        warnings=tuple(json.loads(take.warnings)),
    )
