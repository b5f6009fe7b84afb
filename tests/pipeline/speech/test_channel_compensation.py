# SPDX-License-Identifier: Apache-2.0
"""What rooms add to voices: taken off where it can be known, and left alone where it cannot."""

from __future__ import annotations

import numpy as np

from model.level_curve import HOP
from pipeline.speech import channel_compensation, resegment

EFFECT = 1.5 * np.eye(1, 32, 9)[0]


def _said(true: np.ndarray, loud: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Voices (unit vectors), in the loud room moved by `EFFECT`; and their backgrounds in dBFS."""
    generator = np.random.default_rng(0)
    vectors = (
        np.eye(4, 32)[true] + generator.normal(0, 0.04, (len(true), 32)) + np.outer(loud, EFFECT)
    )
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.where(loud, -40.0, -65.0)


def _grouped(vectors: np.ndarray, count: int) -> np.ndarray:
    every = np.ones(len(vectors))
    return resegment.regroup(vectors, every, np.zeros(len(vectors), dtype=np.int64), count=count)


def _same(found: np.ndarray, true: np.ndarray) -> bool:
    return len({*zip(found.tolist(), true.tolist(), strict=True)}) == len(set(true.tolist()))


def _heard(
    vectors: np.ndarray, backgrounds: np.ndarray, count: int
) -> channel_compensation.ChannelEffect:
    guess = np.zeros(len(vectors), dtype=np.int64)
    return channel_compensation.estimate_effect(
        vectors, backgrounds, np.ones(len(vectors)), guess, count=count
    )


def test_a_voice_in_two_rooms_is_one_voice() -> None:
    true = np.arange(160) % 4
    vectors, backgrounds = _said(true, np.arange(160) >= 80)
    assert not _same(_grouped(vectors, 4), true)
    assert _same(
        _grouped(_heard(vectors, backgrounds, 4).remove_from(vectors, backgrounds), 4), true
    )


def test_voices_that_have_a_room_each_stay_as_they_are() -> None:
    true = np.arange(160) % 2
    vectors, backgrounds = _said(true, true == 1)
    assert _heard(vectors, backgrounds, 2) is channel_compensation.NO_EFFECT
    assert channel_compensation.NO_EFFECT.remove_from(vectors, backgrounds) is vectors


def test_in_one_room_and_in_short_recordings_nothing_is_taken_off() -> None:
    true = np.arange(160) % 4
    vectors, backgrounds = _said(true, np.arange(160) >= 80)
    assert _heard(vectors, np.full(160, -50.0), 4) is channel_compensation.NO_EFFECT
    assert _heard(vectors[40:120], backgrounds[40:120], 4) is channel_compensation.NO_EFFECT


def test_what_is_no_voice_stays_none() -> None:
    true = np.arange(160) % 4
    vectors, backgrounds = _said(true, np.arange(160) >= 80)
    room = _heard(vectors, backgrounds, 4)
    vectors[0], vectors[1] = 0.0, np.nan
    moved = room.remove_from(vectors, backgrounds)
    assert not moved[0].any()
    assert np.isnan(moved[1]).all()
    assert np.allclose(np.linalg.norm(moved[2:], axis=1), 1)


def test_the_background_of_a_moment_is_the_quiet_of_its_surroundings() -> None:
    levels = np.concatenate([np.full(3000, -60.0), np.full(3000, -45.0), np.full(3000, -110.0)])
    levels[::2] = -20.0  # somebody speaks half of the time
    track = channel_compensation.track_background(levels)
    second = 100 * HOP
    assert channel_compensation.background_at(
        track, np.array([second, 45 * second, 89 * second, 200 * second])
    ).tolist() == [-60, -45, -70, -70]
