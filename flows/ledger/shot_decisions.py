# SPDX-License-Identifier: Apache-2.0
"""Decide about shots: approve, retry, direct, hold, release, skip, priority, take, note.

A decision is about a shot's place in the film and is one event. A run that goes on elsewhere reads
it within a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from flows.ledger.decisions import Direction, new_decision
from flows.ledger.direction import (
    apply_direction,
    build_performance,
    format_performance,
    replace_performance,
    replace_seed,
)
from flows.ledger.shot_diff import describe_reviewed_take, digest_inputs
from flows.ledger.shot_state import ShotState
from flows.project import Project, done
from manifests.errors import InputError, Problem
from manifests.rows import Shot, Take
from manifests.run_rows import Event
from model.emotion import EmotionError, parse_curve
from pipeline.render.slate import SLATE
from pipeline.script import emotion_synonyms

AS_WRITTEN = "as written"  # in place of an emotion: takes an earlier direction back


class Chosen(Protocol):
    """A production and the shots that somebody means."""

    @property
    def project(self) -> Project: ...
    @property
    def shots(self) -> Sequence[ShotState]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotDecision:
    """A decision on one shot, for people: what holds now."""

    number: str
    character: str
    text: str
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceTake:
    """One take of a place: it differs from the shot only in seed and performance. `current`: the
    one that is used.
    """

    number: str
    shot_id: str
    seed: int
    path: str
    label: str
    current: bool
    circled: bool
    wall_seconds: float
    measures: dict[str, float]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What people wrote down about a shot, oldest first."""

    number: str
    character: str
    notes: tuple[str, ...]


def approve(chosen: Chosen) -> list[ShotDecision]:
    """What was looked at is right. Raises InputError for shots without a take: there was nothing to
    look at.
    """
    unmade = [entry for entry in chosen.shots if not entry.has_take or entry.shot.talker == SLATE]
    _refuse(
        unmade,
        "has no take that anybody could have looked at",
        "callsheet render, then look, then approve",
    )
    return _decide(chosen, "approved", lambda entry: describe_reviewed_take(entry.shot), "approved")


def hold(chosen: Chosen) -> list[ShotDecision]:
    """Nothing happens with them, and nothing is delivered, until they are released."""
    return _decide(chosen, "held", lambda _entry: {}, "held")


def release(chosen: Chosen) -> list[ShotDecision]:
    """No longer held, no longer skipped."""
    return _decide(chosen, "released", lambda _entry: {}, "released")


def skip(chosen: Chosen) -> list[ShotDecision]:
    """A slate with the line's text goes out in their place."""
    return _decide(chosen, "skipped", lambda _entry: {}, "skipped: a slate goes out in its place")


def set_priority(chosen: Chosen, urgency: int) -> list[ShotDecision]:
    """Higher comes first; 0 is film order."""
    return _decide(chosen, "priority", lambda _entry: {"priority": urgency}, f"priority {urgency}")


def list_notes(chosen: Chosen) -> list[Noted]:
    """The notes of those that have any."""
    return [
        Noted(number=entry.shot.number, character=entry.shot.character, notes=entry.decision.notes)
        for entry in chosen.shots
        if entry.decision.notes
    ]


def add_note(chosen: Chosen, text: str) -> list[ShotDecision]:
    """Something to remember. Raises InputError when it is empty."""
    if not text.strip():
        raise InputError(Problem(file="--text", message="an empty note"))
    return _decide(chosen, "note", lambda _entry: {"text": text.strip()}, f"noted: {text.strip()}")


def retry(chosen: Chosen, *, seed: int | None = None, new_seed: bool = False) -> list[ShotDecision]:
    """Try again what failed; with another seed, make another take of what is done, keeping the one
    there is.

    Raises InputError for shots that are done when the seed stays: the same seed gives the same
    frames.
    """
    if not new_seed:
        standing = [
            entry for entry in chosen.shots if entry.has_take and seed in (None, entry.shot.seed)
        ]
        _refuse(
            standing,
            "is done, and the same seed would give the same frames",
            "--new-seed or --seed N for another take",
        )
    if seed is None and not new_seed:
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
        ShotDecision(
            number=one.number,
            character=one.character,
            text=one.text,
            decision=one.decision.format(seed=seeds[entry.place]),
        )
        for one, entry in zip(decided, chosen.shots, strict=True)
    ]


def direct(chosen: Chosen, *, emotion: str = "", intensity: float = 1.0) -> list[ShotDecision]:
    """Perform them otherwise than the script says, in another take. `emotion`: a curve over the
    shot (`angry 0.8`, `neutral -> sad`), "" for the one there is, `AS_WRITTEN` for the script's;
    `intensity` times its weights.

    Raises InputError for what is no emotion, for more than a face can do, and when nothing would
    change.
    """
    directions = _directions(chosen, emotion, intensity)
    same = [entry for entry in chosen.shots if _performs_so(entry, directions[entry.place])]
    _refuse(same, "is performed so already", "another --emotion, or an --intensity other than 1")
    said = AS_WRITTEN if emotion == AS_WRITTEN else "performed {words}"
    _decide(chosen, "retry", lambda _entry: {}, "")
    decided = _decide(chosen, "directed", lambda entry: _told(directions[entry.place], entry), said)
    return [
        ShotDecision(
            number=one.number,
            character=one.character,
            text=one.text,
            decision=one.decision.format(words=directions[entry.place].words),
        )
        for one, entry in zip(decided, chosen.shots, strict=True)
    ]


