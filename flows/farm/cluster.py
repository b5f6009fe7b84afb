# SPDX-License-Identifier: Apache-2.0
"""Connect to Ray: to the one in this process, to a cluster by address, or to one started here.

A Ray started here listens on loopback only. Inside a job of a cluster (`ray job submit`),
RAY_ADDRESS names that cluster; elsewhere it is not used. A cluster's token comes from the
environment, as Ray wants it.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from flows.engines import USER_HOME, configure_engines
from flows.run_folder import open_ray_folder, open_ray_home
from flows.stop_signals import request_stop
from flows.watchdog import end_processes, is_alive
from manifests.errors import ToolError

ANSWER_SECONDS = 5.0
LOOK_SECONDS = 0.5
DEAD_LOOKS = 20
SERVICES = ("gcs_server", "raylet")
TOOL_FAILED = 3  # the exit code of a tool that failed
JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # Ray sets it for the driver of a job
OBJECT_STORE_BYTES = 128 * 1024**2  # rows only: frames never travel


@contextmanager
def connect_ray(address: str, *, cpus: int) -> Iterator[Any]:
    """Connect to Ray and yield the `ray` module.

    `cpus`: CPUs of a Ray started here, 0 for all. Raises ToolError when the cluster does not
    answer.
    """
    configure_engines()
    check_cluster(address)
    address = address or _find_job_address()
    if not address:
        keep_to_loopback()
    import ray

    if ray.is_initialized():
        yield ray
        return
    with _watch_services() as over:
        yield from _connect(ray, address, cpus, over)


def _connect(ray: Any, address: str, cpus: int, over: threading.Event) -> Iterator[Any]:
    """Connect, and shut down at the end; `over` is set before, so that nobody calls it a death."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        join_cluster(ray, address) if address else start_ray(ray, cpus=cpus)
    except Exception as error:
        over.set()
        ray.shutdown()
        where = f"Ray at {address}" if address else "Ray"
        # Ray raises plain Exceptions too
        raise ToolError(f"{where} does not start or answer: {error}") from error
    try:
        yield ray
    except ray.exceptions.RayError as error:
        raise ToolError(f"Ray failed: {error}") from error
    finally:
        over.set()
        ray.shutdown()
        _restore_sigterm(handler)


def start_ray(ray: Any, *, cpus: int, **more: Any) -> None:
    """Start a Ray of our own on loopback, private to this user, that ends with this process.

    `more`: other options of `ray.init`. Ray runs with a home folder of ours (`open_ray_home`).
    """
    handler, before = signal.getsignal(signal.SIGTERM), _list_children()
    sessions = open_ray_folder()
    try:
        with _use_ray_home():
            ray.init(
                address="local",
                num_cpus=cpus or os.cpu_count(),
                include_dashboard=False,
                log_to_driver=False,
                object_store_memory=OBJECT_STORE_BYTES,
                logging_level=logging.ERROR,
                _node_ip_address="127.0.0.1",
                _temp_dir=str(sessions),
                **more,
            )
    except BaseException as error:  # what a failed start leaves running slows the next one down
        end_processes({pid: child for pid, child in _list_children().items() if pid not in before})
        if isinstance(error, SystemExit) and callable(handler):  # Ray's own handler exits
            handler(signal.SIGTERM, None)
        raise
    finally:
        _restore_sigterm(handler)


@contextmanager
def _watch_services() -> Iterator[threading.Event]:
    """Stop this command when a service of its own Ray has been dead for some seconds.

    What can start Ray again does so before. Otherwise Ray would wait for a minute, and then end
    this process without a word. Yields the event that ends the watch.
    """
    over, before = threading.Event(), set(_list_children())

    def watch() -> None:
        dead = dict[int, int]()
        while not over.wait(LOOK_SECONDS):
            children = _list_children().items()
            services = [
                (p, child) for p, child in children if p not in before and _is_service(child)
            ]
            dead = {pid: dead.get(pid, 0) + 1 for pid, child in services if not is_alive(child)}
            if max(dead.values(), default=0) >= DEAD_LOOKS:
                request_stop("a service of Ray died", code=TOOL_FAILED)
                return

    watching = threading.Thread(target=watch, name="ray services", daemon=True)
    watching.start()
    try:
        yield over
    finally:
        over.set()
        watching.join()


@contextmanager
def _use_ray_home() -> Iterator[None]:
    """Let Ray's processes have a home folder of ours; workers get the user's back."""
    home = os.environ.get("HOME")
    os.environ |= {"HOME": str(open_ray_home()), USER_HOME: str(Path.home())}
    try:
        yield
    finally:
        del os.environ[USER_HOME], os.environ["HOME"]
        os.environ |= {} if home is None else {"HOME": home}


def _list_children() -> dict[int, psutil.Process]:
    return {child.pid: child for child in psutil.Process().children()}


def _is_service(process: psutil.Process) -> bool:
    try:
        return process.name() in SERVICES
    except psutil.Error:
        return False


def join_cluster(ray: Any, address: str) -> None:
    """Connect to a running Ray."""
    before = signal.getsignal(signal.SIGTERM)
    ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    _restore_sigterm(before)


def _find_job_address() -> str:
    """Find the address of the cluster whose job this process is (`ray job submit`)."""
    return os.environ.get("RAY_ADDRESS", "") if JOB in os.environ else ""


def check_cluster(address: str) -> None:
    """Try the port of a cluster, before anything is started: Ray itself would try for minutes.

    `address`: of `--ray`; "" for that of the job, if this is one. Raises ToolError.
    """
    address = address or _find_job_address()
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon:
        return
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS):
            pass
    except (OSError, ValueError, OverflowError) as error:
        raise ToolError(f"no Ray answers at {address}: {error}") from error


def keep_to_loopback() -> None:
    """Make a Ray that this process starts listen on loopback only.

    Ray does so where it cannot form clusters (macOS, Windows), and this variable tells it that it
    cannot here either. Without it, every port is open on all interfaces, protected by the token
    alone. Ray reads the variable when it is imported, which any library may have done already.
    """
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    constants: Any = sys.modules.get("ray._private.ray_constants")
    if constants is not None:
        constants.ENABLE_RAY_CLUSTER = False


def _restore_sigterm(handler: Any) -> None:
    """Restore our handler of SIGTERM, which says why a run ended: that of Ray exits silently."""
    if threading.current_thread() is threading.main_thread() and handler is not None:
        signal.signal(signal.SIGTERM, handler)
