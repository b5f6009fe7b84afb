# SPDX-License-Identifier: Apache-2.0
"""Configure the engines (Prefect, Ray, pyannote, torch) inside our processes.

No telemetry, no model hub, one thread per worker, folders of our own. Environment variables that a
person has set are left alone. Call `configure_engines` before the engines are imported.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from manifests.errors import ToolError
from model.weights import cache_folder

QUIET = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "PYANNOTE_METRICS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def configure_engines() -> None:
    """Set environment variables that are not set yet, and silence the engines' logs."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    _protect_ray()
    _protect_prefect()
    os.environ.setdefault("PREFECT_HOME", str(cache_folder() / "prefect"))
    warnings.filterwarnings(
        "ignore", module=r"(pyannote|torch|torchaudio|lightning|pytorch_lightning)(\.|$)"
    )
    for noisy in ("httpx", "ray", "pyannote", "faster_whisper", "speechbrain", "matplotlib"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def _protect_ray() -> None:
    """Set a token for Ray's ports, unless the user has one."""
    if not (
        {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ)
        or (Path.home() / ".ray/auth_token").exists()
    ):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _protect_prefect() -> None:
    """Set a password for Prefect's own server on loopback, unless another server is named."""
    if "PREFECT_API_URL" not in os.environ:
        own = f"callsheet:{secrets.token_hex(16)}"
        os.environ.setdefault("PREFECT_SERVER_API_AUTH_STRING", own)
        os.environ.setdefault(
            "PREFECT_API_AUTH_STRING", os.environ["PREFECT_SERVER_API_AUTH_STRING"]
        )


@contextmanager
def run_prefect_server() -> Iterator[None]:
    """Run Prefect's own server while the block runs, unless another is configured.

    Raises:
        ToolError: The server does not start, for example on an overloaded machine.
    """
    try:
        _serve()
        yield
    except RuntimeError as error:
        if "Prefect API server" not in str(error):
            raise
        raise ToolError(
            f"Prefect's server did not start ({error}); try again when the machine has less to do, "
            "or see `callsheet doctor --deep`"
        ) from error


def _serve() -> None:
    """Start the server, unless another is configured, out of reach of Ctrl-C.

    A terminal sends Ctrl-C to all processes of a command. If the server died of it first, the run
    would retry for more than a minute and end in a traceback. A process inherits the signals that
    its starting thread blocks; the main thread waits and can be stopped.
    """
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import get_current_settings

    if get_current_settings().api.url:
        return
    failed = list[BaseException]()

    def start() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            SubprocessASGIServer().start()
        except RuntimeError as error:
            failed.append(error)

    starting = threading.Thread(target=start, daemon=True)
    starting.start()
    starting.join()
    if failed:
        raise failed[0]