def list_variants(entry: ShotState) -> list[Shot]:
    """The shot with every seed and performance that takes of its place were asked for with; the one
    that is used among them.
    """
    texts = {entry.shot.performance, *entry.decision.performances}
    found = [
        replace_performance(replace_seed(entry.shot, seed), text)
        for seed in sorted(_seeds(entry))
        for text in sorted(texts)
    ]
    return list({variant.shot_id: variant for variant in found}.values())


def is_circled(entry: ShotState, variant: Shot) -> bool:
    """Whether that variant's take is the one that was circled."""
    look = entry.decision.circled
    if look is None or look.seed != variant.seed:
        return False
    return look.prints.get("performance") in (None, digest_inputs(variant)["performance"])


def list_takes(chosen: Chosen) -> list[PlaceTake]:
    """All takes of the chosen shots that differ from what is used only in seed and performance,
    with their measures.
    """
    found = []
    for entry in chosen.shots:
        known = list_variants(entry)
        rows = done(chosen.project, known)
        found += [
            _place_take(entry, variant, rows[variant.shot_id])
            for variant in known
            if variant.shot_id in rows
        ]
    return found


def circle(chosen: Chosen, seed: int) -> list[ShotDecision]:
    """The take with that seed is the one. Raises InputError for shots that have no such take."""
    made = {(take.number, take.seed) for take in list_takes(chosen)}
    without = [entry for entry in chosen.shots if (entry.shot.number, seed) not in made]
    _refuse(without, f"has no take with seed {seed}", "a seed that `callsheet shot take` lists")
    return circle_variants(chosen, [replace_seed(entry.shot, seed) for entry in chosen.shots])


def circle_variants(chosen: Chosen, wanted: Sequence[Shot]) -> list[ShotDecision]:
    """These takes (one of `variants` for each shot) are the ones; where one performs otherwise, the
    shot does so from now on.
    """
    by_place = {entry.place: variant for entry, variant in zip(chosen.shots, wanted, strict=True)}
    return _decide(
        chosen,
        "circled",
        lambda entry: _circle(entry, by_place[entry.place]),
        f"the take with seed {', '.join(sorted({str(variant.seed) for variant in wanted}))} is circled",
    )


def _decide(
    chosen: Chosen, name: str, detail: Callable[[ShotState], dict[str, object]], words: str
) -> list[ShotDecision]:
    events: list[Event] = [
        new_decision(name, entry.place, entry.shot, **detail(entry)) for entry in chosen.shots
    ]
    chosen.project.store.append(events)
    return [
        ShotDecision(
            number=e.shot.number, character=e.shot.character, text=e.shot.text, decision=words
        )
        for e in chosen.shots
    ]


def _refuse(entries: Sequence[ShotState], message: str, expected: str) -> None:
    problems = [
        Problem(file=entry.shot.number, message=message, expected=expected) for entry in entries
    ]
    if problems:
        raise InputError(problems)


def _circle(entry: ShotState, variant: Shot) -> dict[str, object]:
    """The detail of a circled take; with a direction when the shot is to perform otherwise than it
    does by what was decided so far.
    """
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
    return detail | _told(direction, entry)


def _told(direction: Direction, entry: ShotState) -> dict[str, object]:
    """A direction for the detail of its event. `performed`: what was performed before it."""
    return {
        "performance": direction.performance,
        "frames": direction.frames,
        "words": direction.words,
        "performed": entry.shot.performance,
    }


def _directions(chosen: Chosen, emotion: str, intensity: float) -> dict[str, Direction]:
    """The direction of each place. Raises InputError with all that cannot be."""
    if emotion == AS_WRITTEN:
        return {
            e.place: Direction(performance="", frames=e.shot.frames, words=AS_WRITTEN)
            for e in chosen.shots
        }
    wanted = chosen.project.production
    words = emotion_synonyms.load_words(
        wanted.resolve_path(wanted.emotions) if wanted.emotions else None
    )
    found, problems = dict[str, Direction](), dict[str, Problem]()
    for entry in chosen.shots:
        try:
            curve = parse_curve(emotion, words=words) if emotion.strip() else None
            keys = format_performance(build_performance(entry.shot, curve, intensity=intensity))
        except EmotionError as error:
            problems[str(error)] = Problem(
                file="--emotion", message=str(error), got=error.got, nearest=error.nearest_names
            )
            continue
        named = " ".join(
            part
            for part in (str(curve or ""), f"times {intensity:g}" if intensity != 1 else "")
            if part
        )
        found[entry.place] = Direction(performance=keys, frames=entry.shot.frames, words=named)
    if problems:
        raise InputError(problems.values())
    return found


def _performs_so(entry: ShotState, direction: Direction) -> bool:
    if not direction.performance:
        return entry.decision.direction is None
    return direction.curve == entry.shot.curve


def _seeds(entry: ShotState) -> set[int]:
    return {entry.shot.seed, *entry.decision.seeds}


def _fresh_seed(entry: ShotState) -> int:
    """The next number that was not used for this place."""
    return max(_seeds(entry)) + 1


def _place_take(entry: ShotState, variant: Shot, take: Take) -> PlaceTake:
    return PlaceTake(
        number=entry.shot.number,
        shot_id=take.shot_id,
        seed=take.seed,
        path=take.path,
        label=take.label,
        current=take.shot_id == entry.shot.shot_id,
        circled=is_circled(entry, variant),
        wall_seconds=take.wall_seconds,
        measures=take.measure_values,
        warnings=tuple(take.warning_list),
    )
