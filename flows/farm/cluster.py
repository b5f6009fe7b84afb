# SPDX-License-Identifier: Apache-2.0
"""Connect to Ray: to the one in this process, to a cluster by address, or to one started here.

A Ray started here listens on loopback only. Inside a cluster (`ray job submit`), RAY_ADDRESS names
it. A cluster's token comes from the environment, as Ray wants it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.engines import configure_engines
from manifests.errors import ToolError

OBJECT_STORE_BYTES = 128 * 1024**2  # rows only: frames never travel


@contextmanager
def connect_ray(address: str, *, cpus: int) -> Iterator[Any]:
    """Connect to Ray and yield the `ray` module.

    `cpus`: CPUs of a Ray started here, 0 for all. Raises ToolError when the cluster does not
    answer.
    """
    configure_engines()
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
        # Ray raises plain Exceptions too
        raise ToolError(f"{where} does not start or answer: {error}") from error
    _restore_sigterm(on_sigterm)
    try:
        yield ray
    except ray.exceptions.RayError as error:
        raise ToolError(f"{where} failed: {error}") from error
    finally:
        ray.shutdown()


def list_children() -> set[int]:
    """List the living child processes of this process; an empty set where there is no /proc."""
    found = set[int]()
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            found.update(map(int, path.read_text().split()))
    return found


def kill_processes(pids: Iterable[int]) -> None:
    """Kill processes that a failed start of Ray left behind.

    Otherwise they run until this process ends, and on a slow machine the next try is slower still.
    """
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def keep_to_loopback() -> None:
    """Make a Ray that this process starts listen on loopback only.

    Ray does so where it cannot form clusters (macOS, Windows), and this variable tells it that it
    cannot here either. Without it, every port is open on all interfaces, protected by the token
    alone. Ray reads the variable when it is imported, which any library may have done already.
    """
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    constants = sys.modules.get("ray._private.ray_constants")
    if constants is not None:
        setattr(constants, "ENABLE_RAY_CLUSTER", False)  # noqa: B010 - Ray's own name for it


def _restore_sigterm(handler: Any) -> None:
    """Restore our handler of SIGTERM, which says why a run ended: that of Ray exits silently."""
    if threading.current_thread() is threading.main_thread() and handler is not None:
        signal.signal(signal.SIGTERM, handler)


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
