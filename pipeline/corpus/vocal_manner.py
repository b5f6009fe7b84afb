# SPDX-License-Identifier: Apache-2.0
"""Draw manners of speaking an emotion, for the synthetic corpus.

The packaged voices speak neutrally, so the emotion is put in by a model of prosody. Directions
follow Juslin & Laukka (2003, Communication of emotions in vocal expression and music performance,
table 7): anger and joy are fast, loud, high and varied; fear is fast, high and even; sadness slow,
quiet, low and even. What that review does not cover (contempt, disgust, surprise) follows Banse &
Scherer (1996). The sizes are chosen, and drawn so that emotions overlap: this is a corpus to prove
a mechanism on, not emotional speech.
"""

from __future__ import annotations

import numpy as np

from pipeline.corpus.psola import Manner

FIELDS = (
    "pitch_semitones",
    "log2_range",
    "rise_semitones",
    "log2_rate",
    "energy_db",
    "log2_swing",
    "tilt_db",
    "pause_seconds",
)
MEANS: dict[str, tuple[float, ...]] = {
    "angry": (3.0, 0.45, 0.5, 0.16, 6.0, 0.35, 5.0, -0.02),
    "contempt": (-3.0, -0.35, -2.5, -0.10, -2.0, 0.30, 3.5, 0.04),
    "disgusted": (-2.5, 0.35, -1.0, -0.32, 1.5, 0.30, 3.0, 0.12),
    "fear": (4.5, -0.50, 1.0, 0.28, -1.5, -0.10, -1.5, 0.08),
    "happy": (3.5, 0.55, 1.5, 0.18, 4.5, 0.05, 1.5, -0.03),
    "neutral": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "sad": (-2.0, -0.70, -1.5, -0.32, -6.0, -0.30, -4.5, 0.18),
    "surprised": (6.0, 1.00, 4.0, -0.12, 1.0, 0.10, -1.0, 0.02),
}
"""At intensity 1, in the order of `FIELDS`."""
SPREAD = np.array([0.6, 0.11, 0.7, 0.055, 0.8, 0.09, 0.7, 0.03])
"""Standard deviations of the draws, whatever the emotion."""
SHORTEST_PAUSE = 0.04


def draw(emotion: str, intensity: float, chance: np.random.Generator) -> Manner:
    """Draw a manner of speaking an emotion of that intensity (0 to about 1.3)."""
    values = np.array(MEANS[emotion]) * intensity + SPREAD * chance.standard_normal(len(FIELDS))
    pitch, spread, rise, rate, energy, swing, tilt, pause = (float(value) for value in values)
    return Manner(
        pitch_semitones=pitch,
        pitch_range=2**spread,
        rise_semitones=rise,
        rate=2 ** float(np.clip(rate, -0.6, 0.5)),
        energy_db=energy,
        energy_range=2**swing,
        tilt_db=tilt,
        pause_seconds=pause if pause > SHORTEST_PAUSE else 0.0,
    )
