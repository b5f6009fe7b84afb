# SPDX-License-Identifier: Apache-2.0
"""Names of table columns: normalize them, and find those that appear twice."""

from __future__ import annotations

import re
from collections.abc import Iterable


def normalize_column(name: str) -> str:
    """Put a column's name in lower case, with `_` for spaces and hyphens.

    >>> normalize_column(" Voice-sample ")
    'voice_sample'
    """
    return re.sub(r"[\s-]+", "_", name.strip().casefold())


def find_duplicates(names: Iterable[str]) -> list[str]:
    """Find the names that appear again after their first place.

    >>> find_duplicates(["a", "b", "a"])
    ['a']
    """
    seen: set[str] = set()
    duplicates = []
    for name in names:
        if name in seen:
            duplicates.append(name)
        seen.add(name)
    return duplicates
