# SPDX-License-Identifier: Apache-2.0
"""Pictures and sound become arrays on one clock, and what cannot be used is refused with its
reason."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from model.affect.prepared_corpus import HEARD_PER_FRAME, HZ, SAMPLES_PER_FRAME
from pipeline.corpus import performance
from pipeline.corpus.prepare import CropVariation, Preparer, UnfitError
from pipeline.render import portraits
from pipeline.speech import transcribe

ROOT = Path(__file__).parents[3]
FRAMES = 14


@pytest.fixture(scope="module")
def preparer() -> Preparer:
    return Preparer()


@pytest.fixture(scope="module")
def mara() -> np.ndarray:
    picture = portraits.read(ROOT / "examples/lighthouse/portraits/mara.png").pixels
    return np.asarray(cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA))


def noise(frames: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.05, frames * SAMPLES_PER_FRAME).astype(np.float32)


def test_a_clip_becomes_arrays_on_one_clock(preparer: Preparer, mara: np.ndarray) -> None:
    made = preparer.prepare_clip([mara] * FRAMES, noise(FRAMES))
    assert made.faces.shape == (FRAMES, 64, 64, 3)
    assert made.points.shape == (FRAMES, 468, 2)
    assert made.heard.shape == (FRAMES * HEARD_PER_FRAME, 384)
    assert made.prosody.shape == (FRAMES, 6)
    assert len(made.speech) == FRAMES * SAMPLES_PER_FRAME
    assert made.points.min() > 0
    assert made.points.max() < 1


def test_the_encoder_has_fifty_states_a_second_and_sees_thirty_seconds() -> None:
    settings = transcribe.TranscriptionSettings()
    assert transcribe.encode_sound(noise(50), settings=settings).shape == (100, 384)
    with pytest.raises(ValueError, match="at most 30 s"):
        transcribe.encode_sound(np.zeros(31 * HZ, np.float32), settings=settings)


def test_head_motion_stays_in_the_crop(preparer: Preparer, mara: np.ndarray) -> None:
    moving = [np.roll(mara, shift, axis=1) for shift in range(FRAMES)]
    faces, points = preparer.prepare_pictures(moving)
    assert len(faces) == FRAMES
    across = points[:, 1, 0].astype(float)
    assert np.all(np.diff(across) > 0)


def test_landmarks_of_every_other_frame_are_nearly_those_of_every_frame(mara: np.ndarray) -> None:
    moving = [np.roll(mara, shift, axis=0) for shift in range(FRAMES)]
    (_, every), (_, other) = (Preparer(every=step).prepare_pictures(moving) for step in (1, 2))
    assert np.abs(every.astype(float) - other.astype(float)).max() < 0.03


def test_a_larger_crop_shows_a_smaller_face(preparer: Preparer, mara: np.ndarray) -> None:
    sizes = [
        np.ptp(
            preparer.prepare_pictures([mara] * FRAMES, framing=CropVariation(scale=scale))[1][
                0
            ].astype(float),
            axis=0,
        ).max()
        for scale in (1.0, 1.25)
    ]
    assert sizes[0] / sizes[1] == pytest.approx(1.25, abs=0.05)


def test_light_and_noise_change_pictures_and_nothing_else(mara: np.ndarray) -> None:
    take = performance.draw("happy", 2, np.random.default_rng(3))
    (frame,) = performance.film_frames([mara], take)
    assert frame.shape == mara.shape
    assert frame.dtype == np.uint8
    assert not np.array_equal(frame, mara)


@pytest.fixture(scope="module")
def unfit(mara: np.ndarray) -> dict[str, list[np.ndarray]]:
    """Clips that cannot be used."""
    grey = np.full_like(mara, 90)
    return {
        "nothing": [],
        "a wall": [grey] * FRAMES,
        "short": [mara] * 5,
        "mara": [mara] * FRAMES,
        "two": [np.hstack([mara, mara])] * FRAMES,
        "vanishing": [mara] + [grey] * (FRAMES - 1),
    }


@pytest.mark.parametrize(
    ("clip", "sound", "reason"),
    [
        ("nothing", noise(FRAMES), "no frames"),
        ("a wall", noise(FRAMES), "no face in the first frame"),
        ("short", noise(5), "only 5 frames; at least 12"),
        ("mara", np.zeros(HZ, np.float32), "no speech"),
        ("mara", noise(2), "the sound is 0.5 s shorter than the picture"),
        ("two", noise(FRAMES), "2 faces in the first frame"),
        ("vanishing", noise(FRAMES), "the face is lost in 1[0-9] of 14 frames"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_refused_with_its_reason(
    preparer: Preparer,
    unfit: dict[str, list[np.ndarray]],
    clip: str,
    sound: np.ndarray,
    reason: str,
) -> None:
    with pytest.raises(UnfitError, match=reason):
        preparer.prepare_clip(unfit[clip], sound)
