# SPDX-License-Identifier: Apache-2.0
"""Caption lint: report the captions that break a rule of their language."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from pipeline.deliver.caption_rules import CaptionRules
from pipeline.deliver.caption_splitting import count_characters
from pipeline.deliver.captions import Caption


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionFinding:
    """A rule that a caption breaks. `number` counts from 1, as in the SRT file."""

    rule: str
    number: int
    frame: int
    value: str
    limit: str


def lint_captions(
    captions: Sequence[Caption], *, rate: Fraction, shot_changes: Sequence[int], rules: CaptionRules
) -> list[CaptionFinding]:
    """Find every rule that a caption breaks.

    The rules are line length, lines, durations, reading speed, gap and shot change.
    """
    findings: list[CaptionFinding] = []
    for number, (caption, after) in enumerate(
        itertools.zip_longest(captions, captions[1:]), start=1
    ):
        for rule, value, limit in _find_broken_rules(
            caption, after.start if after else None, rate=rate, changes=shot_changes, rules=rules
        ):
            findings.append(
                CaptionFinding(
                    rule=rule, number=number, frame=caption.start, value=value, limit=limit
                )
            )
    return findings


def _find_broken_rules(
    caption: Caption,
    after: int | None,
    *,
    rate: Fraction,
    changes: Sequence[int],
    rules: CaptionRules,
) -> Iterable[tuple[str, str, str]]:
    longest = max(map(count_characters, caption.lines))
    if longest > rules.line_characters:
        yield "line length", f"{longest} characters", f"{rules.line_characters}"
    if len(caption.lines) > rules.lines:
        yield "lines", f"{len(caption.lines)}", f"{rules.lines}"
    yield from _find_broken_times(caption, rate, rules)
    if after is not None and after - caption.end < rules.gap_frames:
        yield "gap", f"{after - caption.end} frames", f"{rules.gap_frames}"
    hanging = [
        change
        for change in changes
        if 0 < caption.end - change < rate / 2 and caption.spoken_end <= change
    ]
    if hanging:
        value = f"{caption.end - hanging[0]} frames over the cut"
        yield "shot change", value, "0, or half a second"


def _find_broken_times(
    caption: Caption, rate: Fraction, rules: CaptionRules
) -> Iterable[tuple[str, str, str]]:
    seconds = Fraction(caption.end - caption.start) / rate
    speed = float(sum(map(count_characters, caption.lines)) / seconds)
    value, limit = f"{float(seconds):.2f} s", rules.shortest_seconds
    if seconds < limit:
        yield "shortest duration", value, f"{float(limit):.2f} s"
    if seconds > rules.longest_seconds:
        yield "longest duration", value, f"{float(rules.longest_seconds):.2f} s"
    if speed > rules.characters_per_second:
        value = f"{speed:.1f} characters a second"
        yield "reading speed", value, f"{rules.characters_per_second:g}"
