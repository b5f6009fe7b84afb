# SPDX-License-Identifier: Apache-2.0
"""Print results on stdout as aligned text or JSON, and everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

from manifests.plain_text import escape_unfit

DONE, SOME_FAILED, BAD_INPUT, TOOL_FAILED, STOPPED = 0, 1, 2, 3, 130  # exit codes


def say(text: str) -> None:
    """Print a line of a result on stdout."""
    _write(sys.stdout, text)


def complain(text: str) -> None:
    """Print a line that is not a result on stderr."""
    _write(sys.stderr, text)


def say_json(value: object) -> None:
    """Print a result for programs, as JSON; numbers that JSON does not know become null."""
    text = json.dumps(value, default=_make_plain)
    known = json.loads(text, parse_constant=lambda _: None)
    say(json.dumps(known, indent=1, ensure_ascii=not _speaks_unicode(sys.stdout)))


def _write(stream: TextIO | None, text: str) -> None:
    """Write a line that no terminal obeys; nothing when the shell closed the stream."""
    if stream is None:
        return
    line = escape_unfit(text) + "\n"
    encoding = stream.encoding or "utf-8"
    stream.write(line.encode(encoding, "backslashreplace").decode(encoding))


def _speaks_unicode(stream: TextIO | None) -> bool:
    return stream is not None and (stream.encoding or "").lower().startswith("utf")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under their column names, aligned, as plain text that pipes well."""
    from rich.cells import cell_len, set_cell_size  # letters of some scripts are two cells wide

    texts = [list(columns), *([_format_cell(value) for value in row] for row in rows)]
    widths = [max(cell_len(row[i]) for row in texts) for i in range(len(columns))]
    for row in texts:
        say("  ".join(map(set_cell_size, row, widths)).rstrip())


def _format_cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else str(value).replace("\n", " ")


def _make_plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    return str(value)


def shorten_path(path: Path) -> str:
    """Shorten a path to what people would type in the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
