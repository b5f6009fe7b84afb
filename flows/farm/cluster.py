# SPDX-License-Identifier: Apache-2.0
"""Ray, connected: the one that runs already in this process, a cluster by address, or a small one
of our own on loopback.

Inside a cluster (`ray job submit`) RAY_ADDRESS names it. A cluster's token comes from the
environment, as Ray wants it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.engines import settle
from manifests.errors import ToolError

OBJECT_STORE_BYTES = 128 * 1024**2  # rows only: frames never travel


@contextmanager
def connect_ray(address: str, *, cpus: int) -> Iterator[Any]:
    """The `ray` module, connected; `cpus`: of a Ray of our own, 0 for all. Raises ToolError when
    the cluster does not answer.
    """
    settle()
    address = address or os.environ.get("RAY_ADDRESS", "")
    if not address:
        keep_to_loopback()
    import ray

    if ray.is_initialized():
        yield ray
        return
    where = f"Ray at {address}" if address else "Ray"
    on_sigterm = signal.getsignal(signal.SIGTERM)
    before = list_children()
    try:
        _connect(ray, address, cpus)
    except Exception as error:
        ray.shutdown()
        kill_processes(list_children() - before)
        # it raises plain Exceptions too
        raise ToolError(f"{where} does not start or answer: {error}") from error
    if threading.current_thread() is threading.main_thread() and on_sigterm is not None:
        signal.signal(
            signal.SIGTERM, on_sigterm
        )  # Ray took it, to leave without a word; whoever runs us wants to say why it ended
    try:
        yield ray
    except ray.exceptions.RayError as error:
        raise ToolError(f"{where} failed: {error}") from error
    finally:
        ray.shutdown()


def list_children() -> set[int]:
    """The processes that this one began and that are there still; none where there is no Linux to
    ask.
    """
    found = set[int]()
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            found.update(map(int, path.read_text().split()))
    return found


def kill_processes(pids: Iterable[int]) -> None:
    """Kill what a Ray that did not come up leaves running until we end: on a machine that is slow
    already, the next try is slower still.
    """
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def keep_to_loopback() -> None:
    """Let a Ray that this process starts listen on loopback only. Must be called before Ray is
    imported.

    Ray does so where it cannot form clusters (macOS, Windows), and this variable says that it
    cannot here either; without it every port is open on all interfaces, behind the token alone.
    """
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")


def _connect(ray: Any, address: str, cpus: int) -> None:
    if address:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        return
    ray.init(
        address="local",
        num_cpus=cpus or os.cpu_count(),
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=OBJECT_STORE_BYTES,
        _node_ip_address="127.0.0.1",
    )
