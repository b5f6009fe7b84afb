# SPDX-License-Identifier: Apache-2.0
"""Layouts: never outside the picture, never over text when there is room, and every wrong word
named."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lesson.layouts import CORNERS, SMALLER, Arrangement, LayoutError, Rect, parse, place

SIZE = (320, 180)
boxes = st.lists(
    st.tuples(
        st.integers(0, 300), st.integers(0, 170), st.integers(2, 200), st.integers(2, 40)
    ).map(
        lambda edges: Rect(
            edges[0], edges[1], min(edges[2], SIZE[0] - edges[0]), min(edges[3], SIZE[1] - edges[1])
        )
    ),
    max_size=8,
)
corners = st.builds(
    Arrangement,
    corner=st.sampled_from(CORNERS),
    size=st.floats(0.1, 0.9),
    margin=st.floats(0, 0.25),
    round=st.booleans(),
)


def free_places(side: int, edge: int, text: list[Rect]) -> list[Rect]:
    """Every even place for a square inside the margins that covers no text: by trying all of
    them."""
    across = range(edge, SIZE[0] - edge - side + 1, 2)
    down = range(edge, SIZE[1] - edge - side + 1, 2)
    places = (Rect(left, top, side, side) for left, top in itertools.product(across, down))
    return [rect for rect in places if not any(rect.overlap(box) for box in text)]


@given(corners, boxes)
def test_the_presenter_lies_inside_the_picture_on_even_pixels(
    arrangement: Arrangement, text: list[Rect]
) -> None:
    placed = place(arrangement, SIZE, text).presenter
    assert placed is not None
    assert (
        placed.left >= 0
        and placed.top >= 0
        and placed.right <= SIZE[0]
        and placed.bottom <= SIZE[1]
    )
    assert not any(edge % 2 for edge in (placed.left, placed.top, placed.width, placed.height))
    assert placed.width == placed.height > 0


@given(corners, boxes)
def test_text_is_covered_only_where_a_slide_has_no_room_for_the_smallest_presenter(
    arrangement: Arrangement, text: list[Rect]
) -> None:
    placed = place(arrangement, SIZE, text)
    assert placed.presenter is not None
    assert placed.covered == sum(placed.presenter.overlap(box) for box in text)
    if placed.covered:
        grown = [
            Rect(
                b.left // 2 * 2,
                b.top // 2 * 2,
                -(-b.right // 2) * 2 - b.left // 2 * 2,
                -(-b.bottom // 2) * 2 - b.top // 2 * 2,
            )
            for b in text
        ]
        edge = min(round(arrangement.margin * SIZE[1]) // 2 * 2, SIZE[0] // 8 * 2, SIZE[1] // 8 * 2)
        assert not free_places(placed.presenter.width, edge, grown)


@given(corners)
def test_an_empty_slide_has_its_presenter_in_the_corner_that_was_asked_for(
    arrangement: Arrangement,
) -> None:
    placed = place(arrangement, SIZE, []).presenter
    assert placed is not None
    upright, across = arrangement.corner.split("-")
    middle = (placed.left + placed.width / 2, placed.top + placed.height / 2)
    assert (middle[0] <= SIZE[0] / 2 + 1) == (across == "left") or placed.width > SIZE[0] / 2 - 2
    assert (middle[1] <= SIZE[1] / 2 + 1) == (upright == "top") or placed.height > SIZE[1] / 2 - 2


def test_text_in_the_corner_sends_the_presenter_to_the_other_corner_of_that_side() -> None:
    text = [Rect(180, 140, 140, 20)]
    placed = place(Arrangement(corner="bottom-right"), SIZE, text).presenter
    assert placed is not None and placed.right > 300 and placed.top < 20


def test_a_corner_without_drawings_goes_before_one_with_them() -> None:
    placed = place(
        Arrangement(corner="bottom-right"), SIZE, [], art=[Rect(260, 130, 20, 20)]
    ).presenter
    assert placed is not None and placed.top < 20 and placed.right > 300
    everywhere = place(
        Arrangement(corner="bottom-right"), SIZE, [], art=[Rect(0, 0, *SIZE)]
    ).presenter
    assert everywhere is not None and everywhere.top > 90


def test_a_crowded_slide_makes_the_presenter_smaller_before_anything_is_covered() -> None:
    text = [Rect(0, 0, 320, 100)]  # leaves 80 px less the margin
    placed = place(Arrangement(size=0.5), SIZE, text)
    assert placed.covered == 0 and placed.presenter is not None
    assert placed.presenter.width < 90 and placed.presenter.width >= 90 * SMALLER[-1] - 2


def test_a_smaller_presenter_in_a_corner_goes_before_a_large_one_in_the_middle() -> None:
    text = [Rect(0, 0, 240, 180)]  # leaves a strip of 80 px at the right
    placed = place(Arrangement(corner="bottom-left", size=0.5, margin=0), SIZE, text).presenter
    assert placed == Rect(244, 104, 76, 76)


def test_without_a_free_corner_the_presenter_goes_to_the_nearest_free_place() -> None:
    text = [Rect(0, 0, 320, 40), Rect(0, 140, 320, 40)]
    placed = place(Arrangement(corner="top-right", size=0.5, margin=0), SIZE, text)
    assert placed.covered == 0 and placed.presenter is not None
    assert placed.presenter.right == 320 and placed.presenter.top == 40


def test_a_picture_to_the_edges_hides_a_presenter_unless_the_script_asks_for_one() -> None:
    assert place(Arrangement(), SIZE, [], full_bleed=True).presenter is None
    assert place(parse("corner"), SIZE, [], full_bleed=True).presenter is not None


def test_side_by_side_shows_the_whole_slide_and_neither_covers_the_other() -> None:
    for side in ("left", "right"):
        placed = place(parse(f"side by side, {side}"), (1280, 720), [])
        assert placed.slide is not None and placed.presenter is not None
        assert placed.slide.overlap(placed.presenter) == 0
        assert (
            placed.slide.width + placed.presenter.width == 1280 and placed.presenter.height == 720
        )
        assert abs(placed.slide.width / placed.slide.height - 16 / 9) < 0.01


@pytest.mark.parametrize(("side", "top", "slide_top"), [("right", 896, 0), ("left", 0, 384)])
def test_in_an_upright_picture_the_presenter_has_the_width_below_or_above_the_slide(
    side: str, top: int, slide_top: int
) -> None:
    placed = place(parse(f"side by side, {side}"), (720, 1280), [])
    assert placed.presenter == Rect(0, top, 720, 384)
    assert placed.slide == Rect(108, slide_top, 504, 896)


def test_slide_only_and_presenter_full_show_one_of_them() -> None:
    assert place(parse("slide only"), SIZE, []).presenter is None
    assert place(parse("presenter full"), SIZE, []).slide is None


def test_a_layout_changes_only_what_it_names() -> None:
    base = parse("corner, top-left, size 25%, margin 2%, square")
    changed = parse("round", base=base)
    assert (changed.corner, changed.size, changed.margin, changed.round) == (
        "top-left",
        0.25,
        0.02,
        True,
    )
    assert parse("size 0.4").size == 0.4


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("conrer", "corner"),
        ("slide onyl", "slide only"),
        ("bottom right", "bottom-right"),
        ("rund", "round"),
    ],
)
def test_a_wrong_word_names_the_nearest(text: str, near: str) -> None:
    with pytest.raises(LayoutError) as error:
        parse(text)
    assert str(error.value.nearest).startswith(repr(near))


def test_a_size_out_of_range_says_the_range() -> None:
    with pytest.raises(LayoutError, match="out of range"):
        parse("size 150%")
