# SPDX-License-Identifier: Apache-2.0
"""Write a count with its noun, singular or plural."""

from __future__ import annotations


def count_nouns(count: int, noun: str, plural: str = "") -> str:
    """Write a count with its noun.

    >>> count_nouns(1, "file"), count_nouns(0, "file"), count_nouns(2, "entry", "entries")
    ('1 file', '0 files', '2 entries')
    """
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
