# SPDX-License-Identifier: Apache-2.0
"""A review server for tests: the real one, on loopback, in a thread; and a browser's manners for a
client."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from flows.project import open_film
from flows.review.serve import Reviewing, prepare


@contextmanager
def serving(folder: Path, *, reviewer: str = "Anna") -> Iterator[Reviewing]:
    """A server that runs while the block does."""
    reviewing = prepare(open_film(folder), reviewer=reviewer)
    thread = threading.Thread(target=reviewing.run)
    thread.start()
    until = time.monotonic() + 20
    while not reviewing.server.started and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield reviewing
    finally:
        reviewing.server.should_exit = True
        thread.join(timeout=20)


def base_of(reviewing: Reviewing) -> str:
    """`http://127.0.0.1:port`."""
    return f"http://{reviewing.gate.hosts[0]}"


@contextmanager
def window(reviewing: Reviewing) -> Iterator[httpx.Client]:
    """A browser's window that opened a link of its own."""
    base = base_of(reviewing)
    with httpx.Client(base_url=base, headers={"Origin": base}, timeout=60) as client:
        opened = client.get(reviewing.gate.link(), follow_redirects=False)
        assert opened.status_code == 303
        yield client
