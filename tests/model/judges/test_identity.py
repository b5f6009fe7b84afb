# SPDX-License-Identifier: Apache-2.0
"""Identity and framing: ten rendered heads, cut small as a corpus cuts them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from manifests.errors import InputError
from model.judges import corpus_crop, identity, points
from model.likeness import FaceRecogniser

HEADS = sorted((Path(__file__).parents[2] / "data" / "heads").glob("*.jpg"))


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
