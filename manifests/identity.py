# SPDX-License-Identifier: Apache-2.0
"""Identities: digests of what a thing is made from, so that equal inputs find the same take.

Canonical form: JSON with sorted keys, no spaces, Fractions as `n/d`, no floats that are not finite.
SHA-256, the first 32 hex digits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

DIGITS = 32


def digest(value: Any) -> str:
    """Compute the identity of a plain value.

    Plain are None, bool, int, float, str, Fraction, list, tuple and dict. Raises TypeError for
    anything else.

    >>> digest({"b": 1, "a": Fraction(25, 2)}) == digest({"a": Fraction(25, 2), "b": 1})
    True
    """
    text = json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
        default=_plain,
    )
    return digest_bytes(text.encode())


def digest_bytes(data: bytes | memoryview) -> str:
    """Compute the identity of raw bytes."""
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def digest_file(path: Path) -> str:
    """Compute the identity of a file's bytes, read in 1 MiB blocks."""
    sha = hashlib.sha256()
    for block in _blocks(path):
        sha.update(block)
    return sha.hexdigest()[:DIGITS]


def sha256_file(path: Path) -> str:
    """Compute the full SHA-256 of a file, as catalogues and C2PA tools print it."""
    sha = hashlib.sha256()
    for block in _blocks(path):
        sha.update(block)
    return sha.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            yield block


def _plain(value: object) -> str:
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    raise TypeError(f"an identity is made of plain values, not {type(value).__name__}")
