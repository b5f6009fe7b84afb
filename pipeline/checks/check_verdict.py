# SPDX-License-Identifier: Apache-2.0
"""A verdict on one measurement, and the row it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from manifests.delivery_rows import Check
from manifests.timebase import format_timecode, round_half_up


@dataclass(frozen=True, slots=True)
class CheckVerdict:
    """A check before it knows its file. `at`: seconds from the start."""

    name: str
    value: str
    limit: str
    verdict: str
    at: float | None = None
    advice: str = ""


def build_check(verdict: CheckVerdict, version: str, profile: str, rate: Fraction) -> Check:
    """Build the row of a verdict; only checks that did not pass keep their advice."""
    at = (
        ""
        if verdict.at is None
        else format_timecode(
            round_half_up(Fraction(verdict.at).limit_denominator(10**6) * rate), rate
        )
    )
    return Check(
        version=version,
        profile=profile,
        name=verdict.name,
        value=verdict.value,
        limit=verdict.limit,
        verdict=verdict.verdict,
        timecode=at,
        advice=verdict.advice if verdict.verdict != "pass" else "",
    )
