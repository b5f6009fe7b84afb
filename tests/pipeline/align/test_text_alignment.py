# SPDX-License-Identifier: Apache-2.0
"""A text is found in another one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.align import text_alignment


@given(
    st.lists(
        st.sampled_from(["the", "old", "light", "was", "lost", "in", "a", "storm"]),
        min_size=1,
        max_size=12,
    ),
    st.data(),
)
def test_a_text_is_found_whole_wherever_it_stands(line: list[str], data: st.DataObject) -> None:
    noise = st.lists(st.sampled_from(["zebra", "quick", "mumble"]), max_size=6)
    before, after = data.draw(noise), data.draw(noise)
    heard = [*before, *line, *after]
    weights = np.array([text_alignment.weigh_token(token) for token in line])
    best = text_alignment.find_candidates(0, text_alignment.score_tokens(line, heard), weights)[0]
    assert best.coverage == pytest.approx(1.0)
    assert heard[best.start : best.end] == line
