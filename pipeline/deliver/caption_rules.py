# SPDX-License-Identifier: Apache-2.0
"""Caption rules: the limits of a language for lines, durations and reading speed.

They follow the Netflix Timed Text Style Guide (general requirements and the English, Japanese,
Chinese and Korean pages).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionRules:
    """The limits of a language.

    They are characters a line and a second (a wide character counts once), lines, seconds on
    screen, and frames between captions.
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


def choose_rules(language: str) -> CaptionRules:
    """Choose the limits for a language tag such as `en`, `ja` or `zh-Hant`.

    Languages without limits of their own use those of English.
    """
    return LANGUAGE_RULES.get(language.partition("-")[0].lower(), CaptionRules())
