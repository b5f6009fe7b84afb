# SPDX-License-Identifier: Apache-2.0
"""Crops and places of pictures, in pixels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cut import framing

sizes = st.integers(64, 4096)


spans = st.tuples(st.floats(0.02, 0.98), st.floats(0.02, 0.98)).map(sorted)


@given(
    st.tuples(sizes, sizes), spans, spans, st.sampled_from([(1280, 720), (720, 1280), (1080, 1080)])
)
def test_framing_stays_inside_the_take_and_keeps_its_shape(
    source: tuple[int, int], across: list[float], down: list[float], size: tuple[int, int]
) -> None:
    crop = framing.frame_face(source, (across[0], down[0], across[1], down[1]), size)
    assert 0 <= crop.left <= crop.left + crop.width <= source[0]
    assert 0 <= crop.top <= crop.top + crop.height <= source[1]
    assert crop.width == source[0] or crop.height == source[1]
    assert abs(crop.width * size[1] - crop.height * size[0]) <= max(size)


def test_eyes_lie_near_the_upper_third_and_the_chin_is_inside() -> None:
    crop = framing.frame_face((1024, 1024), (0.3, 0.2, 0.7, 0.68), (1280, 720))
    eyes = (0.2 + 0.4 * 0.48) * 1024
    assert 0.3 < (eyes - crop.top) / crop.height < 0.4
    low = framing.frame_face((1024, 1024), (0.3, 0.2, 0.7, 0.95), (1280, 720))
    assert low.top + low.height >= 0.95 * 1024


@given(
    st.sampled_from(["single", "two-hander", "picture-in-picture"]),
    st.integers(8, 1000),
    st.integers(8, 1000),
)
def test_layouts_stay_inside_the_picture_on_even_pixels(
    name: framing.Layout, width: int, height: int
) -> None:
    size = (width * 4, height * 4)
    for left, top, wide, high in framing.arrange_layout(name, size):
        assert 0 <= left <= left + wide <= size[0]
        assert 0 <= top <= top + high <= size[1]
        assert not any(edge % 2 for edge in (left, top, wide, high))
        assert wide > 0 < high


@given(st.tuples(sizes, sizes), st.sampled_from([(1280, 720), (720, 1280), (1080, 1080)]))
def test_a_letterboxed_plate_lies_inside_the_picture_and_fills_one_of_its_sides(
    source: tuple[int, int], size: tuple[int, int]
) -> None:
    left, top, width, height = framing.letterbox(source, size)
    assert 0 <= left <= left + width <= size[0]
    assert 0 <= top <= top + height <= size[1]
    assert size[0] - width <= 1 or size[1] - height <= 1


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (1920, 1080)])
def test_places_of_a_layout_are_even_and_lie_inside_the_picture(size: tuple[int, int]) -> None:
    for name in ("single", "full-plate", "two-hander", "picture-in-picture"):
        for left, top, width, height in framing.arrange_layout(name, size):  # type: ignore[arg-type]
            assert not any(edge % 2 for edge in (left, top, width, height))
            assert left + width <= size[0]
            assert top + height <= size[1]
    halves = framing.arrange_layout("two-hander", size)
    assert sum(width * height for _, _, width, height in halves) == size[0] * size[1]
