# SPDX-License-Identifier: Apache-2.0
"""Mouth shapes follow speech."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.previs import visemes
from model.previs.phones import PhoneDecoder
from tests.model.previs.test_score import hiss

HZ = 16_000


@settings(max_examples=25, deadline=None)
@given(samples=st.integers(0, 20 * HZ))
def test_channels_have_one_row_for_each_whole_ten_milliseconds(samples: int) -> None:
    rows = [np.zeros((0, 5)), *visemes.stream_channels(hiss(samples / HZ), None)]
    made = np.concatenate(rows)
    assert len(made) == samples // 160
    assert np.isfinite(made).all()
    assert made.min(initial=0) >= 0


def test_the_first_words_of_a_long_line_do_not_wait_for_its_alignment() -> None:
    sound, phones = hiss(12.0), PhoneDecoder()
    text = "the lamp must turn before the boats come home"
    known, heard = (next(visemes.stream_channels(sound, phones, words)) for words in (text, None))
    assert np.array_equal(known, heard)
    assert len(np.concatenate(list(visemes.stream_channels(sound, phones, text)))) == 1200


def test_silence_keeps_the_lips_closed() -> None:
    made = np.concatenate(list(visemes.stream_channels(np.zeros(HZ, np.float32), PhoneDecoder())))
    assert made.max() == 0
