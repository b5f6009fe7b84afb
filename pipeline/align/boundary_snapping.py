# SPDX-License-Identifier: Apache-2.0
"""Snap the start and end of cues to the boundaries of speech that the diarization found.

Pure. Words say which line is spoken, but recognisers are late on soft onsets, lose last consonants
and miss whole words. The boundaries of speech are near the truth unless two lines run into each
other. So a cue's start or end moves to a nearby boundary as long as no other line lies between, and
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
INWARD_SAMPLES = round(1.2 * MASTER_HZ)  # how far it may move inward, out of silence
# a word that begins in the last moment of some speech belongs to the next
END_SAMPLES = round(0.08 * MASTER_HZ)
# where words of two lines are this near, the recogniser only guesses which begins when
BESIDE_SAMPLES = round(0.2 * MASTER_HZ)
# how far a word may slip into another voice although it belongs to the own voice next to it
INTO_SAMPLES = round(0.25 * MASTER_HZ)
# a longer silence inside a line is not bridged for words that were not heard
PAUSE_SAMPLES = round(1.2 * MASTER_HZ)
AROUND_SAMPLES = 20 * MASTER_HZ  # nothing further away matters
MEET_SAMPLES = round(0.02 * MASTER_HZ)  # turns of one voice this near count as one
TOUCH_SAMPLES = round(0.15 * MASTER_HZ)  # speech that ends this near runs into the next


@dataclass(frozen=True, slots=True, kw_only=True)
class UnheardWords:
    """Estimated duration of the words before and after those that were heard, in samples."""

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
    """Snap the start and end of each cue to the boundaries of speech.

    `names`: speaker to character; `unheard`: by line id; `fixed`: other cues, which do not move.
    """
    alone = sorted((turn for turn in turns if turn.exclusive), key=lambda turn: turn.start)
    under = find_overlapped(turns)
    snapped = []
    for cue in cues:
        near = find_touching(alone, cue.start - AROUND_SAMPLES, cue.end + AROUND_SAMPLES)
        own = [*near, *(turn for turn in under if _is_near(turn, cue))]
        snapped.append(
            _snap_cue(
                cue,
                _join_turns([turn for turn in own if names.get(turn.speaker) == cue.character]),
                [_trim(turn) for turn in near],
                [o for o in (*cues, *fixed) if o is not cue and _is_near(o, cue)],
                unheard.get(cue.line_id, UnheardWords()),
            )
        )
    return snapped


def _is_near(span: Turn | Cue, cue: Cue) -> bool:
    return span.start < cue.end + AROUND_SAMPLES and span.end > cue.start - AROUND_SAMPLES


def _join_turns(turns: Sequence[Turn]) -> list[_SpeechSpan]:
    """Trim one voice's turns, and join those that touch: speech goes on under another voice."""
    joined: list[_SpeechSpan] = []
    for turn in sorted(turns, key=lambda turn: turn.start):
        if joined and turn.start - joined[-1].end < MEET_SAMPLES:
            joined[-1] = replace(joined[-1], end=max(joined[-1].end, turn.end))
        else:
            joined.append(_SpeechSpan(start=turn.start, end=turn.end))
    return [_trim(span) for span in joined]


def _trim(turn: Turn | _SpeechSpan) -> _SpeechSpan:
    start = turn.start + EARLY_SAMPLES
    return _SpeechSpan(start=start, end=max(start + 1, turn.end - LATE_SAMPLES))


def _snap_cue(
    cue: Cue,
    own: Sequence[_SpeechSpan],
    everyone: Sequence[_SpeechSpan],
    others: Sequence[Cue],
    unheard: UnheardWords,
) -> Cue:
    start = _find_start(cue, own, everyone, others, unheard.before)
    # the end is the start seen backwards in time
    mirrored = _find_start(
        _mirror(cue),
        [_flip(span) for span in own],
        [_flip(span) for span in everyone],
        [_mirror(other) for other in others],
        unheard.after,
    )
    return replace(cue, start=start, end=-mirrored) if start < -mirrored else cue


