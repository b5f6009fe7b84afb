# SPDX-License-Identifier: Apache-2.0
"""What the machine has and lacks, with how to mend each."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from model import weights

ENGINES = (
    "torch",
    "ray",
    "prefect",
    "pyannote.audio",
    "faster-whisper",
    "deltalake",
    "duckdb",
    "opencv-python-headless",
)
LEAST_FREE_GIB = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check. `state` is `ok`, `warn` or `fail`; `finding` says what was found and, when needed, what mends it."""

    name: str
    state: str
    finding: str


def examine() -> list[Finding]:
    """Run all checks; reads weight files to check their digests (about 40 MB)."""
    return [_python(), _ffmpeg(), *_packages(), *_weights(), _disk()]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    right = sys.version_info[:2] == (3, 11)
    mend = "" if right else "; the pinned wheels need CPython 3.11"
    return Finding(name="python", state="ok" if right else "fail", finding=f"{version} at {sys.executable}{mend}")


def _ffmpeg() -> Finding:
    from pipeline.media import ffmpeg_path, missing_features

    path = ffmpeg_path()
    if shutil.which(path) is None:
        return Finding(name="ffmpeg", state="fail", finding=f"{path} cannot be run; unset CALLSHEET_FFMPEG")
    missing = missing_features(path)
    if missing:
        finding = f"{path} lacks {', '.join(missing)}; unset CALLSHEET_FFMPEG to use the packaged one"
        return Finding(name="ffmpeg", state="fail", finding=finding)
    return Finding(name="ffmpeg", state="ok", finding=path)


def _packages() -> Iterator[Finding]:
    for name in ENGINES:
        try:
            yield Finding(name=name, state="ok", finding=importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name=name, state="fail", finding="not installed; run `make setup`")


def _weights() -> Iterator[Finding]:
    for weight in weights.CATALOGUE:
        if not weights.present(weight.name):
            yield Finding(name=weight.name, state="fail", finding=f"missing; run `{weights.FETCH}`")
        elif not weights.verify(weight.name):
            place = weights.path(weight.name)
            yield Finding(
                name=weight.name, state="fail", finding=f"wrong digest; delete {place}, run `{weights.FETCH}`"
            )
        else:
            yield Finding(name=weight.name, state="ok", finding=f"{weight.purpose}; {weight.licence}")


def _disk() -> Finding:
    folder = weights.cache_folder()
    place = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(place).free / 2**30
    if not os.access(place, os.W_OK):
        return Finding(name="cache", state="fail", finding=f"{place} cannot be written; set CALLSHEET_CACHE")
    state = "ok" if free >= LEAST_FREE_GIB else "warn"
    return Finding(name="cache", state=state, finding=f"{folder}, {free:.0f} GiB free")
