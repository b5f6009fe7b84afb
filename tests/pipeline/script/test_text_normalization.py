# SPDX-License-Identifier: Apache-2.0
"""Written text as it is spoken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.script import text_normalization


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2001", "two thousand one"),
        ("1,200 people", "one thousand two hundred people"),
        ("3.5%", "three point five percent"),
        ("the 1990s", "the nineteen nineties"),
        ("007", "zero zero seven"),
        ("Mr. & Mrs. Hale", "mister and missus hale"),
        ("U.S.A.", "usa"),
        ("10:05", "ten oh five"),
        ("the 21st, the 20th", "the twenty first the twentieth"),
        ("Wait (laughs) -- [noise] no!", "wait no"),
        ("don’t, self-made", "dont self made"),
    ],
)
def test_written_text_is_spoken_out(written: str, said: str) -> None:
    assert text_normalization.tokenize(written) == said.split()


def test_text_without_spaces_is_matched_by_the_character() -> None:
    assert text_normalization.tokenize("你好吗?", language="zh") == ["你", "好", "吗"]


@given(st.text(max_size=60), st.sampled_from(["en", "de", "ja"]))
def test_any_text_at_all_can_be_spoken_out(text: str, language: str) -> None:
    for token in text_normalization.tokenize(text, language=language):
        assert token == token.strip() != ""


@given(number=st.integers(0, 999_999_999))
def test_no_two_numbers_sound_the_same(number: int) -> None:
    assert text_normalization.spell_cardinal(number) != text_normalization.spell_cardinal(
        number + 1
    )
