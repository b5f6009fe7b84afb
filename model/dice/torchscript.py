# SPDX-License-Identifier: Apache-2.0
"""Run the published face detector, a TorchScript archive, in a process of its own.

Such a file may carry any code. It is in the weights folder only if its import was allowed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from model import isolated
from model.dice.detector import Detection, decode_detections, make_network_grids, make_network_input

TIMEOUT_SECONDS = 300


def find_faces(detector: Path, pixels: UInt8[np.ndarray, "height width 3"]) -> list[Detection]:
    """Find faces in an RGB picture, most confident first. Raises ToolError on failure."""
    inputs = make_network_input(np.ascontiguousarray(pixels[..., ::-1]))
    answers = isolated.run_archive(
        __name__, detector, inputs.numpy(), what="the face detector", seconds=TIMEOUT_SECONDS
    )
    return decode_detections(torch.from_numpy(answers), size=(pixels.shape[1], pixels.shape[0]))


def _detect(network: Any, inputs: np.ndarray) -> np.ndarray:
    pixels = torch.from_numpy(inputs)
    return np.asarray(
        network(pixels, make_network_grids((pixels.shape[3], pixels.shape[2]))).numpy()
    )


if __name__ == "__main__":
    isolated.serve_archive(_detect)
