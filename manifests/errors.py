# SPDX-License-Identifier: Apache-2.0
"""The two kinds of error, because they lead to two actions.

The user fixes an `InputError`; it is never retried. A `ToolError` is an engine that failed; it may
be retried. An `InputError` carries every problem of an input at once, so that nobody fixes a sheet
one row at a time.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
LONGEST_FACT = 400  # characters of a message or fact that are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem of an input: where it is, what was expected and found, the nearest valid word."""

    file: str
    message: str
    row: int | None = None
    column: str | None = None
    line: int | None = None
    timecode: str | None = None
    expected: str | None = None
    got: str | None = None
    nearest: str | None = None

    def __str__(self) -> str:
        """Write the problem as one line.

        `cast.csv, row 3, column portrait: no such file 'x.png' (expected ...); did you mean
        'y.png'?`
        """
        place = [self.file]
        place += [f"line {self.line}"] if self.line is not None else []
        place += [f"row {self.row}"] if self.row is not None else []
        place += [f"column {self.column}"] if self.column is not None else []
        place += [f"at {self.timecode}"] if self.timecode is not None else []
        facts = [f"expected {self.expected}"] if self.expected else []
        facts += [f"got {self.got}"] if self.got else []
        where, message, *details = map(_make_printable, (", ".join(place), self.message, *facts))
        line = f"{where}: {message}" + (f" ({'; '.join(details)})" if details else "")
        if self.nearest:
            line += f"; did you mean {_make_printable(self.nearest)}?"
        return line


def _make_printable(text: str) -> str:
    """Shorten a text and drop control characters, so that it is one line that no terminal obeys."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return (
        plain if len(plain) <= LONGEST_FACT else f"{plain[: LONGEST_FACT - 20]} ... {plain[-10:]}"
    )


class InputError(Exception):
    """An input cannot be used. Holds all problems that were found, at least one."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        """Take one problem or several."""
        self.problems: tuple[Problem, ...] = (
            (problems,) if isinstance(problems, Problem) else tuple(problems)
        )
        if not self.problems:
            raise ValueError("an InputError needs at least one problem")
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Write one line per problem."""
        return "\n".join(map(str, self.problems))


class ToolError(Exception):
    """An engine (ffmpeg, a recogniser, Ray ...) failed although its input was accepted."""

    def __init__(
        self,
        message: str,
        *,
        command: Sequence[str] = (),
        code: int | None = None,
        stderr: str = "",
    ) -> None:
        """Keep what ran: `command` is the argument list, of `stderr` the last twelve lines."""
        self.command = tuple(command)
        self.code = code
        self.stderr = "\n".join(stderr.strip().splitlines()[-12:])
        self.message = message
        super().__init__(message, self.command, code, self.stderr)

    def __str__(self) -> str:
        """Write the message, the command line, the exit code and the engine's last lines."""
        parts = [self.message]
        parts += [f"command: {shlex.join(self.command)}"] if self.command else []
        parts += [f"exit code: {self.code}"] if self.code is not None else []
        parts += [self.stderr] if self.stderr else []
        return "\n".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the fields when the error crosses a process border."""
        return _tool_error, (self.message, self.command, self.code, self.stderr)


def _tool_error(message: str, command: Sequence[str], code: int | None, stderr: str) -> ToolError:
    return ToolError(message, command=command, code=code, stderr=stderr)


def find_nearest(name: str, known: Iterable[str], count: int = 3) -> str | None:
    """Find the known names most like `name`: quoted, joined by `or`, None when nothing is alike.

    >>> find_nearest("hapy", ["happy", "sad", "angry"])
    "'happy'"
    """
    folded = {k.casefold(): k for k in known}
    found = difflib.get_close_matches(name.casefold(), folded, n=count, cutoff=0.5)
    return " or ".join(repr(folded[f]) for f in found) or None


def collect_problems(problems: list[Problem], read: Callable[[], T]) -> T | None:
    """Return what `read` returns; add the problems of its InputError to the list and return None.

    So that one error can name the problems of several inputs.
    """
    try:
        return read()
    except InputError as error:
        problems += error.problems
        return None
