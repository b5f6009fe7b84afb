# SPDX-License-Identifier: Apache-2.0
"""The published face detector, a TorchScript archive, run in a process of its own: such a file may
carry any code.

It only stands in the weights folder when its import was allowed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from model import isolated
from model.dice.detector import Detection, detections, network_grids, network_input

TIMEOUT_SECONDS = 300


def find_faces(detector: Path, pixels: UInt8[np.ndarray, "height width 3"]) -> list[Detection]:
    """Faces of an RGB picture, surest first. Raises ToolError when the detector fails."""
    given = network_input(np.ascontiguousarray(pixels[..., ::-1]))
    answers = isolated.ask(
        __name__, detector, given.numpy(), what="the face detector", seconds=TIMEOUT_SECONDS
    )
    return detections(torch.from_numpy(answers), size=(pixels.shape[1], pixels.shape[0]))


def _answers(network: Any, given: np.ndarray) -> np.ndarray:
    pixels = torch.from_numpy(given)
    return np.asarray(network(pixels, network_grids((pixels.shape[3], pixels.shape[2]))).numpy())


if __name__ == "__main__":
    isolated.answer(_answers)
