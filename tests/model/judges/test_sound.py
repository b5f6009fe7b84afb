# SPDX-License-Identifier: Apache-2.0
"""How loud a voice is, frame by frame."""

from __future__ import annotations

import numpy as np

from model.judges import sound


def test_the_level_of_a_voice_is_one_where_it_speaks_and_nought_where_it_is_silent() -> None:
    tone = 9000 * np.sin(np.arange(16_000) * 2 * np.pi * 1000 / 16_000)
    level = sound.measure_level(np.concatenate([tone, np.zeros(16_000)]).astype(np.int16), 50)
    assert level[2:23].min() > 0.9
    assert level[27:].max() < 0.05
