# SPDX-License-Identifier: Apache-2.0
"""What the talker tests are played with: a tiny talker, portraits, and sound."""

from fractions import Fraction

import numpy as np

from model.dice.clip import DiceClip
from model.dice.talker import DiceTalker, load
from model.emotion import Performance, parse_curve
from model.talker import Portrait, Speech

SETTINGS: dict[str, object] = {"build": "tiny", "face_box": [0.3, 0.25, 0.7, 0.75]}
LEAD = 16_000


def tiny_talker(**settings: object) -> DiceTalker:
    """A talker with tiny random weights."""
    return load(settings=SETTINGS | settings)


def portrait(name: str = "ada", size: tuple[int, int] = (120, 90)) -> Portrait:
    """A picture of coloured noise that differs by name."""
    rng = np.random.default_rng(list(name.encode()))
    pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Portrait(name=f"{name}.png", pixels=pixels, digest=f"{name} {size}")


def speech(
    seconds: float, *, rate: Fraction = Fraction(25), voice: int = 0, role: str = "speaking"
) -> Speech:
    """Noise with a second of context on both sides."""
    rng = np.random.default_rng(voice)
    samples = rng.standard_normal(2 * LEAD + round(seconds * 16_000)).astype(np.float32) * 0.1
    frames = max(1, round(seconds * rate))
    return Speech(samples=samples, lead=LEAD, frames=frames, rate=rate, role=role)  # type: ignore[arg-type]


def performance(curve: str = "happy 0.8", frames: int = 50) -> Performance:
    """A curve over the given frames."""
    return Performance.from_curve(parse_curve(curve), start=0, end=frames)


def frames_of(clip: DiceClip) -> np.ndarray:
    """All frames, (frames, height, width, 3)."""
    return np.stack(list(clip))
