# SPDX-License-Identifier: Apache-2.0
"""Extract I3D's features of clips, for the field's Frechet video distance (FVD).

The published file is a TorchScript archive, so it runs in a process of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, UInt8
from torch.nn import functional

from manifests.errors import InputError, Problem, ToolError
from model import isolated
from model.judges import external

SIDE = 224
LEAST_FRAMES = 10  # below which the network pools over nothing
TIMEOUT_SECONDS = 1800

Clips = UInt8[np.ndarray, "clips frames height width 3"]


def check_archive() -> None:
    """Try the archive on an empty clip. Raises InputError when it is missing or no such network."""
    empty = np.zeros((1, LEAST_FRAMES, 8, 8, 3), np.uint8)
    try:
        extract_features(empty)
    except ToolError as error:
        message = "not an archive of I3D that can be run"
        got = (error.stderr.splitlines() or [error.message])[-1]
        raise InputError(
            Problem(file=str(external.locate_weights("i3d")), message=message, got=got)
        ) from error


def extract_features(clips: Clips) -> Float64[np.ndarray, "clips 400"]:
    """Extract features of clips of equal length.

    Raises:
        InputError: The file is missing.
        ToolError: The process fails.
        ValueError: The clips are too short.
    """
    if clips.shape[1] < LEAST_FRAMES:
        raise ValueError(f"I3D needs {LEAST_FRAMES} frames, not {clips.shape[1]}")
    features = isolated.run_archive(
        __name__, external.locate_weights("i3d"), clips, what="I3D", seconds=TIMEOUT_SECONDS
    )
    return np.asarray(features, np.float64).reshape(len(clips), -1)


def _run_network(network: Any, clips: Clips) -> np.ndarray:
    features = [
        network(_prepare_clip(clip), rescale=False, resize=False, return_features=True)
        for clip in clips
    ]
    return np.asarray(torch.cat(features).numpy())


def _prepare_clip(clip: UInt8[np.ndarray, "frames height width 3"]) -> torch.Tensor:
    """Convert a clip to [1, 3, frames, 224, 224] in [-1, 1]."""
    frames = torch.from_numpy(clip).permute(0, 3, 1, 2).float() / 127.5 - 1
    large = functional.interpolate(frames, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    return large.permute(1, 0, 2, 3)[None]


if __name__ == "__main__":
    isolated.serve_archive(_run_network)
