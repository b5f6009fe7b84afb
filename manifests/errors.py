# SPDX-License-Identifier: Apache-2.0
"""The two kinds of error, because they lead to two actions.

`InputError` is the user's to mend and is never retried; `ToolError` is an engine that failed and
may be retried. An `InputError` carries every problem of an input at once, so nobody mends a sheet
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
    """One thing that is wrong with an input: where it stands, what was expected, what was found,
    what is nearest.
    """

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
        """One line: `cast.csv, row 3, column portrait: no such file 'x.png' (expected ...; nearest:
        'y.png')`.
        """
        place = [self.file]
        place += [f"line {self.line}"] if self.line is not None else []
        place += [f"row {self.row}"] if self.row is not None else []
        place += [f"column {self.column}"] if self.column is not None else []
        place += [f"at {self.timecode}"] if self.timecode is not None else []
        facts = [f"expected {self.expected}"] if self.expected else []
        facts += [f"got {self.got}"] if self.got else []
        facts += [f"nearest: {self.nearest}"] if self.nearest else []
        told = [_shown(text) for text in (", ".join(place), self.message, *facts)]
        return f"{told[0]}: {told[1]}" + (f" ({'; '.join(told[2:])})" if facts else "")


def _shown(text: str) -> str:
    """One line that does nothing to a terminal, however long or strange what it quotes is."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return (
        plain if len(plain) <= LONGEST_FACT else f"{plain[: LONGEST_FACT - 20]} ... {plain[-10:]}"
    )


class InputError(Exception):
    """What a person gave cannot be used. Holds all problems found, at least one."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        """Take one problem or several."""
        self.problems: tuple[Problem, ...] = (
            (problems,) if isinstance(problems, Problem) else tuple(problems)
        )
        if not self.problems:
            raise ValueError("an InputError needs at least one problem")
        super().__init__(self.problems)

    def __str__(self) -> str:
        """One line per problem."""
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
        """`command` is the argument list that ran; the last twelve lines of `stderr` are kept."""
        self.command = tuple(command)
        self.code = code
        self.stderr = "\n".join(stderr.strip().splitlines()[-12:])
        self.message = message
        super().__init__(message, self.command, code, self.stderr)

    def __str__(self) -> str:
        """Message, command line, exit code and the engine's last words."""
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
    """The known names most like `name`, quoted and joined by commas, or None when nothing is like
    it.

    >>> nearest("hapy", ["happy", "sad", "angry"])
    "'happy'"
    """
    folded = {k.casefold(): k for k in known}
    found = difflib.get_close_matches(name.casefold(), folded, n=count, cutoff=0.5)
    return ", ".join(repr(folded[f]) for f in found) or None


def collect_problems(problems: list[Problem], read: Callable[[], T]) -> T | None:
    """What `read` gives; None when it raises an InputError, whose problems are added to the list,
    so that one error names them all.
    """
    try:
        return read()
    except InputError as error:
        problems += error.problems
        return None
