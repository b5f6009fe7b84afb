# SPDX-License-Identifier: Apache-2.0
"""Identity and framing: ten rendered heads, cut small as a corpus cuts them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from manifests.errors import InputError
from model import weights
from model.judges import corpus_crop, identity, points
from model.likeness import FaceRecogniser
from model.previs.landmarks import Landmarker

HEADS = sorted((Path(__file__).parents[2] / "data" / "heads").glob("*.jpg"))
NETS = ("mediapipe-face-detector", "mediapipe-face-mesh", "dlib-face", "dlib-face-layout")


@pytest.fixture(scope="module")
def recogniser() -> FaceRecogniser:
    cv2.setNumThreads(1)
    return FaceRecogniser(
        Landmarker(*map(weights.locate, NETS[:2])), *map(weights.locate, NETS[2:])
    )


def picture(path: Path) -> np.ndarray:
    read = cv2.imread(str(path))
    assert read is not None
    return np.ascontiguousarray(read[..., ::-1])


def test_of_ten_portraits_the_own_one_is_the_nearest_under_other_light_and_framing(
    recogniser: FaceRecogniser,
) -> None:
    names = [path.stem for path in HEADS[:10]]
    assert len(names) == 10
    known, clips = {}, {}
    for path in HEADS[:10]:
        full = picture(path)
        known[path.stem] = identity.embed_portrait(
            recogniser, corpus_crop.crop_faces([full], recogniser.landmarker, name="")
        )
        darker = cv2.warpAffine(
            (full * 0.75).astype(np.uint8),
            np.array([[0.93, 0.04, 9.0], [-0.04, 0.93, 5.0]]),
            full.shape[1::-1],
        )
        clips[path.stem] = corpus_crop.crop_faces([darker] * 3, recogniser.landmarker, name="")
    found = [
        identity.compare_portraits(
            identity.embed_clip(recogniser, points.track_face(recogniser.landmarker, clip)),
            name,
            known,
        )
        for name, clip in clips.items()
    ]
    assert np.mean([one.right for one in found]) >= 0.9
    assert all(0 < one.distance < 1.2 for one in found)


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


def test_a_clip_without_a_face_is_refused_by_name(recogniser: FaceRecogniser) -> None:
    with pytest.raises(InputError, match=r"clip\.mp4: no face"):
        corpus_crop.crop_faces(
            [np.full((128, 128, 3), 90, np.uint8)], recogniser.landmarker, name="clip.mp4"
        )


def test_a_lineup_holds_the_own_portrait_and_nobody_twice() -> None:
    everybody = [f"p{number}" for number in range(30)]
    made = identity.choose_lineup("p3", everybody, seed=5)
    assert len(set(made)) == len(made) == 10
    assert "p3" in made
    assert (
        made
        == identity.choose_lineup("p3", everybody, seed=5)
        != identity.choose_lineup("p3", everybody, seed=6)
    )
    assert len(identity.choose_lineup("p3", everybody[:4], seed=0)) == 4
