# SPDX-License-Identifier: Apache-2.0
"""Shots of a new cut are matched to those of the former one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.ledger.shot_matching import identify_places, match_previous_shots
from tests.flows.some_shots import cut, shot


@given(kept=st.lists(st.booleans(), min_size=1, max_size=12), new=st.integers(0, 3))
def test_no_place_has_two_successors_and_what_stays_succeeds_itself(
    kept: list[bool], new: int
) -> None:
    before = cut(*(f"l{index}" for index in range(len(kept))))
    after = [s for s, stays in zip(before, kept, strict=True) if stays] + [
        shot(f"n{index}") for index in range(new)
    ]
    found = match_previous_shots(after, before)
    sources = [old for old, _ in found.values()]
    assert len(sources) == len(set(sources))
    assert all(
        found[place][0] == place
        for place in set(identify_places(after)) & set(identify_places(before))
    )


def test_shots_with_the_same_lines_and_shots_without_any_have_places_of_their_own() -> None:
    shots = [
        shot("a"),
        shot("a"),
        shot("b"),
        shot("b", line_ids="", character="HENRIK"),
        shot("b", line_ids=""),
    ]
    assert len(set(identify_places(shots))) == len(shots)
