# SPDX-License-Identifier: Apache-2.0
"""Points of faces in small pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from model.judges import corpus_crop, points
from model.likeness import FaceRecogniser
from tests.model.judges.test_identity import picture

HEADS = sorted((Path(__file__).parents[2] / "data" / "heads").glob("*.jpg"))


def test_lips_that_part_in_small_pictures_are_seen_to(recogniser: FaceRecogniser) -> None:
    face = corpus_crop.crop_faces([picture(HEADS[0])], recogniser.landmarker, name="")[0]
    followed = points.track_face(recogniser.landmarker, np.stack([face] * 4))
    assert followed.found_share == 1
    assert followed.gap.std() < 0.02
    mouth = (followed.points[0, [13, 14]].mean(axis=0) * 64).round().astype(int)
    opened = face.copy()
    cv2.ellipse(
        opened, tuple(int(v) for v in (mouth[0], mouth[1] + 2)), (4, 4), 0, 0, 360, (40, 10, 10), -1
    )
    assert points.track_face(recogniser.landmarker, opened[None]).gap[0] > followed.gap[0] + 0.05
