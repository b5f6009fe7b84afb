# SPDX-License-Identifier: Apache-2.0
"""Read text files that people write: size, encoding and NUL characters are checked.

What the text means is decided by the readers of scripts, tables and settings.
"""

from __future__ import annotations

from pathlib import Path

from manifests.errors import InputError, Problem

MAXIMUM_BYTES = 16 << 20


def read_text(path: Path, file: str | None = None, *, maximum: int = MAXIMUM_BYTES) -> str:
    """Read a text file in UTF-8, with or without a byte order mark, of at most `maximum` bytes.

    Raises InputError that names the first bad line.
    """
    file = file or path.name
    check_size(path, file, maximum)
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(_describe_bad_byte(path, file, data, error.start)) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        message = "this is not a text file: it contains a NUL character"
        raise InputError(Problem(file=file, line=line, message=message))
    return text


def check_size(path: Path, file: str, maximum: int = MAXIMUM_BYTES) -> None:
    """Raise InputError for a file of more than `maximum` bytes."""
    size = path.stat().st_size
    if size > maximum:
        raise InputError(
            Problem(
                file=file,
                message="the file is too large",
                expected=f"at most {maximum >> 20} MB",
                got=f"{size} bytes",
            )
        )


def _describe_bad_byte(path: Path, file: str, data: bytes, place: int) -> Problem:
    is_csv = path.suffix.lower() == ".csv"
    return Problem(
        file=file,
        line=data.count(b"\n", 0, place) + 1,
        message="this is not UTF-8 text",
        expected="UTF-8 (Excel: save as 'CSV UTF-8')" if is_csv else "UTF-8",
        got=f"byte 0x{data[place]:02x}",
    )
