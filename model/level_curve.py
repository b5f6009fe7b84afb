# SPDX-License-Identifier: Apache-2.0
"""The level of mono 16 kHz sound as a curve: one value for each 10 ms (100 Hz).

Mouths (`previs`), pauses and turns (`pipeline/speech`) and checks of finished files all use this
curve. Levels within a band or a window of another length (`judges/sound.py`, `affect/prosody.py`)
are other measures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from manifests.timebase import ANALYSIS_HZ

HZ = 100
HOP = ANALYSIS_HZ // HZ  # samples in 10 ms

Sound = Float[np.ndarray, " samples"]
Curve = Float[np.ndarray, " times"]


def measure_power(sound: Sound, *, pairwise: bool = False, precision: Any = np.float64) -> Curve:
    """Measure the mean square of each whole 10 ms; a shorter rest at the end is left out.

    `pairwise`: add up in numpy's pairwise order instead of one after the other. `precision`: of
    the sum. Both change the last digits only, and stored results depend on those.

    >>> measure_power(np.full(400, 0.5, dtype=np.float32)).tolist()
    [0.25, 0.25]
    """
    steps = sound[: len(sound) // HOP * HOP].reshape(-1, HOP)
    power: Curve
    if pairwise:
        power = np.square(steps, dtype=precision).mean(axis=1)
    else:
        power = np.einsum("ts,ts->t", steps, steps, dtype=precision) / HOP
    return power


def to_decibels(power: Curve, *, floor: float = 0.0) -> Curve:
    """Convert power to dB full scale; `floor` is added to the power, so that silence has a level.

    >>> to_decibels(np.array([1.0, 0.0]), floor=1e-10).round().tolist()
    [0.0, -100.0]
    """
    decibels: Curve = 10 * np.log10(power + floor)
    return decibels
