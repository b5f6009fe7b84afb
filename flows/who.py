# SPDX-License-Identifier: Apache-2.0
"""Whose decision it is: the one named by CALLSHEET_USER or by the system, unless somebody acts for
another (a review page, an import).
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from manifests.errors import InputError, Problem

LONGEST_NAME = 80
_acting: ContextVar[str] = ContextVar("acting", default="")


def current_user() -> str:
    """Who decides here and now."""
    try:
        return _acting.get() or os.environ.get("CALLSHEET_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return "somebody"


def checked(name: str) -> str:
    """A name that somebody gives, without spaces around it. Raises InputError when it is too long
    or cannot be shown.
    """
    given = name.strip()
    if len(given) > LONGEST_NAME or not (given.isprintable() or not given):
        raise InputError(
            Problem(
                file="--as",
                message="not a name",
                expected=f"at most {LONGEST_NAME} letters",
                got=given[:40],
            )
        )
    return given


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Decisions made inside, by this thread or task, are that person's; "" changes nothing."""
    before = _acting.set(name)
    try:
        yield
    finally:
        _acting.reset(before)
