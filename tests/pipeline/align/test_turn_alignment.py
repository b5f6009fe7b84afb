# SPDX-License-Identifier: Apache-2.0
"""Turns and lines are matched by order, length and voice."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.align import turn_alignment
from pipeline.align.turn_alignment import ExpectedLine, SpeechStretch


@given(st.lists(st.floats(0.5, 6.0), min_size=1, max_size=9), st.integers(0, 10_000))
def test_turns_as_long_as_their_lines_are_matched_one_to_one(
    seconds: list[float], seed: int
) -> None:
    characters = ["XYZ"[i % 3] for i in range(len(seconds))]
    pauses = np.random.default_rng(seed).uniform(0.5, 2.0, len(seconds))
    starts = np.cumsum(pauses) + np.concatenate([[0], np.cumsum(seconds)[:-1]])
    turns = [
        SpeechStretch(
            start=round(a * 1000), end=round((a + s) * 1000), seconds=s, speaker=c.lower()
        )
        for a, s, c in zip(starts, seconds, characters, strict=True)
    ]
    parts = [ExpectedLine(character=c, seconds=s) for c, s in zip(characters, seconds, strict=True)]
    found, names = turn_alignment.match_lines(parts, turns)
    assert [(m.line, m.turn) for m in found] == [(i, i) for i in range(len(seconds))]
    assert all(names[c.lower()] == c for c in set(characters))
