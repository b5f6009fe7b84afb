# SPDX-License-Identifier: Apache-2.0
"""A slide is fitted into the picture."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.lesson import slide_page

SIZE = (640, 360)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_a_slide_is_fitted_whole_into_the_picture(width: int, height: int) -> None:
    place = slide_page.fit_rectangle((width, height), SIZE)
    assert place.left >= 0 and place.top >= 0 and place.right <= SIZE[0] and place.bottom <= SIZE[1]
    assert place.width == SIZE[0] or place.height == SIZE[1]
