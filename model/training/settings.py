# SPDX-License-Identifier: Apache-2.0
"""Read a table of a settings file into a frozen dataclass, and report all its problems at once.

TOML is read by a flow. Ranges and choices are in the metadata of the dataclass' fields (`within`,
`one_of`). Shares of one whole are in the class' `SHARES`: together they may be 1 at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import Field, field, fields
from typing import Any, TypeVar

from manifests.errors import InputError, Problem, find_nearest

T = TypeVar("T")


def within(default: float, low: float, high: float) -> Any:
    """Declare a number with its allowed range; whole where the default is."""
    return field(default=default, metadata={"range": (low, high)})


def one_of(default: str, *others: str) -> Any:
    """Declare a word out of a few."""
    return field(default=default, metadata={"choices": (default, *others)})


def read(
    kind: type[T], table: Mapping[str, object], *, file: str, name: str, beside: Iterable[str] = ()
) -> T:
    """Build `kind` from a table called `name` in `file`; missing settings keep their defaults.

    `beside`: other names that might have been meant. Raises InputError.
    """
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    problems, values = list[Problem](), dict[str, Any]()
    for key, value in table.items():
        column = f"{name}.{key}" if name else key
        if key not in known:
            near = find_nearest(key, [*known, *beside])
            message, got = "unknown setting", repr(key)
            problems.append(
                Problem(file=file, column=column, message=message, got=got, nearest=near)
            )
        elif expected := _describe_expected(known[key], value):
            problems.append(_describe_bad(known[key], value, expected, file=file, column=column))
        else:
            is_whole = isinstance(known[key].default, float) and isinstance(value, int)
            values[key] = float(str(value)) if is_whole else value
    if problems:
        raise InputError(problems)
    built = kind(**values)
    if excess := _find_excess(built):
        column, message = f"{name}.{excess}", "these shares add up to more than 1"
        raise InputError(Problem(file=file, column=column, message=message, expected="at most 1"))
    return built


def _describe_bad(
    entry: Field[Any], value: object, expected: str, *, file: str, column: str
) -> Problem:
    return Problem(
        file=file,
        column=column,
        message="bad value",
        expected=expected,
        got=repr(value),
        nearest=find_nearest(str(value), entry.metadata.get("choices", ())),
    )


def _find_excess(built: object) -> str:
    """Return the names of shares that exceed 1 together; "" when they do not."""
    shares: tuple[str, ...] = getattr(built, "SHARES", ())
    total = sum(getattr(built, share) for share in shares)
    return " + ".join(shares) if total > 1 + 1e-9 else ""


def _describe_expected(entry: Field[Any], value: object) -> str:
    """Describe the expected value; "" when `value` is right."""
    default = entry.default
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "true or false"
    if isinstance(default, str):
        choices = entry.metadata.get("choices", ())
        good = isinstance(value, str) and (not choices or value in choices)
        return "" if good else " or ".join(choices) or "a text"
    low, high = entry.metadata.get("range", (float("-inf"), float("inf")))
    whole = isinstance(default, int)
    number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    good = number and low <= float(str(value)) <= high
    return "" if good else f"a {'whole ' if whole else ''}number from {low:.12g} to {high:.12g}"
