# SPDX-License-Identifier: Apache-2.0
"""Configure the engines (Prefect, Ray, pyannote, torch) inside our processes.

No telemetry, no model hub, one thread per worker, folders of our own. Environment variables that a
person has set are left alone. Call `configure_engines` before the engines are imported.
"""

from __future__ import annotations

import logging
import os
import secrets
import warnings
from pathlib import Path

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
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "ORT_DISABLE_TELEMETRY": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
USER_HOME = "CALLSHEET_USER_HOME"  # from the driver to its workers


def configure_engines() -> None:
    """Set environment variables that are not set yet, and silence the engines' logs."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    _protect_ray()
    _protect_prefect()
    _restore_home()
    warnings.filterwarnings(
        "ignore", module=r"(pyannote|torch|torchaudio|lightning|pytorch_lightning)(\.|$)"
    )
    for noisy in ("httpx", "ray", "pyannote", "faster_whisper", "speechbrain", "matplotlib"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def _restore_home() -> None:
    """Give a worker of our own Ray the user's home folder: Ray itself has another."""
    if USER_HOME in os.environ:
        os.environ["HOME"] = os.environ.pop(USER_HOME)


def _protect_ray() -> None:
    """Set a token for Ray's ports, unless the user has one."""
    if {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ):
        return
    own = Path.home() / ".ray/auth_token"
    if own.exists():
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(own)
    else:
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _protect_prefect() -> None:
    """Set a password for Prefect's own server on loopback, unless another server is named."""
    if "PREFECT_API_URL" not in os.environ:
        own = f"callsheet:{secrets.token_hex(16)}"
        os.environ.setdefault("PREFECT_SERVER_API_AUTH_STRING", own)
        os.environ.setdefault(
            "PREFECT_API_AUTH_STRING", os.environ["PREFECT_SERVER_API_AUTH_STRING"]
        )
