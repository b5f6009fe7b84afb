# SPDX-License-Identifier: Apache-2.0
"""Known text is aligned with its sound."""

from __future__ import annotations

import itertools

import numpy as np

from model.previs.phones import PhoneDecoder
from tests.model.previs.test_score import hiss

HZ = 16_000


def test_known_text_is_aligned_in_order_and_unknown_words_do_not_break_it() -> None:
    phones = PhoneDecoder()
    assert phones.align(hiss(0.3), "") is None
    spoken = phones.align(hiss(2.0), "please callsheet xyzzy")
    assert spoken is None or all(a.end <= b.start + 1 for a, b in itertools.pairwise(spoken))


def test_a_decoder_does_not_remember_what_it_heard_before() -> None:
    buzz = np.sin(2 * np.pi * 150 * np.arange(HZ) / HZ) * np.sin(2 * np.pi * 3 * np.arange(HZ) / HZ)
    sound = (0.2 * buzz).astype(np.float32)
    phones = PhoneDecoder()
    first = phones.decode(sound)
    phones.decode(hiss(1.0) * 3)
    assert phones.decode(sound) == first
