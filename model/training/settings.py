# SPDX-License-Identifier: Apache-2.0
"""A table of a settings file into a frozen dataclass: unknown names, wrong kinds and values out of
range, all told at once.

Not the reading of TOML: a flow does that. Ranges and choices stand in the metadata of the
dataclass' fields (`within`, `one_of`). Shares of one whole stand in the class' `SHARES`: together
they may be 1 at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import Field, field, fields
from typing import Any, TypeVar

from manifests.errors import InputError, Problem, find_nearest

T = TypeVar("T")


def within(default: float, low: float, high: float) -> Any:
    """A number with its allowed range; whole where the default is."""
    return field(default=default, metadata={"range": (low, high)})


def one_of(default: str, *others: str) -> Any:
    """A word out of a few."""
    return field(default=default, metadata={"choices": (default, *others)})


def read(
    kind: type[T], table: Mapping[str, object], *, file: str, name: str, beside: Iterable[str] = ()
) -> T:
    """Build `kind` from a table called `name` in `file`; what is not given keeps its default.
    Raises InputError.

    `beside`: other names that might have been meant.
    """
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    problems, values = list[Problem](), dict[str, Any]()
    for key, value in table.items():
        place = f"{name}.{key}" if name else key
        if key not in known:
            near = find_nearest(key, [*known, *beside])
            problems.append(
                Problem(
                    file=file, column=place, message="unknown setting", got=repr(key), nearest=near
                )
            )
            continue
        expected = _expected(known[key], value)
        if expected:
            near = find_nearest(str(value), known[key].metadata.get("choices", ()))
            got = repr(value)
            problems.append(
                Problem(
                    file=file,
                    column=place,
                    message="bad value",
                    expected=expected,
                    got=got,
                    nearest=near,
                )
            )
        values[key] = (
            float(value)
            if isinstance(known[key].default, float) and isinstance(value, int)
            else value
        )
    if problems:
        raise InputError(problems)
    built = kind(**values)
    more = _more_than_all(built)
    if more:
        raise InputError(
            Problem(
                file=file,
                column=f"{name}.{more}",
                message="together more than the whole",
                expected="1 at most",
            )
        )
    return built


def _more_than_all(built: object) -> str:
    """The names of shares that come to more than 1 together; "" when they do not."""
    shares: tuple[str, ...] = getattr(built, "SHARES", ())
    total = sum(getattr(built, share) for share in shares)
    return " + ".join(shares) if total > 1 + 1e-9 else ""


def _expected(entry: Field[Any], value: object) -> str:
    """What should have been given; "" when `value` is right."""
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
