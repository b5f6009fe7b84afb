# SPDX-License-Identifier: Apache-2.0
"""Whose decision it is: the one named by CALLSHEET_USER or by the system, unless somebody acts for another (a review page, an import)."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LONGEST_NAME = 80
_acting: ContextVar[str] = ContextVar("acting", default="")


def me() -> str:
    """Who decides here and now."""
    try:
        return _acting.get() or os.environ.get("CALLSHEET_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return "somebody"


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Decisions made inside, by this thread or task, are that person's; "" changes nothing."""
    before = _acting.set(name)
    try:
        yield
    finally:
        _acting.reset(before)
