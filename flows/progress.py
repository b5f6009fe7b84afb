# SPDX-License-Identifier: Apache-2.0
"""Progress of a run: flows report steps and counts; only the command line draws bars."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

log = logging.getLogger(__name__)


class Reporter:
    """Receives steps and counts within a step; this one writes log lines."""

    def step(self, title: str) -> None:
        """Begin a step."""
        log.info("%s", title)

    def count(self, done: int, total: int) -> None:
        """Report that `done` of `total` items of the current step are finished."""

    def close(self) -> None:
        """End the run."""


class PlainReporter(Reporter):
    """Writes plain lines where there is no terminal.

    One line per step, and one every few seconds while a step counts.
    """

    EVERY_SECONDS = 10.0

    def __init__(self) -> None:
        """Start the clock; nothing is written before the first step."""
        self._title = ""
        self._began = self._spoke = time.monotonic()

    def step(self, title: str) -> None:
        """Write the title of the step."""
        self._title, self._began = title, time.monotonic()
        self._spoke = self._began
        sys.stderr.write(f"{title}\n")

    def count(self, done: int, total: int) -> None:
        """Write a line every `EVERY_SECONDS`, with the time left."""
        now = time.monotonic()
        if now - self._spoke >= self.EVERY_SECONDS and 0 < done < total:
            self._spoke = now
            left = (now - self._began) / done * (total - done)
            sys.stderr.write(f"  {self._title}: {done} of {total}, about {left:.0f} s left\n")


class BarReporter(Reporter):
    """Draws a bar with the time left, for terminals."""

    def __init__(self) -> None:
        """Start drawing on stderr."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns: Any = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._progress.start()
        self._task = self._progress.add_task("", total=None, visible=False)

    def step(self, title: str) -> None:
        """Finish the current bar and begin a new one."""
        self._progress.update(self._task, total=1, completed=1)
        self._task = self._progress.add_task(title, total=None)

    def count(self, done: int, total: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, total=total, completed=done)

    def close(self) -> None:
        """Leave the finished bars on screen."""
        self._progress.update(self._task, total=1, completed=1)
        self._progress.stop()


_current: ContextVar[Reporter] = ContextVar("reporter", default=Reporter())  # noqa: B039 - it holds no state


def get_reporter() -> Reporter:
    """Return the reporter of this context."""
    return _current.get()


@contextmanager
def show_progress() -> Iterator[None]:
    """Report on stderr while the block runs: bars on a terminal, plain lines elsewhere."""
    drawn: Reporter = BarReporter() if sys.stderr.isatty() else PlainReporter()
    token = _current.set(drawn)
    try:
        yield
    finally:
        drawn.close()
        _current.reset(token)
