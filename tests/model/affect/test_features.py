# SPDX-License-Identifier: Apache-2.0
"""What is heard and seen of a clip, as numbers."""

from __future__ import annotations

import numpy as np
import pytest

from model.affect.features import summarize_prosody


def test_prosody_numbers_hear_pitch_loudness_and_pauses() -> None:
    frames = np.zeros((50, 6), np.float32)
    frames[:, 0], frames[:, 1], frames[:, 2], frames[:, 5] = np.log(200), 1, -1, 4
    frames[40:, :2], frames[40:, 2] = 0, -4
    pitch, pitch_range, energy, energy_range, _, rate, voiced, pause = summarize_prosody(frames)
    assert pitch == pytest.approx(np.log(200 / 160), abs=1e-5)
    assert pitch_range == pytest.approx(0, abs=1e-6)
    assert (energy, energy_range, rate) == pytest.approx((-1, 0, 4))
    assert (voiced, pause) == pytest.approx((0.8, 0.2))
