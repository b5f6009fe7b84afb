# SPDX-License-Identifier: Apache-2.0
"""Text is strict where it enters and safe where it leaves."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import InputError
from manifests.plain_text import escape_unfit, parse_json, require_fit

FIT = ["Zoë", "日本語", "مرحبا", "a\tb\nc", "👩‍👩‍👧", "e\u0301", ""]
UNFIT = ["\x1b[31mred", "\ud800", "\x00", "\x9b2J", "\u202egnp.exe", "\r", "a\x07"]


@pytest.mark.parametrize("text", FIT)
def test_what_people_write_is_fit(text: str) -> None:
    assert require_fit(text, file="--text") == text
    assert escape_unfit(text) == text


@pytest.mark.parametrize("text", UNFIT)
def test_what_a_terminal_may_obey_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(InputError, match=r"character \d+ cannot be kept as text.*U\+"):
        require_fit(text, file="--text")


@given(st.text(alphabet=st.characters(categories=["Cc", "Cs", "L", "N", "P", "Cf"])))
def test_escaped_text_is_fit_and_can_be_encoded(text: str) -> None:
    shown = escape_unfit(text)
    assert escape_unfit(shown) == shown
    shown.encode()


@given(st.text())
def test_escaped_json_is_the_same_json(text: str) -> None:
    written = json.dumps(text, ensure_ascii=False)
    assert json.loads(escape_unfit(written)) == text


@pytest.mark.parametrize("data", ['{"note": "\\ud800"}', '{"\\udfff": 1}', '["a", ["\\ud83d"]]'])
def test_halves_of_surrogate_pairs_are_refused_in_json(data: str) -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        parse_json(data)
    assert parse_json('"\\ud83d\\ude00"') == "😀"
