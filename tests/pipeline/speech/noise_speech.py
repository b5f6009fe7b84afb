# SPDX-License-Identifier: Apache-2.0
"""Noise that stands for speech, and spans of it."""

from __future__ import annotations

import numpy as np

from manifests.timebase import ANALYSIS_HZ
from pipeline.speech.turns import SpeakerSpan

SECOND = ANALYSIS_HZ


def speaker_span(start: float, end: float, speaker: int, *, exclusive: bool = True) -> SpeakerSpan:
    return SpeakerSpan(
        start=round(start * SECOND), end=round(end * SECOND), speaker=speaker, exclusive=exclusive
    )


def noise(
    seconds: float, *, silent: list[tuple[float, float]], seed: int = 0, floor: float = 1e-4
) -> np.ndarray:
    generator = np.random.default_rng(seed)
    sound = generator.normal(0, 0.1, round(seconds * SECOND)).astype(np.float32)
    for start, end in silent:
        sound[round(start * SECOND) : round(end * SECOND)] *= floor / 0.1
    return sound
