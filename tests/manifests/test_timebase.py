# SPDX-License-Identifier: Apache-2.0
"""Exact time: frames and samples never drift, spans stay neighbours, timecode follows SMPTE."""

from __future__ import annotations

import doctest
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests import timebase
from manifests.errors import InputError
from manifests.timebase import (
    MASTER_HZ,
    RATES,
    Span,
    format_timecode,
    frames_covering,
    parse_rate,
    sample_of_frame,
)

rates = st.sampled_from(sorted(RATES.values()))


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(timebase).failed == 0


@given(frame=st.integers(0, 10_000_000), rate=rates)
def test_a_frame_starts_within_half_a_sample_of_its_exact_place(frame: int, rate: Fraction) -> None:
    assert abs(sample_of_frame(frame, rate) - frame * Fraction(MASTER_HZ) / rate) <= Fraction(1, 2)


@given(samples=st.integers(0, 10**10), rate=rates)
def test_covering_frames_are_the_least_that_cover(samples: int, rate: Fraction) -> None:
    frames = frames_covering(samples, rate)
    assert frames / rate >= Fraction(samples, MASTER_HZ)
    assert frames == 0 or (frames - 1) / rate < Fraction(samples, MASTER_HZ)


@given(ends=st.lists(st.integers(0, 10**9), min_size=3, max_size=3).map(sorted), rate=rates)
def test_neighbouring_spans_stay_neighbours_on_another_grid(
    ends: list[int], rate: Fraction
) -> None:
    left, right = Span(ends[0], ends[1]).at(rate), Span(ends[1], ends[2]).at(rate)
    assert left.end == right.start


@given(frame=st.integers(0, 5_000_000), rate=rates)
def test_timecode_never_repeats_and_never_runs_backwards(frame: int, rate: Fraction) -> None:
    assert format_timecode(frame, rate).replace(";", ":") < format_timecode(
        frame + 1, rate
    ).replace(";", ":")


def test_drop_frame_timecode_shows_the_hour_after_an_hour() -> None:
    assert format_timecode(107892, RATES["29.97"]) == "01:00:00;00"


@pytest.mark.parametrize("text", ["26", "0", "-25", "fast", "25/0", "1e9"])
def test_an_unknown_rate_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(InputError, match=r"expected one of 12\.5, 23\.976"):
        parse_rate(text)
