# SPDX-License-Identifier: Apache-2.0
"""Sound in a delivered file lies where it was put."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.checks import check_audio

RATE = Fraction(25)


ABOUT = {"version": "v001", "profile": "web", "rate": RATE}


@given(st.integers(-90, 90), st.integers(0, 1000))
def test_sound_that_is_moved_is_found_where_it_is(late: int, seed: int) -> None:
    level = np.convolve(
        np.random.default_rng(seed).normal(-30, 12, 1000), np.hanning(9) / 4, mode="same"
    )
    levels = check_audio.SoundLevels(file=np.roll(level, late)[100:900], master=level[100:900])
    check = check_audio.check_offset(levels, **ABOUT)
    assert abs(float(check.value.split(" ms")[0]) - 10 * late) <= 5
    if abs(late) != 4:  # a frame of 40 ms to the hundredth: either side of the limit is right
        assert (check.verdict == "fail") == (abs(late) > 4)
