# SPDX-License-Identifier: Apache-2.0
"""Checks of captions: every spoken line is shown while it is spoken, and the rules are kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from manifests.delivery_rows import Check
from manifests.rows import Cue
from manifests.timebase import MASTER_HZ, round_half_up
from pipeline.checks.check_verdict import CheckVerdict, build_check
from pipeline.deliver.caption_lint import CaptionFinding
from pipeline.deliver.captions import Caption

CAPTION_LATE_FRAMES = 3


def check_captions(
    captions: Sequence[Caption],
    cues: Sequence[Cue],
    findings: Sequence[CaptionFinding],
    *,
    version: str,
    rate: Fraction,
) -> list[Check]:
    """Check captions against speech, and report what the lint found, one row per rule."""
    verdicts = [_check_speech(captions, cues, rate)]
    for rule in sorted({finding.rule for finding in findings}):
        broken = [finding for finding in findings if finding.rule == rule]
        verdicts.append(_report_broken_rule(rule, broken, rate))
    return [build_check(verdict, version, "captions", rate) for verdict in verdicts]


def _check_speech(captions: Sequence[Caption], cues: Sequence[Cue], rate: Fraction) -> CheckVerdict:
    spoken = [cue for cue in cues if cue.start >= 0 and cue.text.strip()]
    missing = [cue for cue in spoken if not _is_captioned(cue, captions, rate)]
    return CheckVerdict(
        "captions against speech",
        f"{len(missing)} lines without",
        "0 lines without",
        "fail" if missing else "pass",
        at=missing[0].start / MASTER_HZ if missing else None,
        advice="; ".join(cue.text[:40] for cue in missing[:3]),
    )


def _report_broken_rule(
    rule: str, broken: Sequence[CaptionFinding], rate: Fraction
) -> CheckVerdict:
    first = broken[0]
    value = f"{len(broken)} captions, first no. {first.number}: {first.value}"
    at = float(first.frame / rate)
    return CheckVerdict(f"caption {rule}", value, first.limit, "warn", at=at)


def _is_captioned(cue: Cue, captions: Sequence[Caption], rate: Fraction) -> bool:
    """Check whether the captions around a cue's start and end show its first and last words."""
    words = re.findall(r"\w+", cue.text)
    if not words:
        return True
    first = round_half_up(Fraction(cue.start, MASTER_HZ) * rate)
    last = max(first, round_half_up(Fraction(cue.end, MASTER_HZ) * rate) - 1)
    near = [
        c
        for c in captions
        if c.start <= last + CAPTION_LATE_FRAMES and c.end >= first - CAPTION_LATE_FRAMES
    ]
    text = " ".join(line for caption in near for line in caption.lines)
    return words[0] in text and words[-1] in text
