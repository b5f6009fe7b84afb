# SPDX-License-Identifier: Apache-2.0
"""Events in batches: a commit costs tens of milliseconds, so events wait for 64 of their kind or one second.

The batch is committed by a thread of its own, so that a quiet moment does not keep an event from being seen.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from manifests.rows import Event
from manifests.store import Store, event

BATCH_ROWS = 64
BATCH_SECONDS = 1.0


class EventLog:
    """Collects events and commits them in batches. Use as a context manager; leaving it commits the rest."""

    def __init__(self, store: Store, *, actor: str, run_id: str = "") -> None:
        """`actor`: who does what is logged (a worker, a person). `run_id`: the run all events belong to."""
        self._store = store
        self._actor = actor
        self._run_id = run_id
        self._waiting: list[Event] = []
        self._guard = threading.Condition()
        self._closed = False
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        """Start the committing thread."""
        self._thread = threading.Thread(target=self._commit_batches, name="events", daemon=True)
        self._thread.start()
        return self

    def add(self, name: str, subject: str, *, detail: str = "") -> None:
        """Log one event; it is committed within a second."""
        with self._guard:
            self._waiting.append(event(name, subject, actor=self._actor, run_id=self._run_id, detail=detail))
            if len(self._waiting) >= BATCH_ROWS:
                self._guard.notify()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit what waits. Raises what a commit raised."""
        with self._guard:
            self._closed = True
            self._guard.notify()
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    def _commit_batches(self) -> None:
        while True:
            with self._guard:
                self._guard.wait_for(lambda: self._closed or len(self._waiting) >= BATCH_ROWS, timeout=BATCH_SECONDS)
                batch, self._waiting = self._waiting, []
                closed = self._closed
            try:
                self._store.append(batch)
            except Exception as failure:  # noqa: BLE001 - handed to the caller when the log is closed
                self._failure = failure
            if closed:
                return
