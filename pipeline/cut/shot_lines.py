# SPDX-License-Identifier: Apache-2.0
"""Find the lines that are heard in a shot, and the part of each that is spoken in it. Pure."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from manifests.rows import Cue, Line
from manifests.timebase import MASTER_HZ, round_half_up, sample_of_frame
from pipeline.cut.cut_points import CutPiece


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotLine:
    """A line that is heard in a shot.

    Frames count from the first that is drawn and may lie outside the shot when a cut crosses the
    line. `text`: the part of the line that lies in the shot. `speaks`: by the one in the picture
    and not as voice-over, so that the mouth moves.
    """

    line_id: str
    character: str
    text: str
    start_frame: int
    end_frame: int
    speaks: bool


class CueIndex:
    """Cues in order of their starts, found by time without looking at all of them."""

    def __init__(self, cues: Sequence[Cue]) -> None:
        """Index `cues`, which are in order of their starts."""
        self._cues = cues
        self._starts = [cue.start for cue in cues]
        self._latest_ends = list(itertools.accumulate((cue.end for cue in cues), max))

    def find_cues(self, piece: CutPiece, rate: Fraction) -> list[Cue]:
        """Find the cues that count as heard in a piece."""
        span = sample_of_frame(piece.start, rate), sample_of_frame(piece.end, rate)
        first = bisect.bisect_right(self._latest_ends, span[0])
        last = bisect.bisect_left(self._starts, span[1])
        return [
            cue for cue in self._cues[first:last] if span[0] < cue.end and _is_in(cue, span, rate)
        ]


def _is_in(cue: Cue, span: tuple[int, int], rate: Fraction) -> bool:
    """Check whether more than a frame of the cue, or its middle, lies in the span."""
    start, end = span
    shared = min(cue.end, end) - max(cue.start, start)
    return shared * rate > MASTER_HZ or start <= (cue.start + cue.end) // 2 < end


def make_shot_line(
    cue: Cue, piece: CutPiece, lines: Mapping[str, Line], rate: Fraction, *, speaks: bool
) -> ShotLine:
    """Make the line of a cue over the frames of a piece."""
    start, end = locate_frames(cue, piece, rate)
    unseen = cue.line_id in lines and lines[cue.line_id].voice_over
    return ShotLine(
        line_id=cue.line_id,
        character=cue.character,
        text=_select_text(cue, piece, rate),
        start_frame=start,
        end_frame=end,
        speaks=speaks and not unseen,
    )


def locate_frames(cue: Cue, piece: CutPiece, rate: Fraction) -> tuple[int, int]:
    """Locate a cue's first and last frame, counted from the first frame of the piece."""
    start, end = (
        round_half_up(cue.start * rate / MASTER_HZ),
        round_half_up(cue.end * rate / MASTER_HZ),
    )
    return start - piece.start, end - piece.start


def _select_text(cue: Cue, piece: CutPiece, rate: Fraction) -> str:
    """Select the part of a line's text that is spoken in the piece.

    It goes by its words' times where they are known, else by proportion.
    """
    start, end = (
        _measure_share_before(cue, sample_of_frame(frame, rate))
        for frame in (piece.start, piece.end)
    )
    if start == 0 and end == 1:
        return cue.text
    spaced = " " in cue.text.strip()
    units = cue.text.split() if spaced else list(cue.text)
    part = units[round_half_up(start * len(units)) : round_half_up(end * len(units))]
    return (" " if spaced else "").join(part)


def _measure_share_before(cue: Cue, sample: int) -> Fraction:
    """Measure how much of a cue, from 0 to 1, is spoken before a sample."""
    if sample <= cue.start:
        return Fraction(0)
    if sample >= cue.end:
        return Fraction(1)
    words = cue.timed_words
    if not words:
        return Fraction(sample - cue.start, cue.end - cue.start)
    return Fraction(sum((start + end) // 2 < sample for _, start, end in words), len(words))
