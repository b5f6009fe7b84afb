# SPDX-License-Identifier: Apache-2.0
"""Where a line begins and ends, drawn to the edges of the speech that the diarization hears.

Pure. Words say which line is spoken, but recognisers are late on soft onsets, lose last consonants
and miss whole words; the edges of speech are near the truth unless two lines run into one another.
So an edge of a cue moves to an edge of speech that is near, as long as no other line lies between;
further when words at that end were not heard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from manifests.rows import Cue, Turn
from manifests.timebase import MASTER_HZ
from pipeline.speech.turns import find_overlapped, find_touching

# Spans of speech begin this much before what is audible and end this much after it (medians over
# the tuning half of the benchmark).
EARLY_SAMPLES = round(0.025 * MASTER_HZ)
LATE_SAMPLES = round(0.027 * MASTER_HZ)
REACH_SAMPLES = round(0.6 * MASTER_HZ)  # how far an edge may move outward when all words were heard
INWARD_SAMPLES = round(1.2 * MASTER_HZ)  # and inward, out of silence
# a word that begins in the last moment of some speech belongs to the next
END_SAMPLES = round(0.08 * MASTER_HZ)
BESIDE_SAMPLES = round(
    0.2 * MASTER_HZ
)  # words of two lines this near: which of them begins when is a guess of the recogniser's
INTO_SAMPLES = round(
    0.25 * MASTER_HZ
)  # so far into another voice a word may slip that belongs to the own one beside it
# a longer silence inside a line is not bridged for words that were not heard
PAUSE_SAMPLES = round(1.2 * MASTER_HZ)
AROUND_SAMPLES = 20 * MASTER_HZ  # further away nothing can matter
MEET_SAMPLES = round(0.02 * MASTER_HZ)  # turns of one voice this near are one
TOUCH_SAMPLES = round(0.15 * MASTER_HZ)  # speech that ends this near runs into the next


@dataclass(frozen=True, slots=True, kw_only=True)
class UnheardWords:
    """About how long the words take that were not heard before the first and after the last one
    that was, in samples.
    """

    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _SpeechSpan:
    start: int
    end: int


def snap_cues(
    cues: Sequence[Cue],
    turns: Sequence[Turn],
    names: Mapping[str, str],
    unheard: Mapping[str, UnheardWords],
    *,
    fixed: Sequence[Cue] = (),
) -> list[Cue]:
    """The cues with their edges on the edges of speech. `names`: speaker to character; `unheard`:
    by line id; `beside`: other cues that stay where they are.
    """
    alone = sorted((turn for turn in turns if turn.exclusive), key=lambda turn: turn.start)
    under = find_overlapped(turns)
    snapped = []
    for cue in cues:
        first, last = cue.start - AROUND_SAMPLES, cue.end + AROUND_SAMPLES
        near = find_touching(alone, first, last)
        over = [turn for turn in under if turn.start < last and turn.end > first]
        snapped.append(
            _snapped(
                cue,
                own=_joined(
                    [turn for turn in (*near, *over) if names.get(turn.speaker) == cue.character]
                ),
                everyone=[_trimmed(turn) for turn in near],
                others=[
                    other
                    for other in (*cues, *fixed)
                    if other is not cue and other.start < last and other.end > first
                ],
                unheard=unheard.get(cue.line_id, UnheardWords()),
            )
        )
    return snapped


def _joined(turns: Sequence[Turn]) -> list[_SpeechSpan]:
    """One voice's turns, trimmed; those that touch are one: speech goes on under somebody
    else's.
    """
    joined: list[_SpeechSpan] = []
    for turn in sorted(turns, key=lambda turn: turn.start):
        if joined and turn.start - joined[-1].end < MEET_SAMPLES:
            joined[-1] = replace(joined[-1], end=max(joined[-1].end, turn.end))
        else:
            joined.append(_SpeechSpan(start=turn.start, end=turn.end))
    return [_trimmed(span) for span in joined]


def _trimmed(turn: Turn | _SpeechSpan) -> _SpeechSpan:
    start = turn.start + EARLY_SAMPLES
    return _SpeechSpan(start=start, end=max(start + 1, turn.end - LATE_SAMPLES))


def _snapped(
    cue: Cue,
    *,
    own: Sequence[_SpeechSpan],
    everyone: Sequence[_SpeechSpan],
    others: Sequence[Cue],
    unheard: UnheardWords,
) -> Cue:
    start = _begin(cue, own, everyone, others, unheard.before)
    # The end is the beginning seen backwards in time.
    mirrored = _begin(
        _mirror(cue),
        [_flip(s) for s in own],
        [_flip(s) for s in everyone],
        [_mirror(o) for o in others],
        unheard.after,
    )
    return replace(cue, start=start, end=-mirrored) if start < -mirrored else cue


def _flip(span: _SpeechSpan) -> _SpeechSpan:
    return _SpeechSpan(start=-span.end, end=-span.start)


def _mirror(cue: Cue) -> Cue:
    return replace(cue, start=-cue.end, end=-cue.start)


def _begin(
    cue: Cue,
    own: Sequence[_SpeechSpan],
    everyone: Sequence[_SpeechSpan],
    others: Sequence[Cue],
    unheard: int,
) -> int:
    start = _edge(cue, own, everyone, others, unheard)
    if cue.start - start >= 3 * unheard // 4:
        return start
    return _further(cue, start, (own, everyone), others, unheard)


def _edge(
    cue: Cue,
    own: Sequence[_SpeechSpan],
    everyone: Sequence[_SpeechSpan],
    others: Sequence[Cue],
    unheard: int,
) -> int:
    """Where the speech begins that the first word lies in, or the next when it lies in silence or
    in the end of other speech.
    """
    same = [other for other in others if other.character == cue.character]
    around = _around(cue.start, own)
    if around is not None:
        return _outward(cue, around, same, unheard)
    until = min(cue.end, cue.start + INWARD_SAMPLES)
    beside = any(abs(other.end - cue.start) < BESIDE_SAMPLES for other in others)
    next_own = min((span.start for span in own if cue.start < span.start < until), default=None)
    if beside and next_own is not None and _spoken(everyone, cue.start, next_own) < INTO_SAMPLES:
        return next_own
    around = _around(cue.start, everyone)
    if around is not None:
        return _outward(cue, around, others, unheard)
    return min(
        (span.start for span in everyone if cue.start < span.start < until), default=cue.start
    )


def _around(sample: int, spans: Sequence[_SpeechSpan]) -> int | None:
    """Where the speech around a sample begins; None when there is none, or only its very end."""
    return min(
        (span.start for span in spans if span.start <= sample < span.end - END_SAMPLES),
        default=None,
    )


def _spoken(spans: Sequence[_SpeechSpan], start: int, end: int) -> int:
    return sum(max(0, min(end, span.end) - max(start, span.start)) for span in spans)


def _outward(cue: Cue, edge: int, beside: Sequence[Cue], unheard: int) -> int:
    """To the edge of this speech when it is near and free, else by what was not heard."""
    free = not _between(beside, edge, cue.start)
    if free and cue.start - edge <= REACH_SAMPLES + 2 * unheard:
        return edge
    claimed = [other.end for other in beside if edge < other.end <= cue.start]
    return max(edge, cue.start - unheard, *claimed) if unheard else cue.start


def _further(
    cue: Cue,
    start: int,
    spans: tuple[Sequence[_SpeechSpan], Sequence[_SpeechSpan]],
    others: Sequence[Cue],
    unheard: int,
) -> int:
    """Room for words that were not heard: across a pause of the same voice, or under the speech
    that runs into this.

    `spans`: of the same voice, and everybody's. What was not heard takes its time before what was,
    wherever the voice was found.
    """
    own, everyone = spans
    before = [
        span
        for span in own
        if start - PAUSE_SAMPLES <= span.end <= start
        and END_SAMPLES < span.end - span.start <= REACH_SAMPLES + 2 * unheard
    ]
    nearest = max(before, key=lambda span: span.end, default=None)
    if nearest and not _between(others, nearest.start, start):
        return nearest.start
    over = [
        span.start
        for span in everyone
        if span.start < start and abs(span.end - start) < TOUCH_SAMPLES
    ]
    return min(start, max(cue.start - unheard, min(over))) if over else start


def _between(others: Sequence[Cue], start: int, end: int) -> bool:
    return any(other.start < end and other.end > start for other in others)
