# SPDX-License-Identifier: Apache-2.0
"""Stretches of speech by speakers: numbering, joining, what lies under overlap, RTTM. Pure."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from manifests.rows import Turn
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from pipeline.speech import speech_levels

NOISY_DB = 35.0  # speech this little above its background
SILENCE_SAMPLES = round(0.2 * ANALYSIS_HZ)
LONG_SILENCE_SAMPLES = round(0.3 * ANALYSIS_HZ)
MARGIN_SAMPLES = round(0.03 * ANALYSIS_HZ)
TAIL_SAMPLES = round(0.18 * ANALYSIS_HZ)
# what is left of a span beside a silence, if no more than this, is nothing
SLIVER_SAMPLES = round(0.06 * ANALYSIS_HZ)
ROOM_BEFORE, ROOM_AFTER = round(0.02 * ANALYSIS_HZ), round(0.03 * ANALYSIS_HZ)
JOIN_SAMPLES = round(0.1 * ANALYSIS_HZ)  # a shorter silence does not end a piece of speech


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerSpan:
    """`[start, end)` in samples at 16 kHz, spoken by `speaker` (a number from 0). Exclusive spans
    never overlap each other.
    """

    start: int
    end: int
    speaker: int
    exclusive: bool


class Spanned(Protocol):
    """Anything from `start` to `end`."""

    @property
    def start(self) -> int:
        """Where it begins."""
        ...

    @property
    def end(self) -> int:
        """Where it ends."""
        ...


S = TypeVar("S", bound=Spanned)


def touching(ordered: Sequence[S], start: int, end: int) -> Sequence[S]:
    """Those of some spans, in order of time and none over another, that share samples with `[start,
    end)`.
    """
    first = bisect.bisect_right(ordered, start, key=lambda span: span.end)
    return ordered[first : bisect.bisect_left(ordered, end, key=lambda span: span.start)]


def overlap(a: SpeakerSpan, b: SpeakerSpan) -> int:
    """Samples that two spans share."""
    return max(0, min(a.end, b.end) - max(a.start, b.start))


def exclusive(spans: Sequence[SpeakerSpan]) -> list[SpeakerSpan]:
    """The exclusive spans in order of time."""
    return sorted((span for span in spans if span.exclusive), key=lambda span: span.start)


def pieces(spans: Sequence[SpeakerSpan]) -> list[list[SpeakerSpan]]:
    """Exclusive spans of one speaker with next to no silence between them, together."""
    found: list[list[SpeakerSpan]] = []
    for span in exclusive(spans):
        last = found[-1][-1] if found else None
        if last and last.speaker == span.speaker and span.start - last.end < JOIN_SAMPLES:
            found[-1].append(span)
        else:
            found.append([span])
    return found


def regions(spans: Sequence[SpeakerSpan]) -> list[tuple[int, int]]:
    """Speech of anybody, with silences shorter than 0.1 s closed."""
    found: list[tuple[int, int]] = []
    for span in exclusive(spans):
        if found and span.start - found[-1][1] < JOIN_SAMPLES:
            found[-1] = (found[-1][0], max(found[-1][1], span.end))
        else:
            found.append((span.start, span.end))
    return found


def without_silence(
    spans: Sequence[SpeakerSpan], levels: speech_levels.Levels
) -> list[SpeakerSpan]:
    """The spans less their silences, which segmentation closes when they are short; 30 ms stay at
    each side.

    Over noise a fading end cannot be told from silence: there only long silences go, and more is
    left after the speech.
    """
    noisy = speech_levels.spread(levels) < NOISY_DB
    least, tail = (
        (LONG_SILENCE_SAMPLES, TAIL_SAMPLES) if noisy else (SILENCE_SAMPLES, MARGIN_SAMPLES)
    )
    quiet = [
        SpeakerSpan(start=start + tail, end=end - MARGIN_SAMPLES, speaker=-1, exclusive=True)
        for start, end in speech_levels.silences(levels, least)
    ]
    found = []
    for span in spans:
        begin = span.start
        for silence in touching(quiet, span.start, span.end):
            found += (
                [replace(span, start=begin, end=silence.start)]
                if silence.start - begin > SLIVER_SAMPLES
                else []
            )
            begin = silence.end
        if begin == span.start or span.end - begin > SLIVER_SAMPLES:
            found += [replace(span, start=begin)] if begin < span.end else []
    return found


def with_room(spans: Sequence[SpeakerSpan], levels: speech_levels.Levels) -> list[SpeakerSpan]:
    """Exclusive spans in order of time, over noise a little longer at both ends where nobody else
    speaks.

    Onsets and fading ends drown first: a line that is cut short is heard, some room around it is
    not.
    """
    if not spans or speech_levels.spread(levels) >= NOISY_DB:
        return list(spans)
    starts = [span.start for span in spans[1:]] + [len(levels) * speech_levels.HOP]
    ends = [0] + [span.end for span in spans[:-1]]
    return [
        replace(
            span,
            start=_grown(span.start, -ROOM_BEFORE, before),
            end=_grown(span.end, ROOM_AFTER, after),
        )
        for span, before, after in zip(spans, ends, starts, strict=True)
    ]


def _grown(edge: int, by: int, other: int) -> int:
    """The edge moved outward, at most half way to the other span."""
    half = abs(other - edge) // 2
    return edge + max(-half, min(half, by))


def overlapped(found: Sequence[Turn]) -> list[Turn]:
    """What the full turns say of a speaker while the exclusive ones give the time to another, in
    order of time.
    """
    alone = sorted((turn for turn in found if turn.exclusive), key=lambda turn: turn.start)
    pieces = [
        replace(turn, start=max(turn.start, over.start), end=min(turn.end, over.end))
        for turn in found
        if not turn.exclusive
        for over in touching(alone, turn.start, turn.end)
        if over.speaker != turn.speaker
    ]
    return sorted(pieces, key=lambda turn: turn.start)


def rebuilt(old: Sequence[SpeakerSpan], new: Sequence[SpeakerSpan]) -> list[SpeakerSpan]:
    """New exclusive spans, and full spans that agree with them and keep the overlap of the old
    ones.

    Overlapped speech keeps its second speaker under the name that this speaker's own speech nearby
    has now; where that is the speaker who is on already, there is no overlap.
    """
    before, after = exclusive(old), exclusive(new)
    full = [replace(span, exclusive=False) for span in after]
    for span in (span for span in old if not span.exclusive):
        near = touching(before, span.start, span.end)
        name = _renamed(span, [one for one in near if one.speaker == span.speaker], after)
        for other in near:
            start, end = max(other.start, span.start), min(other.end, span.end)
            under = SpeakerSpan(start=start, end=end, speaker=name, exclusive=False)
            if other.speaker != span.speaker and all(
                one.speaker != name for one in touching(after, start, end)
            ):
                full.append(under)
    return sorted([*after, *full], key=lambda span: (span.start, span.end, span.speaker))


def _renamed(span: SpeakerSpan, own: Sequence[SpeakerSpan], after: Sequence[SpeakerSpan]) -> int:
    """The speaker who now has most of what this full span had alone."""
    shared: dict[int, int] = {}
    for piece in own:
        start, end = max(piece.start, span.start), min(piece.end, span.end)
        for one in touching(after, start, end):
            shared[one.speaker] = (
                shared.get(one.speaker, 0) + min(one.end, end) - max(one.start, start)
            )
    return max(shared, key=lambda name: shared[name], default=span.speaker)


def numbered(spans: Sequence[SpeakerSpan]) -> list[SpeakerSpan]:
    """The same spans with speakers numbered in order of first appearance."""
    order: dict[int, int] = {}
    for span in sorted(spans, key=lambda s: (s.start, s.end, s.speaker)):
        order.setdefault(span.speaker, len(order))
    return [replace(span, speaker=order[span.speaker]) for span in spans]


def speaker_name(number: int) -> str:
    """`A` to `Z`, then `S26`, `S27` ..."""
    return chr(ord("A") + number) if number < 26 else f"S{number}"


def rttm(turns: Sequence[Turn], *, uri: str) -> str:
    """Turns (overlap kept) as NIST RTTM lines: `SPEAKER uri 1 start duration <NA> <NA> name <NA>
    <NA>`, in seconds.
    """
    lines = []
    for turn in turns:
        if not turn.exclusive:
            start, length = turn.start / MASTER_HZ, (turn.end - turn.start) / MASTER_HZ
            name = turn.speaker.replace(" ", "_")
            lines.append(f"SPEAKER {uri} 1 {start:.3f} {length:.3f} <NA> <NA> {name} <NA> <NA>")
    return "\n".join(lines) + "\n" if lines else ""
