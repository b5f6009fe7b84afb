# SPDX-License-Identifier: Apache-2.0
"""Captions: the script's own words at the times at which they are spoken.

Composing keeps the rules of `caption_rules` where speech allows: at most two lines, five sixths of
a second to seven seconds, two frames between captions, and no caption that hangs a few frames over
a shot change. `caption_lint` reports the rules that could not be kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from manifests.rows import Cue
from manifests.timebase import MASTER_HZ, Span, round_half_up
from pipeline.deliver.caption_rules import CaptionRules
from pipeline.deliver.caption_splitting import (
    CaptionPiece,
    count_characters,
    group_pieces,
    split_cue,
    wrap_lines,
)

LINGER = MASTER_HZ // 4  # how long a caption stays after its last word when nothing follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """Lines of text shown from `start` to `end` (frames of the timeline).

    `spoken_end`: the frame at which the last word is over.
    """

    start: int
    end: int
    spoken_end: int
    lines: tuple[str, ...]
    character: str = ""


def compose_captions(
    cues: Iterable[Cue],
    *,
    rate: Fraction,
    frames: int,
    shot_changes: Sequence[int] = (),
    rules: CaptionRules | None = None,
) -> list[Caption]:
    """Compose the captions of all cues that were found, in order of time, on the frame grid.

    No caption passes `frames`. `shot_changes`: first frames of the shots.
    """
    rules = rules or CaptionRules()
    spoken = sorted(
        (cue for cue in cues if cue.start >= 0 and cue.text.strip()),
        key=lambda cue: (cue.start, cue.end),
    )
    blocks = [
        _build_caption(block, cue.character, rate, rules)
        for cue in spoken
        for block in group_pieces(split_cue(cue), rules=rules)
    ]
    blocks.sort(key=lambda caption: (caption.start, caption.end))
    return _extend_captions(
        _merge_overlaps(blocks, rate), rate=rate, frames=frames, changes=shot_changes, rules=rules
    )


def delay_captions(captions: Sequence[Caption], frames: int) -> list[Caption]:
    """Move captions by a number of frames, behind a slate."""
    if not frames:
        return list(captions)
    return [
        replace(c, start=c.start + frames, end=c.end + frames, spoken_end=c.spoken_end + frames)
        for c in captions
    ]


def _build_caption(
    block: Sequence[CaptionPiece], character: str, rate: Fraction, rules: CaptionRules
) -> Caption:
    span = Span(block[0].start, max(block[-1].end, block[0].start)).at(rate)
    lines = wrap_lines("".join(piece.text for piece in block), rules.line_characters)
    return Caption(
        start=span.start, end=span.end, spoken_end=span.end, lines=lines, character=character
    )


def _merge_overlaps(blocks: Sequence[Caption], rate: Fraction) -> list[Caption]:
    """Merge the captions of people who speak at once.

    They share a caption, one line each, marked with a hyphen. A short overlap only shortens the
    first caption.
    """
    merged: list[Caption] = []
    for caption in blocks:
        before = merged[-1] if merged else None
        if before is None or caption.start >= max(before.end - rate / 2, before.start + rate):
            merged.append(caption)
        elif before.character == caption.character:
            merged.append(replace(caption, start=max(caption.start, before.start + 1)))
        else:
            merged[-1] = _join_speakers(before, caption)
    return merged


def _join_speakers(first: Caption, second: Caption) -> Caption:
    end = max(first.end, second.end)
    lines = [" ".join(first.lines)] if not first.lines[0].startswith("- ") else list(first.lines)
    spoken = [
        line if line.startswith("- ") else f"- {line}" for line in [*lines, " ".join(second.lines)]
    ]
    character = f"{first.character} / {second.character}"
    return Caption(
        start=first.start, end=end, spoken_end=end, lines=tuple(spoken), character=character
    )


def _extend_captions(
    captions: Sequence[Caption],
    *,
    rate: Fraction,
    frames: int,
    changes: Sequence[int],
    rules: CaptionRules,
) -> list[Caption]:
    """Keep captions on screen long enough to be read.

    The next caption, the shot change and the end of the programme limit them.
    """
    extended: list[Caption] = []
    for caption, after in itertools.zip_longest(captions, captions[1:]):
        needed = caption.start + _count_reading_frames(caption, rate, rules)
        wanted = max(caption.spoken_end + round_half_up(Fraction(LINGER, MASTER_HZ) * rate), needed)
        limit = after.start - rules.gap_frames if after else frames
        longest = min(limit, caption.start + round_half_up(rules.longest_seconds * rate))
        end = min(wanted, longest)
        hanging = [
            change for change in changes if caption.spoken_end <= change < end < change + rate / 2
        ]
        if hanging:
            early = max(hanging[0] - rules.gap_frames, caption.spoken_end)
            late = hanging[0] + round_half_up(rate / 2 + Fraction(1, 2))
            end = early if early >= needed else min(late, longest)
        extended.append(replace(caption, end=max(end, min(caption.start + 1, frames))))
    return [caption for caption in extended if caption.end > caption.start]


def _count_reading_frames(caption: Caption, rate: Fraction, rules: CaptionRules) -> int:
    """Count the frames for which a caption must stand to be read."""
    speed = Fraction(rules.characters_per_second).limit_denominator(100)
    reading = Fraction(sum(map(count_characters, caption.lines))) / speed
    return round_half_up(max(reading, rules.shortest_seconds) * rate)
