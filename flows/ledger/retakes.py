# SPDX-License-Identifier: Apache-2.0
"""Decide retakes: try a shot again, with another seed, emotion or intensity.

Pure, like `shot_decisions`: the events are returned, and the caller commits them. A failed shot is
tried again as it is. A shot that is done needs another seed or another performance, because the
same inputs give the same frames; the take it has is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flows.ledger.decisions import Direction
from flows.ledger.direction import build_performance, format_performance
from flows.ledger.place_takes import list_seeds
from flows.ledger.shot_decisions import (
    DecisionDraft,
    describe_direction,
    describe_shots,
    draft_events,
    refuse,
)
from flows.ledger.shot_state import ShotState
from manifests.errors import InputError, Problem
from model.emotion import EmotionCurve, EmotionError, parse_curve
from pipeline.script.emotion_synonyms import Words

AS_WRITTEN = "as written"  # in place of an emotion: withdraws an earlier direction


@dataclass(frozen=True, slots=True, kw_only=True)
class RetakeRequest:
    """What a retake asks for; without anything, failed shots are tried again as they are.

    `seed` or `new_seed` (a seed that was not used yet): another take of the same performance.
    `emotion` and `intensity`: another performance, as in `direct`. `words`: the production's words
    for emotions.
    """

    seed: int | None = None
    new_seed: bool = False
    emotion: str = ""
    intensity: float = 1.0
    words: Words = field(default_factory=dict)


def retake(states: Sequence[ShotState], request: RetakeRequest, *, by: str) -> DecisionDraft:
    """Draft a retake of these shots.

    Raises:
        InputError: Nothing would change, or the emotion makes no sense.
    """
    seed, new_seed = request.seed, request.new_seed
    if not request.emotion and request.intensity == 1:
        return retry(states, seed=seed, new_seed=new_seed, by=by)
    draft = direct(
        states, emotion=request.emotion, intensity=request.intensity, words=request.words, by=by
    )
    if seed is None and not new_seed:
        return draft
    return draft + _change_seed(states, seed, new_seed=new_seed, by=by)


def retry(
    states: Sequence[ShotState], *, by: str, seed: int | None = None, new_seed: bool = False
) -> DecisionDraft:
    """Try failed shots again; with another seed, ask for another take of shots that are done.

    Raises:
        InputError: A shot is done and its seed stays: the same seed gives the same frames.
    """
    if seed is None and not new_seed:
        _refuse_same_frames([entry for entry in states if entry.has_take])
        again = describe_shots(states, lambda _entry: "will be retried")
        return DecisionDraft(events=draft_events("retry", states, by=by), shots=again)
    change = _change_seed(states, seed, new_seed=new_seed, by=by)
    return DecisionDraft(events=draft_events("retry", states, by=by)) + change


def _change_seed(
    states: Sequence[ShotState], seed: int | None, *, new_seed: bool, by: str
) -> DecisionDraft:
    """Give every shot this seed; with None, the next number that its place has not used."""
    if not new_seed:
        same = [entry for entry in states if entry.has_take and seed == entry.shot.seed]
        _refuse_same_frames(same)
    seeds = {entry.place: max(list_seeds(entry)) + 1 if seed is None else seed for entry in states}
    return DecisionDraft(
        events=draft_events(
            "seed",
            states,
            by=by,
            detail=lambda entry: {"seed": seeds[entry.place], "was": entry.shot.seed},
        ),
        shots=describe_shots(
            states, lambda entry: f"will be retried with seed {seeds[entry.place]}"
        ),
    )


def _refuse_same_frames(states: Sequence[ShotState]) -> None:
    message = "is done, and the same seed gives the same frames; choose another seed"
    refuse(states, message)


def direct(
    states: Sequence[ShotState], *, by: str, words: Words, emotion: str = "", intensity: float = 1.0
) -> DecisionDraft:
    """Direct shots to perform differently, in another take.

    `emotion`: a curve over the shot (`angry 0.8`, `neutral -> sad`), "" for the one it has,
    `AS_WRITTEN` for the script's; `intensity`: a factor for its weights.

    Raises:
        InputError: The emotion is unknown, a weight is too large, or nothing would change.
    """
    if emotion == AS_WRITTEN:
        directions = {entry.place: _direct_as_written(entry) for entry in states}
    else:
        directions = _direct_by_curve(states, emotion, intensity, words)
    _refuse_unchanged(states, directions)
    return DecisionDraft(
        events=draft_events("retry", states, by=by)
        + draft_events(
            "directed",
            states,
            by=by,
            detail=lambda entry: describe_direction(directions[entry.place], entry),
        ),
        shots=describe_shots(states, lambda entry: f"will perform {directions[entry.place].words}"),
    )


def _direct_as_written(entry: ShotState) -> Direction:
    return Direction(performance="", frames=entry.shot.frames, words=AS_WRITTEN)


def _direct_by_curve(
    states: Sequence[ShotState], emotion: str, intensity: float, words: Words
) -> dict[str, Direction]:
    """Make the direction of each place. Raises InputError with every problem."""
    found, problems = dict[str, Direction](), dict[str, Problem]()
    for entry in states:
        try:
            curve = parse_curve(emotion, words=words) if emotion.strip() else None
            performance = build_performance(entry.shot, curve, intensity=intensity)
        except EmotionError as error:
            problems[str(error)] = Problem(
                file="--emotion", message=str(error), got=error.got, nearest=error.nearest_names
            )
            continue
        found[entry.place] = Direction(
            performance=format_performance(performance),
            frames=entry.shot.frames,
            words=_name_direction(curve, intensity),
        )
    if problems:
        raise InputError(problems.values())
    return found


def _name_direction(curve: EmotionCurve | None, intensity: float) -> str:
    """Name a direction in words: `angry 0.8`, `times 0.5`, `angry 0.8 times 0.5`."""
    factor = f"times {intensity:g}" if intensity != 1 else ""
    return " ".join(part for part in (str(curve or ""), factor) if part)


def _refuse_unchanged(states: Sequence[ShotState], directions: Mapping[str, Direction]) -> None:
    """Raise InputError for every shot that performs as directed already."""
    problems = [
        Problem(
            file=entry.shot.number,
            message=f"already performs {direction.words}; choose another emotion or intensity",
        )
        for entry in states
        if _is_performed(entry, direction := directions[entry.place])
    ]
    if problems:
        raise InputError(problems)


def _is_performed(entry: ShotState, direction: Direction) -> bool:
    """Tell whether the shot performs like that already."""
    if not direction.performance:
        return entry.decision.direction is None
    return direction.curve == entry.shot.curve
