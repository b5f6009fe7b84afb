# SPDX-License-Identifier: Apache-2.0
"""I3D's features of clips, for the FVD of the field. The published file is a TorchScript archive, so it runs in a process of its own.

Run as a program, this module reads clips from stdin and writes features to stdout, both as NumPy arrays.
"""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, UInt8
from torch.nn import functional

from manifests.errors import ToolError
from model.judges import foreign

SIDE = 224
LEAST_FRAMES = 10  # below which the network pools over nothing
TIMEOUT_SECONDS = 1800

Clips = UInt8[np.ndarray, "clips frames height width 3"]


def features(clips: Clips) -> Float64[np.ndarray, "clips 400"]:
    """Features of clips of equal length. Raises InputError without the file, ToolError when it fails, ValueError for short clips."""
    if clips.shape[1] < LEAST_FRAMES:
        raise ValueError(f"I3D needs {LEAST_FRAMES} frames, not {clips.shape[1]}")
    command = [sys.executable, "-m", __name__, str(foreign.place("i3d"))]
    try:
        done = subprocess.run(command, input=_packed(clips), capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"I3D took longer than {TIMEOUT_SECONDS} s", command=command) from error
    if done.returncode:
        raise ToolError(
            "I3D failed", command=command, code=done.returncode, stderr=done.stderr.decode(errors="replace")
        )
    made = np.load(io.BytesIO(done.stdout), allow_pickle=False)
    return np.asarray(made, np.float64).reshape(len(clips), -1)


def _main(archive: str) -> None:
    torch.set_num_threads(1)
    clips = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
    load: Any = torch.jit.load
    network = load(archive, map_location="cpu").eval()
    with torch.no_grad():
        made = [network(_as_asked(clip), rescale=False, resize=False, return_features=True) for clip in clips]
    sys.stdout.buffer.write(_packed(torch.cat(made).numpy()))


def _as_asked(clip: UInt8[np.ndarray, "frames height width 3"]) -> torch.Tensor:
    """[1, 3, frames, 224, 224] in [-1, 1]."""
    frames = torch.from_numpy(clip).permute(0, 3, 1, 2).float() / 127.5 - 1
    large = functional.interpolate(frames, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    return large.permute(1, 0, 2, 3)[None]


def _packed(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


if __name__ == "__main__":
    _main(sys.argv[1])
