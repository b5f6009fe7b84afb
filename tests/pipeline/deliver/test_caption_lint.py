# SPDX-License-Identifier: Apache-2.0
"""Rules of readable captions."""

from __future__ import annotations

from fractions import Fraction

from pipeline.deliver import caption_lint, captions
from pipeline.deliver.caption_rules import CaptionRules

RATE = Fraction(25)


def test_lint_names_the_rule_that_is_broken() -> None:
    fast = captions.Caption(start=0, end=25, spoken_end=25, lines=("x" * 43, "y" * 30, "z"))
    close = captions.Caption(start=26, end=30, spoken_end=26, lines=("a",))
    found = caption_lint.lint_captions(
        [fast, close], rate=RATE, shot_changes=[0, 27], rules=CaptionRules()
    )
    assert {(f.rule, f.number) for f in found} == {
        ("line length", 1),
        ("lines", 1),
        ("reading speed", 1),
        ("gap", 1),
        ("shortest duration", 2),
        ("shot change", 2),
    }
