# SPDX-License-Identifier: Apache-2.0
"""Speech is encoded in stretches."""

from __future__ import annotations

from model.nano.speech import STRETCH, ShotFeatures, load_speech_encoder
from tests.model.nano.test_talker import speech


def test_sound_is_heard_in_stretches_and_memory_does_not_grow() -> None:
    track = ShotFeatures(load_speech_encoder(), speech(40 * STRETCH))
    for first in range(0, 20 * STRETCH, 12):
        states, rows = track.rows(range(first, first + 16))
        assert (states.shape, rows.shape) == ((32, 384), (16, 6))
        assert len(track._kept) <= 2
