# SPDX-License-Identifier: Apache-2.0
"""Place lines whose words were not recognised in the speech between their neighbours.

Pure. Each run of such lines is matched to the unclaimed speech around it by order, duration and
speaker (`turn_alignment`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from manifests.rows import Cue, Line
from pipeline.align import turn_alignment
from pipeline.align.cue_confidence import Voices
from pipeline.align.line_readings import ScriptTokens
from pipeline.align.new_cues import make_cue
from pipeline.align.turn_alignment import ExpectedLine, SpeechStretch, TurnMatch
from pipeline.speech.turns import find_touching

# of the part that a line claims of another's time, from which its own voice counts as under it
MOSTLY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class UnheardGap:
    """Numbers of lines that were not recognised, and the unclaimed speech around them."""

    lines: list[int]
    speech: list[SpeechStretch]


def find_gaps(
    script: ScriptTokens, voices: Voices, cues: Mapping[int, Cue], names: Mapping[str, str]
) -> list[UnheardGap]:
    """Find runs of lines without a cue that have unclaimed speech between the cues around them."""
    free = turn_alignment.subtract_spans(
        voices.speech, [span for cue in cues.values() for span in _claim_spans(cue, voices, names)]
    )
    gaps = []
    for run in _find_runs([i for i in range(len(script.lines)) if i not in cues]):
        after = cues[run[0] - 1].end if run[0] - 1 in cues else 0
        before = cues[run[-1] + 1].start if run[-1] + 1 in cues else None
        between = [
            s
            for s in free
            if s.start >= after - turn_alignment.JOIN_SAMPLES
            and (before is None or s.start < before + turn_alignment.JOIN_SAMPLES)
        ]
        if between:
            gaps.append(UnheardGap(lines=run, speech=between))
    return gaps


def _find_runs(numbers: Sequence[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for number in numbers:
        runs.append([*runs.pop(), number] if runs and runs[-1][-1] == number - 1 else [number])
    return runs


def place_lines(
    script: ScriptTokens, gap: UnheardGap, names: Mapping[str, str] | None
) -> dict[int, Cue]:
    """Make cues for a gap's lines by order, duration and speaker. `names`: known speakers."""
    expected = [_expect_line(script.lines[i]) for i in gap.lines]
    matches, _ = turn_alignment.match_lines(expected, gap.speech, names=names)
    swapped = {
        i for a, b in itertools.pairwise(matches) if a.turn > b.turn for i in (a.line, b.line)
    }
    cues: dict[int, Cue] = {}
    for match in matches:
        order = "by order, duration and voice"
        if match.line in swapped:
            order = "by voice and duration, out of script order"
        cues |= _share_turns(script, gap, match, expected, order)
    return cues


def _expect_line(line: Line) -> ExpectedLine:
    seconds = turn_alignment.estimate_seconds(len(line.text))
    return ExpectedLine(character=line.character, seconds=seconds)


def _share_turns(
    script: ScriptTokens,
    gap: UnheardGap,
    match: TurnMatch,
    expected: Sequence[ExpectedLine],
    order: str,
) -> dict[int, Cue]:
    """Share the time of matched turns among their lines, in proportion to expected durations."""
    start, end = gap.speech[match.turn].start, gap.speech[match.turn_end - 1].end
    parts = expected[match.line : match.line_end]
    total = sum(part.seconds for part in parts)
    cues = {}
    for part, i in zip(parts, gap.lines[match.line : match.line_end], strict=True):
        stop = start + round((end - start) * part.seconds / total)
        cues[i] = make_cue(
            script.lines[i],
            (start, stop),
            confidence=round(0.75 * math.exp(-match.cost / 3), 3),
            reasons=f"words not recognised; placed {order}",
            speaker=gap.speech[match.turn].speaker,
        )
        start, total = stop, total - part.seconds
    return cues


def _claim_spans(cue: Cue, voices: Voices, names: Mapping[str, str]) -> list[tuple[int, int]]:
    """List the spans of speech that a cue claims.

    It claims all of its time, except another voice's where its own is known to lie underneath.
    """
    claims = []
    last = cue.start
    for stretch in find_touching(voices.speech, cue.start, cue.end):
        span = (max(stretch.start, cue.start), min(stretch.end, cue.end))
        other = stretch.speaker in names and names[stretch.speaker] != cue.character
        under = voices.measure_samples_under(span, cue.character, names) if other else 0
        if other and under > MOSTLY * (span[1] - span[0]):
            claims.append((last, span[0]))
            last = span[1]
    return [*claims, (last, cue.end)]
