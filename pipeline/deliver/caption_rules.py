# SPDX-License-Identifier: Apache-2.0
"""TODO."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionRules:
    """Limits of a language: characters a line and a second (wide ones count once), lines, seconds
    shown, frames between captions.
    """

    line_characters: int = 42
    characters_per_second: float = 20.0
    lines: int = 2
    shortest_seconds: Fraction = Fraction(5, 6)
    longest_seconds: Fraction = Fraction(7)
    gap_frames: int = 2


LANGUAGE_RULES = {
    "ja": CaptionRules(line_characters=13, characters_per_second=4.0),
    "zh": CaptionRules(line_characters=16, characters_per_second=9.0),
    "ko": CaptionRules(line_characters=16, characters_per_second=12.0),
}


def rules_for(language: str) -> CaptionRules:
    """The limits for a language tag such as `en`, `ja` or `zh-Hant`; English limits for all
    others.
    """
    return LANGUAGE_RULES.get(language.partition("-")[0].lower(), CaptionRules())
