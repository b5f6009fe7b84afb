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

from flows.project import open_project
from flows.review.serve import ReviewServer, prepare_server


@contextmanager
def serving(folder: Path, *, reviewer: str = "Anna") -> Iterator[ReviewServer]:
    """A server that runs while the block does."""
    reviewing = prepare_server(open_project(folder), reviewer=reviewer)
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


def base_of(reviewing: ReviewServer) -> str:
    """`http://127.0.0.1:port`."""
    return f"http://{reviewing.gate.hosts[0]}"


@contextmanager
def window(reviewing: ReviewServer) -> Iterator[httpx.Client]:
    """A browser's window that opened a link of its own."""
    base = base_of(reviewing)
    with httpx.Client(base_url=base, headers={"Origin": base}, timeout=60) as client:
        opened = client.get(reviewing.gate.make_link(), follow_redirects=False)
        assert opened.status_code == 303
        yield client
