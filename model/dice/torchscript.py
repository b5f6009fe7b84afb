# SPDX-License-Identifier: Apache-2.0
"""The published face detector, a TorchScript archive, run in a process of its own: such a file may carry any code.

It only stands in the weights folder when its import was allowed. Run as a program, this module reads the network's input from
stdin and writes its answer to stdout, both as NumPy arrays.
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from manifests.errors import ToolError
from model.dice.detector import Detection, detections, network_grids, network_input

TIMEOUT_SECONDS = 300


def find_faces(detector: Path, pixels: UInt8[np.ndarray, "height width 3"]) -> list[Detection]:
    """Faces of an RGB picture, surest first. Raises ToolError when the detector fails."""
    given = network_input(np.ascontiguousarray(pixels[..., ::-1]))
    command = [sys.executable, "-m", __name__, str(detector)]
    sent = _packed(given.numpy())
    done = subprocess.run(command, input=sent, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    if done.returncode:
        stderr = done.stderr.decode(errors="replace")
        raise ToolError("the face detector failed", command=command, code=done.returncode, stderr=stderr)
    answers = torch.from_numpy(np.load(io.BytesIO(done.stdout), allow_pickle=False))
    return detections(answers, size=(pixels.shape[1], pixels.shape[0]))


def _main(detector: str) -> None:
    given = torch.from_numpy(np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False))
    load: Any = torch.jit.load
    network = load(detector, map_location="cpu")
    grids = network_grids((given.shape[3], given.shape[2]))
    with torch.no_grad():
        sys.stdout.buffer.write(_packed(network(given, grids).numpy()))


def _packed(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


if __name__ == "__main__":
    _main(sys.argv[1])
