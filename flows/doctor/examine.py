# SPDX-License-Identifier: Apache-2.0
"""Examine what the machine has and lacks; `deep` also starts the engines.

`places` checks folders, storage and clocks; `engines` starts the engines.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from flows.doctor import places as doctor_places
from flows.doctor.finding import SETUP, Finding, report_failure, report_ok, report_warning
from flows.inventory import are_weights_present, list_weights
from manifests.errors import InputError
from model import weights
from model.weight_catalogue import CATALOGUE

PACKAGES = (
    "torch",
    "ray",
    "prefect",
    "pyannote.audio",
    "faster-whisper",
    "deltalake",
    "duckdb",
    "opencv-python-headless",
    "c2pa-python",
    "OpenTimelineIO",
    "otio-fcp-adapter",
)
LEAST_MEMORY_GIB = 2.0  # for one worker: a talker, its frames and an encoder


def examine_machine(folder: Path | None = None, *, deep: bool = False) -> list[Finding]:
    """Run all checks, also those of a production when its folder is given.

    `deep` starts Ray and Prefect, which takes a minute.
    """
    findings = [_check_python(), _check_machine(), _check_ffmpeg(), *_check_packages()]
    findings += [_check_ray_token(), _check_prefect(), _check_sqlalchemy(), *_check_weights()]
    findings += [_check_licences(), *doctor_places.check_cache(), doctor_places.check_clock()]
    if folder is not None:
        findings += doctor_places.check_production(folder, deep=deep)
    if deep:
        from flows.doctor import engines as doctor_engines

        findings += doctor_engines.start_engines()
    return findings


def _check_python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    found = f"{version} at {sys.executable}"
    if sys.version_info[:2] == (3, 11):
        return report_ok("python", found)
    return report_failure(
        "python", found, "install Python 3.11, then run `make setup PYTHON=python3.11`"
    )


def _check_machine() -> Finding:
    """Check the CPUs and the memory that this process, or its container, may use."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    total = measure_memory_gib()
    if total is None:
        return report_ok("machine", f"{cpus} CPUs")
    found = f"{cpus} CPUs, {total:.1f} GiB of memory"
    if total / cpus < LEAST_MEMORY_GIB:
        advice = f"render with --workers {max(int(total / LEAST_MEMORY_GIB), 1)}"
        return report_warning(
            "machine", f"{found}: less than {LEAST_MEMORY_GIB:g} GiB per worker", advice
        )
    return report_ok("machine", found)


def measure_memory_gib(root: Path = Path("/")) -> float | None:
    """Measure the machine's memory or the container's limit, whichever is less; None if unknown."""
    known = []
    try:
        found = re.search(r"^MemTotal:\s+(\d+) kB", (root / "proc/meminfo").read_text(), flags=re.M)
        known += [int(found[1]) / 2**20] if found else []
    except OSError:
        pass
    for place in ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            known.append(int((root / place).read_text()) / 2**30)
        except (OSError, ValueError):
            continue
    return min(known, default=None)


def _check_ffmpeg() -> Finding:
    from pipeline.ffmpeg_binary import ffmpeg_path
    from pipeline.ffmpeg_trial import try_ffmpeg

    advice = "name no ffmpeg in CALLSHEET_FFMPEG or settings.toml: the packaged one then runs"
    try:
        path, problems = ffmpeg_path(), try_ffmpeg()
    except InputError as error:
        problem = error.problems[0]
        return report_failure("ffmpeg", f"{problem.file}: {problem.message}", advice)
    if problems:
        found = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
        return report_failure("ffmpeg", f"{path} fails at {found}", advice)
    return report_ok("ffmpeg", f"{_read_ffmpeg_version(path)} at {path}; makes every kind of file")


def _read_ffmpeg_version(path: str) -> str:
    shown = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)
    words = shown.stdout.split()
    return words[2] if len(words) > 2 else "unknown version"


def _check_packages() -> Iterator[Finding]:
    for name in PACKAGES:
        version = _find_version(name)
        yield report_ok(name, version) if version else report_failure(name, "not installed", SETUP)


def _check_ray_token() -> Finding:
    mode = os.environ.get("RAY_AUTH_MODE", "token")
    if mode != "token":
        found = f"RAY_AUTH_MODE is {mode}: anybody who can reach Ray can run code on this machine"
        return report_failure("ray token", found, "unset RAY_AUTH_MODE")
    if "RAY_AUTH_TOKEN_PATH" in os.environ:
        path = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
        if path.is_file():
            return report_ok("ray token", f"in {path}")
        found = f"RAY_AUTH_TOKEN_PATH names {path}, which does not exist"
        advice = "run `ray get-auth-token --generate`, or correct RAY_AUTH_TOKEN_PATH"
        return report_failure("ray token", found, advice)
    usual = Path.home() / ".ray/auth_token"
    place = f"in {usual}" if usual.is_file() else "from the environment, or a new one for each run"
    return report_ok("ray token", place)


def _check_prefect() -> Finding:
    url = os.environ.get("PREFECT_API_URL", "")
    if not url:
        return report_ok(
            "prefect server",
            "not set: each run starts its own server on loopback, with its own password",
        )
    return doctor_places.check_prefect_server(url)


def _check_sqlalchemy() -> Finding:
    version = _find_version("SQLAlchemy") or "not installed"
    if version.startswith("2.0."):
        return report_ok("SQLAlchemy", version)
    prefect = f"Prefect {_find_version('prefect')}"
    found = f"{version}: with this version, {prefect} loses every scheduled run"
    return report_warning("SQLAlchemy", found, "run `pip install 'SQLAlchemy<2.1'`")


def _check_weights() -> Iterator[Finding]:
    for weight in CATALOGUE:
        if not weights.is_present(weight.name):
            yield report_failure(weight.name, "missing", f"run `{weights.FETCH}`")
        elif not weights.verify(weight.name):
            yield report_failure(weight.name, "wrong digest", f"run `{weights.FETCH}`")
        else:
            yield report_ok(weight.name, f"digest matches; {weight.purpose}; {weight.licence}")


def _check_licences() -> Finding:
    here = [row for row in list_weights() if are_weights_present(row)]
    unclear = [row.name for row in here if row.commercial != "yes"]
    found = f"{len(here) - len(unclear)} of {len(here)} weights clearly allow commercial use"
    if unclear:
        found += f"; the others: {', '.join(unclear[:6])}{' ...' if len(unclear) > 6 else ''}"
    return report_ok("licences", found)


def _find_version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
