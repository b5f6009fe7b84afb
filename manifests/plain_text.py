# SPDX-License-Identifier: Apache-2.0
"""Keep text fit to be stored and shown: strict where it enters, safe where it leaves.

Unfit are control characters (a terminal may obey them), halves of surrogate pairs (no encoding has
them), and marks that turn the direction of what follows (the reader sees another order than the
program). Line breaks and tabs are fit.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from manifests.errors import InputError, Problem

TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def require_fit(text: str, *, file: str, column: str | None = None) -> str:
    """Return a text that people wrote. Raises InputError that names the first unfit character."""
    place = next((place for place, letter in enumerate(text) if _is_unfit(letter)), None)
    if place is None:
        return text
    message = f"character {place + 1} cannot be kept as text"
    got = f"U+{ord(text[place]):04X}"
    raise InputError(
        Problem(file=file, column=column, message=message, expected="plain text", got=got)
    )


def parse_json(data: str | bytes | bytearray) -> Any:
    """Parse JSON from outside. Raises ValueError also for halves of surrogate pairs in its texts.

    No file, answer or log could hold them afterwards.
    """
    value = json.loads(data)
    json.dumps(value, ensure_ascii=False).encode()  # UnicodeEncodeError is a ValueError
    return value


def escape_unfit(text: str) -> str:
    r"""Write unfit characters as JSON does, so that no terminal obeys them.

    >>> escape_unfit("a\x1b[31mb\ud800")
    'a\\u001b[31mb\\ud800'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"\\u{ord(c):04x}" if _is_unfit(c) else c for c in text)


def _is_unfit(letter: str) -> bool:
    return (
        unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t"
    ) or letter in TURNING
