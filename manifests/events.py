# SPDX-License-Identifier: Apache-2.0
"""Row logs: commit rows that come one by one in batches.

A commit costs tens of milliseconds, so rows wait until there are 64 of them, or for one second. A
thread of its own commits the batches, so rows appear in time when no others follow. Every commit
leaves small files, and a table with many files opens slowly; the thread joins them now and then, so
that the last commit of a long run costs what the first one did.
"""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Generic, Self, TypeVar

from manifests.errors import ToolError
from manifests.rows import Row
from manifests.run_rows import Event, new_event
from manifests.store import Store
from manifests.upkeep import maintain_tables

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Row)
BATCH_ROWS = 64
BATCH_SECONDS = 1.0
JOIN_COMMITS = 200  # of a run, after which its small files are joined


class RowLog(Generic[R]):
    """Collect rows of one type and commit them in batches.

    Use it as a context manager; leaving it commits the rest.
    """

    def __init__(self, store: Store, *, join_commits: int = JOIN_COMMITS) -> None:
        """Commit nothing yet. `join_commits`: after so many commits, small files are joined."""
        self._store = store
        self._join_commits = join_commits
        self._waiting: list[R] = []
        self._guard = threading.Condition()
        self._closed = False
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        """Start the committing thread."""
        self._thread = threading.Thread(target=self._commit_batches, name="row log", daemon=True)
        self._thread.start()
        return self

    def add(self, row: R) -> None:
        """Log one row. It is committed within a second."""
        with self._guard:
            self._waiting.append(row)
            if len(self._waiting) >= BATCH_ROWS:
                self._guard.notify()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit the waiting rows. Raises what a commit raised."""
        with self._guard:
            self._closed = True
            self._guard.notify()
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    def _commit_batches(self) -> None:
        commits = 0
        while True:
            with self._guard:
                self._guard.wait_for(
                    lambda: self._closed or len(self._waiting) >= BATCH_ROWS, timeout=BATCH_SECONDS
                )
                batch, self._waiting = self._waiting, []
                closed = self._closed
            try:
                self._store.append(batch)
            except Exception as failure:  # noqa: BLE001 - handed to the caller when the log is closed
                self._failure = failure
            if closed:
                return
            commits += bool(batch)
            if commits >= self._join_commits:
                commits = 0
                self._join(type(batch[0]))

    def _join(self, kind: type[R]) -> None:
        """Join the small files of this run's commits.

        A failure is only logged: the next join, or the end of the run, tries again.
        """
        try:
            maintain_tables(self._store, kinds=[kind])
        except ToolError as error:
            log.warning("small files of the record could not be joined during the run: %s", error)


class EventLog(RowLog[Event]):
    """A row log of events by one actor (a worker, a person, a flow) in one run."""

    def __init__(self, store: Store, *, actor: str, run_id: str = "") -> None:
        """Name who acts in all events (`actor`), and the run that they belong to (`run_id`)."""
        super().__init__(store)
        self._actor = actor
        self._run_id = run_id

    def log(self, name: str, subject: str, *, detail: str = "") -> None:
        """Log one event, stamped now."""
        self.add(new_event(name, subject, actor=self._actor, run_id=self._run_id, detail=detail))