def _flip(span: _SpeechSpan) -> _SpeechSpan:
    return _SpeechSpan(start=-span.end, end=-span.start)


def _mirror(cue: Cue) -> Cue:
    return replace(cue, start=-cue.end, end=-cue.start)


def _find_start(
    cue: Cue,
    own: Sequence[_SpeechSpan],
    everyone: Sequence[_SpeechSpan],
    others: Sequence[Cue],
    unheard: int,
) -> int:
    start = _find_speech_start(cue, own, everyone, others, unheard)
    if cue.start - start >= 3 * unheard // 4:
        return start
    return _move_further(cue, start, (own, everyone), others, unheard)


def _find_speech_start(
    cue: Cue,
    own: Sequence[_SpeechSpan],
    everyone: Sequence[_SpeechSpan],
    others: Sequence[Cue],
    unheard: int,
) -> int:
    """Find where the speech of the first word begins.

    That is the speech around the word, or the next one when the word lies in silence or in the end
    of other speech.
    """
    same = [other for other in others if other.character == cue.character]
    around = _find_surrounding_start(cue.start, own)
    if around is not None:
        return _move_outward(cue, around, same, unheard)
    until = min(cue.end, cue.start + INWARD_SAMPLES)
    beside = any(abs(other.end - cue.start) < BESIDE_SAMPLES for other in others)
    next_own = min((span.start for span in own if cue.start < span.start < until), default=None)
    if (
        beside
        and next_own is not None
        and _count_spoken(everyone, cue.start, next_own) < INTO_SAMPLES
    ):
        return next_own
    around = _find_surrounding_start(cue.start, everyone)
    if around is not None:
        return _move_outward(cue, around, others, unheard)
    return min(
        (span.start for span in everyone if cue.start < span.start < until), default=cue.start
    )


def _find_surrounding_start(sample: int, spans: Sequence[_SpeechSpan]) -> int | None:
    """Find where the speech around a sample begins; None if only its very end is there."""
    return min(
        (span.start for span in spans if span.start <= sample < span.end - END_SAMPLES),
        default=None,
    )


def _count_spoken(spans: Sequence[_SpeechSpan], start: int, end: int) -> int:
    return sum(max(0, min(end, span.end) - max(start, span.start)) for span in spans)


def _move_outward(cue: Cue, edge: int, beside: Sequence[Cue], unheard: int) -> int:
    """Move to the boundary of this speech when it is near and free, else by what was not heard."""
    free = not _lies_between(beside, edge, cue.start)
    if free and cue.start - edge <= REACH_SAMPLES + 2 * unheard:
        return edge
    claimed = [other.end for other in beside if edge < other.end <= cue.start]
    return max(edge, cue.start - unheard, *claimed) if unheard else cue.start


def _move_further(
    cue: Cue,
    start: int,
    spans: tuple[Sequence[_SpeechSpan], Sequence[_SpeechSpan]],
    others: Sequence[Cue],
    unheard: int,
) -> int:
    """Make room for words that were not heard: across a pause of the voice, or under other speech.

    `spans`: of the same voice, and everybody's. Words that were not heard take their time before
    those that were, wherever the voice was found.
    """
    own, everyone = spans
    before = [
        span
        for span in own
        if start - PAUSE_SAMPLES <= span.end <= start
        and END_SAMPLES < span.end - span.start <= REACH_SAMPLES + 2 * unheard
    ]
    nearest = max(before, key=lambda span: span.end, default=None)
    if nearest and not _lies_between(others, nearest.start, start):
        return nearest.start
    over = [
        span.start
        for span in everyone
        if span.start < start and abs(span.end - start) < TOUCH_SAMPLES
    ]
    return min(start, max(cue.start - unheard, min(over))) if over else start


def _lies_between(others: Sequence[Cue], start: int, end: int) -> bool:
    return any(other.start < end and other.end > start for other in others)
