# SPDX-License-Identifier: Apache-2.0
"""Run TorchScript archives that others published in a process of their own.

Such a file may carry any code. A module that uses an archive calls `run_archive`; when the same
module is run as a program, it calls `serve_archive`. One array goes in on stdin, one comes out on
stdout.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from manifests.errors import ToolError


def run_archive(
    module: str, archive: Path, values: np.ndarray, *, what: str, seconds: float
) -> np.ndarray:
    """Run an archive on an array by way of `python -m module`.

    Raises:
        ToolError: The process fails, or takes longer than `seconds`.
    """
    command = [sys.executable, "-m", module, str(archive)]
    try:
        done = subprocess.run(
            command, input=_pack_array(values), capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{what} took longer than {seconds:g} s", command=command) from error
    if done.returncode:
        stderr = done.stderr.decode(errors="replace")
        raise ToolError(f"{what} failed", command=command, code=done.returncode, stderr=stderr)
    result: np.ndarray = np.load(io.BytesIO(done.stdout), allow_pickle=False)
    return result


def serve_archive(run: Callable[[Any, np.ndarray], np.ndarray]) -> None:
    """Load the archive that the command line names; send the result of `run(network, values)`."""
    import torch

    torch.set_num_threads(1)
    values = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
    load: Any = torch.jit.load
    network = load(sys.argv[1], map_location="cpu").eval()
    with torch.no_grad():
        sys.stdout.buffer.write(_pack_array(run(network, values)))


def _pack_array(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()
