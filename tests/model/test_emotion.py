# SPDX-License-Identifier: Apache-2.0
"""The emotion grammar, its curves, and how they spread over the frames of a shot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.emotion import (
    LABELS,
    MAXIMUM,
    EmotionCurve,
    EmotionError,
    Performance,
    PerformanceKey,
    hold_emotion,
    parse_curve,
)

weights = st.integers(1, int(MAXIMUM * 10_000)).map(lambda tenthousandths: tenthousandths / 10_000)
mixes = st.dictionaries(st.sampled_from(LABELS), weights, min_size=1, max_size=4).map(
    lambda mix: tuple(sorted(mix.items()))
)
curves = st.lists(mixes, min_size=1, max_size=4).map(lambda found: EmotionCurve(tuple(found)))
lines = st.lists(st.tuples(curves, st.integers(0, 80), st.integers(1, 80)), min_size=1, max_size=5)


def laid_out(parts: list[tuple[EmotionCurve, int, int]]) -> list[tuple[EmotionCurve, int, int]]:
    """Lines one after the other from (curve, pause before, length)."""
    end, placed = 0, []
    for curve, pause, length in parts:
        placed.append((curve, end + pause, end + pause + length))
        end += pause + length
    return placed


@given(curves)
def test_the_text_of_a_curve_parses_to_the_same_curve(curve: EmotionCurve) -> None:
    assert parse_curve(str(curve)) == curve
    assert str(parse_curve(str(curve))) == str(curve)


@given(curves, st.floats(0, 1))
def test_a_curve_stays_between_its_mixes(curve: EmotionCurve, place: float) -> None:
    ends = np.stack([curve.at(i / max(1, len(curve.mixes) - 1)) for i in range(len(curve.mixes))])
    assert (curve.at(place) <= ends.max(axis=0) + 1e-9).all()
    assert (curve.at(place) >= ends.min(axis=0) - 1e-9).all()


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("happy", "happy 1"),
        ("HAPPY .6", "happy 0.6"),
        ("  surprised 0.40+happy 0.6 ", "happy 0.6 + surprised 0.4"),
        ("neutral->angry 0.9", "neutral 1 -> angry 0.9"),
        ("sad 0", "neutral 1"),
        ("happy 0.00001", "neutral 1"),
    ],
)
def test_a_curve_has_one_spelling(text: str, canonical: str) -> None:
    assert str(parse_curve(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "->",
        "happy ->",
        "happy +",
        "0.5",
        "happy 0.5 0.6",
        "happy 1.6",
        "happy -1",
        "happy;sad",
        "happy 1e3",
        "happy " * 100,
    ],
)
def test_what_is_not_of_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(EmotionError):
        parse_curve(text)


def test_an_unknown_label_names_the_nearest() -> None:
    with pytest.raises(EmotionError, match="unknown emotion 'disgust'") as caught:
        parse_curve("happy + disgust 0.5")
    assert caught.value.nearest_names == "'disgusted'"


def test_taught_words_stand_for_their_mix_times_the_intensity() -> None:
    words = {"worn out": (("neutral", 0.4), ("sad", 0.6))}
    assert (
        str(parse_curve("Worn  Out 0.5 -> angry", words=words))
        == "neutral 0.2 + sad 0.3 -> angry 1"
    )
    with pytest.raises(EmotionError, match="above"):
        parse_curve("worn out 3", words=words)


@given(lines)
def test_a_performance_survives_its_plain_form(parts: list[tuple[EmotionCurve, int, int]]) -> None:
    performance = Performance.from_lines(laid_out(parts), ease_frames=10)
    assert Performance.from_plain(performance.to_plain()) == performance


@given(lines, st.integers(1, 20))
def test_each_line_performs_its_own_curve_from_its_first_frame_to_its_last(
    parts: list[tuple[EmotionCurve, int, int]], ease: int
) -> None:
    placed = laid_out(parts)
    performance = Performance.from_lines(placed, ease_frames=ease)
    for curve, start, end in placed:
        if len(curve.mixes) <= end - start:
            first, last = performance.at([start, end - 1])
            np.testing.assert_allclose(first, curve.at(0 if end - start > 1 else 1), atol=1e-6)
            np.testing.assert_allclose(last, curve.at(1), atol=1e-6)


@given(lines, st.integers(1, 20))
def test_keys_stand_in_order_and_none_repeats_its_neighbours(
    parts: list[tuple[EmotionCurve, int, int]], ease: int
) -> None:
    keys = Performance.from_lines(laid_out(parts), ease_frames=ease).keys
    assert [key.frame for key in keys] == sorted({key.frame for key in keys})
    assert all(
        not left.weights == key.weights == right.weights
        for left, key, right in zip(keys, keys[1:], keys[2:], strict=False)
    )


@given(lines, st.integers(1, 20))
def test_a_line_of_one_or_two_mixes_is_performed_exactly(
    parts: list[tuple[EmotionCurve, int, int]], ease: int
) -> None:
    placed = laid_out(
        [(EmotionCurve(curve.mixes[:2]), pause, length + 1) for curve, pause, length in parts]
    )
    performance = Performance.from_lines(placed, ease_frames=ease)
    for curve, start, end in placed:
        wanted = [curve.at((frame - start) / (end - 1 - start)) for frame in range(start, end)]
        np.testing.assert_allclose(performance.at(range(start, end)), wanted, atol=1e-5)


def test_a_held_mood_holds_until_it_eases_into_the_next() -> None:
    performance = Performance.from_lines(
        [(hold_emotion("happy"), 0, 50), (hold_emotion("sad"), 100, 150)], ease_frames=10
    )
    happy = performance.at([0, 49, 75, 90, 95, 100, 149])[:, LABELS.index("happy")]
    np.testing.assert_allclose(happy, [1, 1, 1, 1, 0.5, 0, 0])


def test_a_pause_shorter_than_the_ease_is_used_whole() -> None:
    performance = Performance.from_lines(
        [(hold_emotion("happy"), 0, 50), (hold_emotion("sad"), 54, 100)], ease_frames=10
    )
    happy = performance.at([49, 51.5, 54])[:, LABELS.index("happy")]
    np.testing.assert_allclose(happy, [1, 0.5, 0])


def test_an_unchanging_performance_is_one_key_wherever_its_lines_lie() -> None:
    one = Performance.from_lines(
        [(hold_emotion("sad", 0.8), 4, 50), (hold_emotion("sad", 0.8), 60, 90)], ease_frames=10
    )
    other = Performance.from_lines([(hold_emotion("sad", 0.8), 7, 31)], ease_frames=10)
    assert one == other == Performance((PerformanceKey(0, (0, 0, 0, 0, 0, 0, 0.8, 0)),))


def test_lines_that_overlap_give_the_second_what_the_first_left() -> None:
    performance = Performance.from_lines(
        [(hold_emotion("happy"), 0, 50), (hold_emotion("sad"), 40, 60)], ease_frames=5
    )
    np.testing.assert_allclose(performance.at([49, 50])[:, LABELS.index("sad")], [0, 1])


def test_a_performance_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one line"):
        Performance.from_lines([], ease_frames=10)
