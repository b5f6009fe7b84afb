# SPDX-License-Identifier: Apache-2.0
"""Sizes of delivered pictures."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from pipeline.deliver import profiles


@given(st.integers(32, 2048), st.integers(32, 2048), st.sampled_from([24, 25, 30, 50]))
def test_a_ladder_goes_down_in_even_sizes_of_the_same_shape(
    half_width: int, half_height: int, rate: int
) -> None:
    size = (2 * half_width, 2 * half_height)
    rungs = profiles.build_ladder(size, Fraction(rate))
    assert rungs[0].size == size
    sizes = [rung.size or (0, 0) for rung in rungs]
    assert sizes == sorted(set(sizes), reverse=True)
    assert all(side % 2 == 0 for size in sizes for side in size)
    assert all(abs(wide / size[0] - high / size[1]) < 0.02 for wide, high in sizes)
    assert len({rung.file for rung in rungs}) == len(rungs)
    assert {rung.picture["g"] for rung in rungs} == {4 * rate}
