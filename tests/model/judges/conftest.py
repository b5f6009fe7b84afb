# SPDX-License-Identifier: Apache-2.0
"""What several tests of judges need: an empty cache and a recogniser of faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
import torch

from model import weights
from model.likeness import FaceRecogniser
from model.previs.landmarks import Landmarker

torch.set_num_threads(1)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CALLSHEET_CACHE", str(tmp_path))
    folder = tmp_path / "judges"
    folder.mkdir()
    return folder


NETS = ("mediapipe-face-detector", "mediapipe-face-mesh", "dlib-face", "dlib-face-layout")


@pytest.fixture(scope="module")
def recogniser() -> FaceRecogniser:
    cv2.setNumThreads(1)
    return FaceRecogniser(
        Landmarker(*map(weights.locate, NETS[:2])), *map(weights.locate, NETS[2:])
    )
