# SPDX-License-Identifier: Apache-2.0
"""Spans of speech by speaker: order, silences, overlap, numbering and RTTM. Pure."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from manifests.rows import Turn
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from model.level_curve import HOP
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
    """A span `[start, end)` in 16 kHz samples, spoken by `speaker` (a number from 0).

    Exclusive spans never overlap each other.
    """

    start: int
    end: int
    speaker: int
    exclusive: bool


class TimeSpan(Protocol):
    """Anything from `start` to `end`."""

    @property
    def start(self) -> int:
        """The first sample."""
        ...

    @property
    def end(self) -> int:
        """The sample after the last."""
        ...


S = TypeVar("S", bound=TimeSpan)


def find_touching(ordered: Sequence[S], start: int, end: int) -> Sequence[S]:
    """Find the spans that share samples with `[start, end)`.

    `ordered`: in order of time, none over another.
    """
    first = bisect.bisect_right(ordered, start, key=lambda span: span.end)
    return ordered[first : bisect.bisect_left(ordered, end, key=lambda span: span.start)]


def measure_overlap(a: SpeakerSpan, b: SpeakerSpan) -> int:
    """Count the samples that two spans share."""
    return max(0, min(a.end, b.end) - max(a.start, b.start))


def select_exclusive(spans: Sequence[SpeakerSpan]) -> list[SpeakerSpan]:
    """Select the exclusive spans, in order of time."""
    return sorted((span for span in spans if span.exclusive), key=lambda span: span.start)


def group_pieces(spans: Sequence[SpeakerSpan]) -> list[list[SpeakerSpan]]:
    """Group exclusive spans of one speaker that have next to no silence between them."""
    found: list[list[SpeakerSpan]] = []
    for span in select_exclusive(spans):
        last = found[-1][-1] if found else None
        if last and last.speaker == span.speaker and span.start - last.end < JOIN_SAMPLES:
            found[-1].append(span)
        else:
            found.append([span])
    return found


def remove_silences(
    spans: Sequence[SpeakerSpan], levels: speech_levels.Levels
) -> list[SpeakerSpan]:
    """Cut silences out of the spans; 30 ms of each stay on either side.

    Segmentation closes short silences, which is why they are looked for again. Over noise a fading
    end cannot be told from silence: there only long silences go, and more is left after the speech.
    """
    noisy = speech_levels.measure_spread(levels) < NOISY_DB
    least, tail = (
        (LONG_SILENCE_SAMPLES, TAIL_SAMPLES) if noisy else (SILENCE_SAMPLES, MARGIN_SAMPLES)
    )
    quiet = [
        SpeakerSpan(start=start + tail, end=end - MARGIN_SAMPLES, speaker=-1, exclusive=True)
        for start, end in speech_levels.find_silences(levels, least)
    ]
    return [
        part
        for span in spans
        for part in _cut_out(span, find_touching(quiet, span.start, span.end))
    ]


def _cut_out(span: SpeakerSpan, silences: Sequence[SpeakerSpan]) -> Iterator[SpeakerSpan]:
    """Yield what is left of a span between the silences that touch it, without slivers."""
    begin = span.start
    for silence in silences:
        if silence.start - begin > SLIVER_SAMPLES:
            yield replace(span, start=begin, end=silence.start)
        begin = silence.end
    if begin < span.end and (begin == span.start or span.end - begin > SLIVER_SAMPLES):
        yield replace(span, start=begin)


def extend_spans(spans: Sequence[SpeakerSpan], levels: speech_levels.Levels) -> list[SpeakerSpan]:
    """Extend exclusive spans (in order of time) at both ends where the recording is noisy.

    Onsets and fading ends drown first, and a line that is cut short is heard while some room tone
    around it is not. A span never grows into another.
    """
    if not spans or speech_levels.measure_spread(levels) >= NOISY_DB:
        return list(spans)
    starts = [span.start for span in spans[1:]] + [len(levels) * HOP]
    ends = [0] + [span.end for span in spans[:-1]]
    return [
        replace(
            span,
            start=_move_outward(span.start, -ROOM_BEFORE, before),
            end=_move_outward(span.end, ROOM_AFTER, after),
        )
        for span, before, after in zip(spans, ends, starts, strict=True)
    ]


def _move_outward(edge: int, by: int, other: int) -> int:
    """Move an edge outward, at most half way to the other span."""
    half = abs(other - edge) // 2
    return edge + max(-half, min(half, by))


def find_overlapped(found: Sequence[Turn]) -> list[Turn]:
    """Find speech under somebody else's turn, in order of time.

    That is where a speaker's full turns overlap time that the exclusive turns give to another.
    """
    alone = sorted((turn for turn in found if turn.exclusive), key=lambda turn: turn.start)
    pieces = [
        replace(turn, start=max(turn.start, over.start), end=min(turn.end, over.end))
        for turn in found
        if not turn.exclusive
        for over in find_touching(alone, turn.start, turn.end)
        if over.speaker != turn.speaker
    ]
    return sorted(pieces, key=lambda turn: turn.start)


def rebuild_spans(old: Sequence[SpeakerSpan], new: Sequence[SpeakerSpan]) -> list[SpeakerSpan]:
    """Build full spans that agree with new exclusive ones and keep the overlap of the old ones.

    Overlapped speech keeps its second speaker, under the name that this speaker's own speech nearby
    has now. Where that is the speaker who has the floor already, there is no overlap.
    """
    before, after = select_exclusive(old), select_exclusive(new)
    full = [replace(span, exclusive=False) for span in after]
    for span in (span for span in old if not span.exclusive):
        near = find_touching(before, span.start, span.end)
        name = _find_new_speaker(span, [old for old in near if old.speaker == span.speaker], after)
        for other in near:
            start, end = max(other.start, span.start), min(other.end, span.end)
            under = SpeakerSpan(start=start, end=end, speaker=name, exclusive=False)
            if other.speaker != span.speaker and all(
                new.speaker != name for new in find_touching(after, start, end)
            ):
                full.append(under)
    return sorted([*after, *full], key=lambda span: (span.start, span.end, span.speaker))


def _find_new_speaker(
    span: SpeakerSpan, own: Sequence[SpeakerSpan], after: Sequence[SpeakerSpan]
) -> int:
    """Find the speaker who now has most of what this full span had alone."""
    shared: dict[int, int] = {}
    for piece in own:
        start, end = max(piece.start, span.start), min(piece.end, span.end)
        for new in find_touching(after, start, end):
            samples = min(new.end, end) - max(new.start, start)
            shared[new.speaker] = shared.get(new.speaker, 0) + samples
    return max(shared, key=lambda name: shared[name], default=span.speaker)


def number_speakers(spans: Sequence[SpeakerSpan]) -> list[SpeakerSpan]:
    """Renumber speakers in order of first appearance."""
    order: dict[int, int] = {}
    for span in sorted(spans, key=lambda s: (s.start, s.end, s.speaker)):
        order.setdefault(span.speaker, len(order))
    return [replace(span, speaker=order[span.speaker]) for span in spans]


def speaker_name(number: int) -> str:
    """Name a speaker: `A` to `Z`, then `S26`, `S27` ..."""
    return chr(ord("A") + number) if number < 26 else f"S{number}"


def format_rttm(turns: Sequence[Turn], *, uri: str) -> str:
    """Format turns (overlap kept) as NIST RTTM, in seconds.

    A line is `SPEAKER uri 1 start duration <NA> <NA> name <NA> <NA>`.
    """
    lines = []
    for turn in turns:
        if not turn.exclusive:
            start, length = turn.start / MASTER_HZ, (turn.end - turn.start) / MASTER_HZ
            name = turn.speaker.replace(" ", "_")
            lines.append(f"SPEAKER {uri} 1 {start:.3f} {length:.3f} <NA> <NA> {name} <NA> <NA>")
    return "\n".join(lines) + "\n" if lines else ""
