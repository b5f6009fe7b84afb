# SPDX-License-Identifier: Apache-2.0
"""How far a run is: flows report to whoever listens; only the command line draws bars."""

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
    """Hears of steps and of counts within a step. This one writes log lines; `bars` draws."""

    def step(self, title: str) -> None:
        """A step begins."""
        log.info("%s", title)

    def count(self, done: int, total: int) -> None:
        """Within the current step, `done` of `total` are ready."""

    def close(self) -> None:
        """The run is over."""


class PlainReporter(Reporter):
    """Lines for a terminal-less run: one per step, and one every few seconds while a step
    counts.
    """

    EVERY_SECONDS = 10.0

    def __init__(self) -> None:
        """Nothing is written before the first step."""
        self._title = ""
        self._began = self._spoke = time.monotonic()

    def step(self, title: str) -> None:
        """One line."""
        self._title, self._began = title, time.monotonic()
        self._spoke = self._began
        sys.stderr.write(f"{title}\n")

    def count(self, done: int, total: int) -> None:
        """A line now and then, with what is left."""
        now = time.monotonic()
        if now - self._spoke >= self.EVERY_SECONDS and 0 < done < total:
            self._spoke = now
            left = (now - self._began) / done * (total - done)
            sys.stderr.write(f"  {self._title}: {done} of {total}, about {left:.0f} s left\n")


class BarReporter(Reporter):
    """A bar with the time left, for terminals."""

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
        """Finish the bar before and begin a new one."""
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


def reporter() -> Reporter:
    """Whoever listens to the run in this context."""
    return _current.get()


@contextmanager
def bars() -> Iterator[None]:
    """Draw on stderr while the block runs: a bar on a terminal, plain lines elsewhere."""
    drawn: Reporter = BarReporter() if sys.stderr.isatty() else PlainReporter()
    token = _current.set(drawn)
    try:
        yield
    finally:
        drawn.close()
        _current.reset(token)
