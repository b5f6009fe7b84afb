# SPDX-License-Identifier: Apache-2.0
"""Deadlines and budgets as people write them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.night.budget import UNLIMITED, NightLimits, read_limits
from manifests.errors import InputError

NOW = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)


@pytest.fixture
def berlin() -> Iterator[None]:
    """This process in another time zone, one that changes its clocks."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


def test_no_limits_are_none() -> None:
    assert read_limits(now=NOW) == UNLIMITED


def test_a_time_of_day_is_the_next_one(berlin: None) -> None:
    assert read_limits(deadline="06:00Z", now=NOW).ends_at == datetime(
        2026, 11, 23, 6, 0, tzinfo=UTC
    )
    assert read_limits(deadline="06:00", now=NOW).ends_at == datetime(
        2026, 11, 23, 5, 0, tzinfo=UTC
    )
    assert read_limits(deadline="23:45", now=NOW).ends_at == datetime(
        2026, 11, 22, 22, 45, tzinfo=UTC
    )


def test_the_night_in_which_clocks_change_ends_at_the_hour_on_the_wall(berlin: None) -> None:
    evening = datetime(2026, 3, 28, 21, 0, tzinfo=UTC)  # 22:00 there; the clocks go forward at two
    end = read_limits(deadline="06:00", now=evening).ends_at
    assert end is not None
    assert end - evening == timedelta(hours=7)


def test_the_earlier_of_deadline_and_hours_counts() -> None:
    assert read_limits(deadline="06:00Z", hours=2, now=NOW).ends_at == NOW + timedelta(hours=2)


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1)), st.times())
def test_a_time_of_day_comes_within_a_day_and_keeps_its_hour(now: datetime, wanted: object) -> None:
    text = f"{wanted:%H:%M}Z"
    end = read_limits(deadline=text, now=now.replace(tzinfo=UTC)).ends_at
    assert end is not None
    assert timedelta(0) < end - now.replace(tzinfo=UTC) <= timedelta(days=1)
    assert f"{end:%H:%M}Z" == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("3600", 3600), ("90m", 5400), ("2h", 7200), ("1.5 h", 5400), ("45s", 45)]
)
def test_a_budget_is_worker_time(text: str, seconds: float) -> None:
    assert read_limits(budget=text, now=NOW).worker_seconds == seconds


def test_a_budget_of_money_needs_the_price_of_an_hour() -> None:
    assert read_limits(budget="19 EUR", price="1.90 EUR", now=NOW).worker_seconds == pytest.approx(
        36000
    )
    with pytest.raises(InputError, match="--price in EUR"):
        read_limits(budget="19 EUR", now=NOW)
    with pytest.raises(InputError, match="--price in EUR"):
        read_limits(budget="19 EUR", price="2 USD", now=NOW)


def test_what_was_spent_has_a_price() -> None:
    assert NightLimits(price=1.9, currency="EUR").format_cost(5400) == "2.85 EUR"
    assert UNLIMITED.format_cost(5400) == ""


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InputError) as error:
        read_limits(deadline="six", budget="lots", price="-1", now=NOW)
    assert [problem.column for problem in error.value.problems] == [
        "--deadline",
        "--price",
        "--budget",
    ]
    with pytest.raises(InputError, match="in the future"):
        read_limits(deadline="2020-01-01T06:00", now=NOW)
