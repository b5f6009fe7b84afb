# SPDX-License-Identifier: Apache-2.0
"""Covered mouths are told from others."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from model import weights
from model.previs import occlusion
from model.previs.landmarks import Landmarker
from pipeline.render import portraits

HEADS = Path(__file__).parents[2] / "data" / "heads"


@pytest.mark.parametrize("name", sorted(path.stem for path in HEADS.glob("*.jpg")))
def test_lips_in_grey_dark_and_dull_pictures_are_not_taken_for_covered(name: str) -> None:
    landmarker = Landmarker(
        weights.locate("mediapipe-face-detector"), weights.locate("mediapipe-face-mesh")
    )
    picture = portraits.read(HEADS / f"{name}.jpg").pixels
    face = landmarker.fit_mesh(picture, landmarker.detect(picture)[0])
    grey = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    dull = (128 + (picture.astype(float) - 128) * 0.3).astype(np.uint8)
    for shown in (picture, grey, (picture * 0.2).astype(np.uint8), dull):
        assert occlusion.measure_lips(shown, face).why_covered is None
    assert occlusion.measure_lips(picture, face).why_doubtful is None
