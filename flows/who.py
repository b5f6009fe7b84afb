# SPDX-License-Identifier: Apache-2.0
"""Find out who decides: the user named by CALLSHEET_USER, or the system's user."""

from __future__ import annotations

import getpass
import os

from manifests.errors import InputError, Problem

LONGEST_NAME = 80


def current_user() -> str:
    """Return the name of whoever runs this."""
    try:
        return os.environ.get("CALLSHEET_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return "somebody"


def parse_name(name: str) -> str:
    """Return a person's name without spaces around it.

    Raises:
        InputError: The name is too long or cannot be printed.
    """
    stripped = name.strip()
    if len(stripped) > LONGEST_NAME or not (stripped.isprintable() or not stripped):
        raise InputError(
            Problem(
                file="--as",
                message="not a name",
                expected=f"at most {LONGEST_NAME} letters",
                got=stripped[:40],
            )
        )
    return stripped
