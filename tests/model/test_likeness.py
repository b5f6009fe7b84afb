# SPDX-License-Identifier: Apache-2.0
"""A face is near itself, also smaller, darker and moved, and further from everybody else's."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from model import weights
from model.likeness import FaceRecogniser, measure_distance
from model.previs.landmarks import Landmarker
from pipeline.render import portraits

EXAMPLE = Path(__file__).parents[2] / "examples" / "lighthouse" / "portraits"


@pytest.fixture(scope="module")
def recogniser() -> FaceRecogniser:
    landmarker = Landmarker(
        weights.locate("mediapipe-face-detector"), weights.locate("mediapipe-face-mesh")
    )
    return FaceRecogniser(
        landmarker, weights.locate("dlib-face"), weights.locate("dlib-face-layout")
    )


def embedding(recogniser: FaceRecogniser, rgb: np.ndarray) -> np.ndarray:
    face = recogniser.find_face_near(rgb, (0.5, 0.5))
    assert face is not None
    return recogniser.embed(rgb, face)


def test_a_face_is_nearer_to_itself_in_other_light_and_size_than_to_others(
    recogniser: FaceRecogniser,
) -> None:
    rgb = {
        name: portraits.read(EXAMPLE / f"{name}.png", face="largest").pixels
        for name in ("henrik", "mara")
    }
    home = {name: embedding(recogniser, pixels) for name, pixels in rgb.items()}
    apart = measure_distance(home["henrik"], home["mara"])
    assert apart > 0.5
    for name, pixels in rgb.items():
        small = cv2.resize(pixels, (320, 320), interpolation=cv2.INTER_AREA)
        changed = [small, (pixels * 0.6).astype(np.uint8), np.roll(pixels, 40, axis=1)]
        for one in changed:
            assert measure_distance(home[name], embedding(recogniser, one)) < apart / 2


def test_where_there_is_no_face_there_is_none(recogniser: FaceRecogniser) -> None:
    assert recogniser.find_face_near(np.full((200, 300, 3), 90, np.uint8), (0.5, 0.5)) is None


def test_the_face_that_is_meant_is_taken_of_several(recogniser: FaceRecogniser) -> None:
    rgb = {
        name: portraits.read(EXAMPLE / f"{name}.png").pixels[::2, ::2]
        for name in ("henrik", "mara")
    }
    home = {name: embedding(recogniser, pixels) for name, pixels in rgb.items()}
    both = np.hstack([rgb["henrik"], rgb["mara"]])
    for place, choice, name in (((0.25, 0.5), "left", "henrik"), ((0.75, 0.5), "right", "mara")):
        face = recogniser.find_face_near(both, place)
        assert face is not None
        assert measure_distance(home[name], recogniser.embed(both, face)) < 0.2
        chosen = recogniser.embed_portrait(portraits.build_portrait(both, name="both", face=choice))
        assert chosen is not None
        assert measure_distance(home[name], chosen) < 0.2
