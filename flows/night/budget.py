# SPDX-License-Identifier: Apache-2.0
"""How long a night may last and what it may cost: what people write, as seconds."""

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
    """`ends_at`: no shot begins later, None for no deadline. `worker_seconds`: what all workers
    together may spend, `inf` for any.

    `price` is of one worker-hour in `currency`; 0 when nobody named one.
    """

    ends_at: datetime | None = None
    worker_seconds: float = math.inf
    price: float = 0.0
    currency: str = ""

    def format_cost(self, worker_seconds: float) -> str:
        """What so much work costs, in money; "" without a price."""
        return (
            f"{worker_seconds / 3600 * self.price:.2f} {self.currency}".strip()
            if self.price
            else ""
        )


UNLIMITED = NightLimits()


def read_limits(
    *, deadline: str = "", hours: float = 0, budget: str = "", price: str = "", now: datetime
) -> NightLimits:
    """Read the limits. `now` has a time zone. Raises InputError with everything that is wrong.

    `deadline`: `06:00` (the next one, local time), `06:00Z` (UTC) or an ISO date and time; with
    `hours` the earlier of the two counts. `budget`: worker time (`3600`, `90m`, `2h`) or money (`20
    EUR`), which needs `price` of a worker-hour (`1.90 EUR`).
    """
    problems = list[Problem]()
    ends = [
        end
        for end in (
            _parse_deadline(deadline, now, problems),
            now + timedelta(hours=hours) if hours else None,
        )
        if end
    ]
    amount, currency = _parse_amount(price, "--price", problems) if price else (0.0, "")
    seconds = _parse_budget(budget, amount, currency, problems) if budget else math.inf
    if problems:
        raise InputError(problems)
    return NightLimits(
        ends_at=min(ends, default=None), worker_seconds=seconds, price=amount, currency=currency
    )


def _parse_deadline(text: str, now: datetime, problems: list[Problem]) -> datetime | None:
    if not text:
        return None
    if clock := _CLOCK.fullmatch(text):
        hour, minute, utc = int(clock[1]), int(clock[2]), bool(clock[3])
        today = now.astimezone(UTC) if utc else now.astimezone()
        for day in (
            today.date(),
            today.date() + timedelta(days=1),
            today.date() + timedelta(days=2),
        ):
            plain = datetime(day.year, day.month, day.day, hour, minute)
            # the local offset on that day, not on this
            end = plain.replace(tzinfo=UTC) if utc else plain.astimezone()
            if end > now:
                return end
    try:
        end = datetime.fromisoformat(text)
    except ValueError:
        problems.append(
            _describe_problem(
                "--deadline", text, "a time such as 06:00, 06:00Z or 2026-01-31T06:00+01:00"
            )
        )
        return None
    end = end if end.tzinfo else end.astimezone()
    if end <= now:
        problems.append(_describe_problem("--deadline", text, "a moment that is still to come"))
    return end


def _parse_budget(text: str, price: float, currency: str, problems: list[Problem]) -> float:
    amount, unit = _parse_amount(text, "--budget", problems)
    if unit.casefold() in _UNITS:
        return amount * _UNITS[unit.casefold()]
    if not price or unit != currency:
        problems.append(
            _describe_problem(
                "--budget",
                text,
                f"a --price in {unit} of one worker-hour, or worker time such as 2h",
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
