# SPDX-License-Identifier: Apache-2.0
"""Match lines to turns of speech without words: by order, expected duration and speaker.

This is used where the recogniser cannot help (an unknown language, a line lost in noise). Pure:
dynamic programming over lines and turns. A line may take several turns (pauses inside it), several
lines of one character may share a turn, and either may be skipped at a cost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64
from scipy.optimize import linear_sum_assignment

from manifests.rows import Turn
from manifests.timebase import MASTER_HZ

SECONDS_PER_LETTER = 0.065  # typical of acted English; rescaled to the recording before use
SPREAD = 0.35  # of the logarithm of actual by expected duration
DEAREST = 4.0  # a duration that does not fit at all costs no more than this
SKIP_LINE = 3.0
SKIP_TURN_PER_SECOND = 1.5
WRONG_SPEAKER = 5.0
SWAPPED = 1.0  # for each of two lines that change places; enough to make them doubtful
MOST_TURNS, MOST_LINES = 4, 3
JOIN_SAMPLES = round(0.4 * MASTER_HZ)  # a shorter silence does not end a speaker's turn
ROUNDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStretch:
    """A stretch of one speaker's speech: `[start, end)` in samples at 48 kHz.

    `seconds`: how long it sounds, without inner pauses.
    """

    start: int
    end: int
    seconds: float
    speaker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedLine:
    """What is known of a line before it is found: its character and its expected duration."""

    character: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnMatch:
    """A match: lines `[line, line_end)` are spoken in turns `[turn, turn_end)`.

    `cost` is 0 for a perfect fit.
    """

    line: int
    line_end: int
    turn: int
    turn_end: int
    cost: float


def join_turns(turns: Sequence[Turn]) -> list[SpeechStretch]:
    """Join exclusive turns of one speaker across short pauses, in order of time."""
    joined: list[SpeechStretch] = []
    for turn in sorted((turn for turn in turns if turn.exclusive), key=lambda turn: turn.start):
        seconds = (turn.end - turn.start) / MASTER_HZ
        last = joined[-1] if joined else None
        if last and last.speaker == turn.speaker and turn.start - last.end < JOIN_SAMPLES:
            joined[-1] = replace(last, end=turn.end, seconds=last.seconds + seconds)
        else:
            joined.append(
                SpeechStretch(start=turn.start, end=turn.end, seconds=seconds, speaker=turn.speaker)
            )
    return joined


def subtract_spans(
    speech: Sequence[SpeechStretch], spans: Sequence[tuple[int, int]]
) -> list[SpeechStretch]:
    """Subtract spans from speech; scraps under a fifth of a second are left out."""
    free = list(speech)
    for start, end in spans:
        free = [rest for stretch in free for rest in _subtract_span(stretch, start, end)]
    return [stretch for stretch in free if stretch.end - stretch.start > MASTER_HZ // 5]


def estimate_seconds(letters: int) -> float:
    """Estimate how long a text of so many letters takes, in seconds.

    >>> round(estimate_seconds(40), 2)
    2.85
    """
    return 0.25 + SECONDS_PER_LETTER * letters


def match_lines(
    parts: Sequence[ExpectedLine],
    turns: Sequence[SpeechStretch],
    *,
    names: Mapping[str, str] | None = None,
) -> tuple[list[TurnMatch], dict[str, str]]:
    """Match lines to turns at the least cost, and name each speaker. `names`: known speakers.

    Without `names` the speakers are found together with the lines: from several first guesses,
    names and matches are improved in turn until both agree, and the cheapest result is used.
    """
    if not parts or not turns:
        return [], dict(names or {})
    scaled = _scale(parts, turns)
    if names is not None:
        return _find_cheapest(scaled, turns, names)[1], dict(names)
    tried = [_settle_names(scaled, turns, guess) for guess in _guess_names(scaled, turns)]
    _, found, named = min(tried, key=lambda result: result[0])
    return found, named


def assign_names(seconds: Mapping[tuple[str, str], float]) -> dict[str, str]:
    """Assign one character to each speaker so that the seconds they share are most.

    `seconds[speaker, character]`.
    """
    speakers = sorted({speaker for speaker, _ in seconds})
    characters = sorted({character for _, character in seconds})
    table = np.array([[seconds.get((s, c), 0.0) for c in characters] for s in speakers]).reshape(
        len(speakers), len(characters)
    )
    rows, columns = linear_sum_assignment(-table)
    return {
        speakers[r]: characters[c] for r, c in zip(rows, columns, strict=True) if table[r, c] > 0
    }


def _scale(parts: Sequence[ExpectedLine], turns: Sequence[SpeechStretch]) -> list[ExpectedLine]:
    """Scale expected durations to the pace of this recording."""
    pace = sum(turn.seconds for turn in turns) / max(1e-9, sum(part.seconds for part in parts))
    pace = min(2.0, max(0.5, pace))
    return [ExpectedLine(character=part.character, seconds=part.seconds * pace) for part in parts]


def _guess_names(
    parts: Sequence[ExpectedLine], turns: Sequence[SpeechStretch]
) -> list[dict[str, str]]:
    spoken = _sum_by_name((turn.speaker, turn.seconds) for turn in turns)
    written = _sum_by_name((part.character, part.seconds) for part in parts)
    by_length = zip(
        sorted(spoken, key=lambda s: -spoken[s]),
        sorted(written, key=lambda c: -written[c]),
        strict=False,
    )
    by_appearance = zip(spoken, written, strict=False)
    return [{}, dict(by_length), dict(by_appearance)]


def _sum_by_name(items: Iterable[tuple[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for name, value in items:
        sums[name] = sums.get(name, 0.0) + value
    return sums


def _settle_names(
    parts: Sequence[ExpectedLine], turns: Sequence[SpeechStretch], names: Mapping[str, str]
) -> tuple[float, list[TurnMatch], dict[str, str]]:
    named = dict(names)
    for _ in range(ROUNDS):
        _, found = _find_cheapest(parts, turns, named)
        agreed = assign_names(_sum_shared(parts, turns, found))
        if agreed == named:
            break
        named = agreed
    cost, found = _find_cheapest(parts, turns, named)
    return cost, found, named


def _sum_shared(
    parts: Sequence[ExpectedLine], turns: Sequence[SpeechStretch], matches: Sequence[TurnMatch]
) -> dict[tuple[str, str], float]:
    seconds: dict[tuple[str, str], float] = {}
    for match in matches:
        for turn in turns[match.turn : match.turn_end]:
            pair = (turn.speaker, parts[match.line].character)
            seconds[pair] = seconds.get(pair, 0.0) + turn.seconds
    return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class _AlignmentStep:
    """A step of the alignment: how many lines and turns it takes, its cost and its matches.

    Matches are counted from the step's beginning.
    """

    lines: int
    turns: int
    cost: float
    matches: tuple[TurnMatch, ...] = ()


def _find_cheapest(
    parts: Sequence[ExpectedLine], turns: Sequence[SpeechStretch], names: Mapping[str, str]
) -> tuple[float, list[TurnMatch]]:
    """Compute the least cost of the first i lines and j turns, for all i and j; then trace back."""
    best: Float64[np.ndarray, "lines turns"] = np.full((len(parts) + 1, len(turns) + 1), np.inf)
    came: dict[tuple[int, int], _AlignmentStep] = {}
    best[0, 0] = 0.0
    for i in range(len(parts) + 1):
        for j in range(len(turns) + 1):
            for step in _list_steps(parts[i : i + MOST_LINES], turns[j : j + MOST_TURNS], names):
                if best[i, j] + step.cost < best[i + step.lines, j + step.turns]:
                    best[i + step.lines, j + step.turns] = best[i, j] + step.cost
                    came[i + step.lines, j + step.turns] = step
    return float(best[-1, -1]), _trace_back(came, len(parts), len(turns))


def _trace_back(
    came: Mapping[tuple[int, int], _AlignmentStep], lines: int, turns: int
) -> list[TurnMatch]:
    matches: list[TurnMatch] = []
    while (lines, turns) != (0, 0):
        step = came[lines, turns]
        lines, turns = lines - step.lines, turns - step.turns
        matches += [_move_match(match, lines, turns) for match in step.matches]
    return sorted(matches, key=lambda match: match.line)


def _move_match(match: TurnMatch, lines: int, turns: int) -> TurnMatch:
    return replace(
        match,
        line=match.line + lines,
        line_end=match.line_end + lines,
        turn=match.turn + turns,
        turn_end=match.turn_end + turns,
    )


def _list_steps(
    parts: Sequence[ExpectedLine], turns: Sequence[SpeechStretch], names: Mapping[str, str]
) -> list[_AlignmentStep]:
    ways = []
    if parts:
        ways.append(_AlignmentStep(lines=1, turns=0, cost=SKIP_LINE))
    if turns:
        ways.append(
            _AlignmentStep(lines=0, turns=1, cost=0.3 + SKIP_TURN_PER_SECOND * turns[0].seconds)
        )
    if parts and turns:
        ways += [
            _make_step(1, n, _compute_cost(parts[:1], turns[:n], names))
            for n in range(1, len(turns) + 1)
        ]
        same = [
            n for n in range(2, len(parts) + 1) if len({part.character for part in parts[:n]}) == 1
        ]
        ways += [_make_step(n, 1, 0.2 + _compute_cost(parts[:n], turns[:1], names)) for n in same]
    if len(parts) > 1 and len(turns) > 1 and parts[0].character != parts[1].character:
        ways.append(_swap_lines(parts, turns, names))
    return ways


def _make_step(lines: int, turns: int, cost: float) -> _AlignmentStep:
    match = TurnMatch(line=0, line_end=lines, turn=0, turn_end=turns, cost=cost)
    return _AlignmentStep(lines=lines, turns=turns, cost=cost, matches=(match,))


def _swap_lines(
    parts: Sequence[ExpectedLine], turns: Sequence[SpeechStretch], names: Mapping[str, str]
) -> _AlignmentStep:
    """Match two lines of different characters that were spoken in the other order.

    Only their voices can show that.
    """
    costs = [SWAPPED + _compute_cost(parts[i : i + 1], turns[1 - i : 2 - i], names) for i in (0, 1)]
    matches = tuple(
        TurnMatch(line=i, line_end=i + 1, turn=1 - i, turn_end=2 - i, cost=cost)
        for i, cost in enumerate(costs)
    )
    return _AlignmentStep(lines=2, turns=2, cost=sum(costs), matches=matches)


def _compute_cost(
    parts: Sequence[ExpectedLine], turns: Sequence[SpeechStretch], names: Mapping[str, str]
) -> float:
    actual = sum(turn.seconds for turn in turns)
    expected = sum(part.seconds for part in parts)
    duration = min(DEAREST, (math.log(max(actual, 0.05) / expected) / SPREAD) ** 2 / 2)
    known = [turn for turn in turns if turn.speaker in names]
    strange = sum(
        turn.seconds for turn in known if names[turn.speaker] != parts[0].character
    ) / max(actual, 0.05)
    mixed = len({turn.speaker for turn in turns}) - 1
    return duration + WRONG_SPEAKER * strange + mixed


def _subtract_span(stretch: SpeechStretch, start: int, end: int) -> list[SpeechStretch]:
    if end <= stretch.start or start >= stretch.end:
        return [stretch]
    parts = [(stretch.start, min(start, stretch.end)), (max(end, stretch.start), stretch.end)]
    return [
        replace(stretch, start=a, end=b, seconds=(b - a) / MASTER_HZ) for a, b in parts if a < b
    ]
