# SPDX-License-Identifier: Apache-2.0
"""Where a line begins and ends, drawn to the edges of the speech that the diarization hears.

Pure. Words say which line is spoken, but recognisers are late on soft onsets and lose the last consonant; the edges of turns are
near the truth unless two lines run into one turn. So an edge of a cue moves to an edge of speech when that is near and no other
line lies between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from manifests.rows import Cue, Turn
from manifests.timebase import MASTER_HZ

EARLY_SAMPLES = round(
    0.025 * MASTER_HZ
)  # turns begin this much before the sound (median over the tuning half of the benchmark)
LATE_SAMPLES = round(0.04 * MASTER_HZ)  # and end this much after it
REACH_SAMPLES = round(0.6 * MASTER_HZ)  # how far an edge may move outward
INSIDE_SAMPLES = round(1.2 * MASTER_HZ)  # and inward, out of silence


def snap(cues: Sequence[Cue], turns: Sequence[Turn], names: Mapping[str, str]) -> list[Cue]:
    """The cues with their edges on the edges of speech; order and everything else stay. `names`: speaker to character."""
    spans = [
        replace(
            turn, start=turn.start + EARLY_SAMPLES, end=max(turn.start + EARLY_SAMPLES + 1, turn.end - LATE_SAMPLES)
        )
        for turn in turns
        if not turn.exclusive
    ]
    snapped = []
    for cue in cues:
        if cue.start < 0:
            snapped.append(cue)
            continue
        own = [span for span in spans if names.get(span.speaker) == cue.character]
        others = [other for other in cues if other.line_id != cue.line_id and other.start >= 0]
        start = _start(cue, own, spans, others)
        end = _end(cue, own, spans, others)
        snapped.append(replace(cue, start=start, end=end) if start < end else cue)
    return snapped


def _start(cue: Cue, own: Sequence[Turn], spans: Sequence[Turn], others: Sequence[Cue]) -> int:
    for among, beside in ((own, [o for o in others if o.character == cue.character]), (spans, list(others))):
        around = [span.start for span in among if span.start <= cue.start < span.end]
        near = [s for s in around if cue.start - s <= REACH_SAMPLES and not _between(beside, s, cue.start)]
        if near:
            return min(near)
        if around:
            return cue.start
    after = [span.start for span in spans if cue.start < span.start < min(cue.end, cue.start + INSIDE_SAMPLES)]
    return min(after, default=cue.start)


def _end(cue: Cue, own: Sequence[Turn], spans: Sequence[Turn], others: Sequence[Cue]) -> int:
    for among, beside in ((own, [o for o in others if o.character == cue.character]), (spans, list(others))):
        around = [span.end for span in among if span.start < cue.end <= span.end]
        near = [e for e in around if e - cue.end <= REACH_SAMPLES and not _between(beside, cue.end, e)]
        if near:
            return max(near)
        if around:
            return cue.end
    before = [span.end for span in spans if max(cue.start, cue.end - INSIDE_SAMPLES) < span.end < cue.end]
    return max(before, default=cue.end)


def _between(others: Sequence[Cue], start: int, end: int) -> bool:
    return any(other.start < end and other.end > start for other in others)
