# SPDX-License-Identifier: Apache-2.0
"""Read the deadline and the budget of a night: how long it may last and what it may cost."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from manifests.errors import InputError, Problem

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(Z?)")
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*(\S*)")
_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}


@dataclass(frozen=True, slots=True, kw_only=True)
class NightLimits:
    """The limits of a night.

    `ends_at`: no shot begins later; None for no deadline. `worker_seconds`: what all workers
    together may spend; `inf` for no budget. `price`: cost of one worker-hour in `currency`; 0 if
    not set.
    """

    ends_at: datetime | None = None
    worker_seconds: float = math.inf
    price: float = 0.0
    currency: str = ""

    def format_cost(self, worker_seconds: float) -> str:
        """Format what so much work costs, in money; "" without a price."""
        return (
            f"{worker_seconds / 3600 * self.price:.2f} {self.currency}".strip()
            if self.price
            else ""
        )


UNLIMITED = NightLimits()


def read_limits(
    *, deadline: str = "", hours: float = 0, budget: str = "", price: str = "", now: datetime
) -> NightLimits:
    """Read the limits of a night.

    `now` has a time zone. `deadline`: `06:00` (the next one, local time), `06:00Z` (UTC) or an ISO
    date and time; if `hours` is given too, the earlier of the two counts. `budget`: worker time
    (`3600`, `90m`, `2h`) or money (`20 EUR`), which needs the `price` of a worker-hour (`1.90
    EUR`).

    Raises InputError with all problems.
    """
    problems = list[Problem]()
    ends = [
        end for end in (_parse_deadline(deadline, now, problems), _add_hours(now, hours)) if end
    ]
    amount, currency = _parse_amount(price, "--price", problems) if price else (0.0, "")
    seconds = _parse_budget(budget, amount, currency, problems) if budget else math.inf
    if problems:
        raise InputError(problems)
    return NightLimits(
        ends_at=min(ends, default=None), worker_seconds=seconds, price=amount, currency=currency
    )


def _add_hours(now: datetime, hours: float) -> datetime | None:
    return now + timedelta(hours=hours) if hours else None


def _parse_deadline(text: str, now: datetime, problems: list[Problem]) -> datetime | None:
    if not text:
        return None
    clock = _CLOCK.fullmatch(text)
    if clock and (end := _find_next(int(clock[1]), int(clock[2]), now, is_utc=bool(clock[3]))):
        return end
    try:
        end = datetime.fromisoformat(text)
    except ValueError:
        expected = "a time such as 06:00, 06:00Z or 2026-01-31T06:00+01:00"
        problems.append(_describe_problem("--deadline", text, expected))
        return None
    end = end if end.tzinfo else end.astimezone()
    if end <= now:
        problems.append(_describe_problem("--deadline", text, "a time in the future"))
    return end


def _find_next(hour: int, minute: int, now: datetime, *, is_utc: bool) -> datetime | None:
    """Find the next moment at which a clock shows this time, in UTC or in local time."""
    today = (now.astimezone(UTC) if is_utc else now.astimezone()).date()
    for day in (today + timedelta(days=days) for days in range(3)):
        plain = datetime(day.year, day.month, day.day, hour, minute)
        # the local offset of that day, not of today
        end = plain.replace(tzinfo=UTC) if is_utc else plain.astimezone()
        if end > now:
            return end
    return None


def _parse_budget(text: str, price: float, currency: str, problems: list[Problem]) -> float:
    amount, unit = _parse_amount(text, "--budget", problems)
    if unit.casefold() in _UNITS:
        return amount * _UNITS[unit.casefold()]
    if not price or unit != currency:
        problems.append(
            _describe_problem(
                "--budget",
                text,
                f"a --price in {unit} for one worker-hour, or worker time such as 2h",
            )
        )
        return math.inf
    return amount / price * 3600


def _parse_amount(text: str, option: str, problems: list[Problem]) -> tuple[float, str]:
    found = _AMOUNT.fullmatch(text.strip())
    if not found:
        problems.append(
            _describe_problem(option, text, "a number and a unit, such as 2h or 20 EUR")
        )
        return 0.0, ""
    return float(found[1]), found[2]


def _describe_problem(option: str, got: str, expected: str) -> Problem:
    return Problem(
        file="command line",
        column=option,
        message="cannot be used",
        expected=expected,
        got=repr(got),
    )
