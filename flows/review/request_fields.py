# SPDX-License-Identifier: Apache-2.0
"""Check the fields of a decision request, and collect every problem with its field.

Pure. A body comes from a browser or from a file, so nothing in it is taken for granted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from manifests.errors import InputError, Problem, find_nearest
from manifests.plain_text import require_fit

LONGEST_VALUE = 40  # characters of a wrong value that are shown


class FieldChecker:
    """Checks fields one by one. `problems`: all that were found, `column` being the field."""

    def __init__(self) -> None:
        """Begin without problems."""
        self.problems: list[Problem] = []

    def complain(
        self, column: str, message: str, *, expected: str | None = None, near: str | None = None
    ) -> None:
        """Add a problem of a field."""
        self.problems.append(make_problem(column, message, expected=expected, near=near))

    def check_names(self, fields: Mapping[Any, Any], known: Sequence[str], of: str) -> None:
        """Complain of fields that are not known."""
        for key in fields:
            if key not in known:
                self.complain(
                    str(key),
                    f"unknown field{of}",
                    expected=", ".join(known) or "nothing",
                    near=find_nearest(str(key), known),
                )

    def read_text(
        self, fields: Mapping[str, Any], key: str, longest: int, *, needed: bool = False
    ) -> str:
        """Read a text without the spaces around it; "" when it is missing or wrong."""
        value = fields.get(key, "")
        if not isinstance(value, str) or len(value) > longest or (needed and not value.strip()):
            self.complain(
                key,
                "the text is missing" if value == "" else "not a valid text",
                expected=f"{int(needed)} to {longest} characters",
            )
            return ""
        try:
            return require_fit(value.strip(), file="decision", column=key)
        except InputError as error:
            self.problems += error.problems
            return ""

    def read_integer(
        self, fields: Mapping[str, Any], key: str, least: int, most: int, *, or_else: str = ""
    ) -> int:
        """Read an integer; 0 when it is missing or wrong. `or_else`: what else was possible."""
        value = fields.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.complain(
                key,
                f"not a valid number: {str(value)[:LONGEST_VALUE]}",
                expected=f"{least} to {most}{or_else}",
            )
            return 0
        return value

    def read_amount(
        self, fields: Mapping[str, Any], key: str, most: float, *, default: float
    ) -> float:
        """Read a number from 0 to `most`; the default when it is missing or wrong."""
        value = fields.get(key, default)
        if not is_number(value) or not 0 <= value <= most:
            self.complain(
                key, f"not a valid number: {str(value)[:LONGEST_VALUE]}", expected=f"0 to {most:g}"
            )
            return default
        return float(value)


def is_number(value: object) -> bool:
    """Tell whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def make_problem(
    column: str, message: str, *, expected: str | None = None, near: str | None = None
) -> Problem:
    """Make a problem of a field of a request."""
    return Problem(
        file="decision", column=column or None, message=message, expected=expected, nearest=near
    )
