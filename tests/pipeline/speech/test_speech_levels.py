# SPDX-License-Identifier: Apache-2.0
"""Levels are those of each 10 ms, and words lose the silence around them."""

from __future__ import annotations

import numpy as np

from model.level_curve import HOP
from pipeline.speech import speech_levels
from tests.pipeline.speech.noise_speech import SECOND, noise


def test_levels_of_long_sound_are_those_of_its_frames() -> None:
    sound = noise(61.003, silent=[(59.9, 60.2)])
    frames = np.pad(sound, (0, -len(sound) % HOP)).reshape(-1, HOP)
    expected = 10 * np.log10(np.maximum(np.square(frames, dtype=np.float64).mean(axis=1), 1e-12))
    np.testing.assert_array_equal(speech_levels.measure_levels(sound), expected)


def test_words_are_drawn_in_to_the_sound() -> None:
    sound = noise(3, silent=[(0, 1.0), (2.0, 3.0)])
    (start, end), silent = speech_levels.trim_to_sound([(0, 3 * SECOND), (100, 4000)], sound)
    assert abs(start - SECOND) <= HOP
    assert abs(end - 2 * SECOND) <= HOP
    assert silent == (100, 4000)
