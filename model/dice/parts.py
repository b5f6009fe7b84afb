# SPDX-License-Identifier: Apache-2.0
"""Split a long shot into parts at pauses; each part continues from the one before.

Parts share frames: the first frames of a part are known from the part before, and guide its
denoising. The noise of all parts comes from one generator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from model.dice import CONTEXT_SECONDS
from model.dice.speech import ROW_SAMPLES, ROWS_PER_FRAME, SAMPLE_HZ
from model.dice.stream import GENERATED_RATE
from model.talker import Speech

HELD_FRAMES = 8
"""Generated frames that a part shares with the part before it (0.64 s)."""
FRAME_SAMPLES = ROW_SAMPLES * ROWS_PER_FRAME
CONTEXT_SAMPLES = int(CONTEXT_SECONDS * SAMPLE_HZ)
SEARCHED = 0.3
"""The cut is sought in the last share of a part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPart:
    """Generated frames `[start, end)` of a shot.

    The first `held` of them belong to the part before as well.
    """

    start: int
    end: int
    held: int = 0

    def __len__(self) -> int:
        """Return the number of denoised frames, held ones included."""
        return self.end - self.start


def split_speech(speech: Speech, frames: int, *, longest_seconds: float) -> list[ClipPart]:
    """Split a shot into parts of at most `longest_seconds`, cut where the sound is weakest.

    A short shot is one part.
    """
    longest = max(int(longest_seconds * GENERATED_RATE), 4 * HELD_FRAMES)
    parts = [ClipPart(start=0, end=min(frames, longest))]
    loud = measure_power(speech, frames)
    while parts[-1].end < frames:
        last = parts.pop()
        earliest = last.end - int(SEARCHED * len(last))
        cut = earliest + int(np.argmin(loud[earliest : last.end]))
        parts.append(ClipPart(start=last.start, end=cut, held=last.held))
        start = cut - HELD_FRAMES
        parts.append(ClipPart(start=start, end=min(frames, start + longest), held=HELD_FRAMES))
    return parts


def measure_power(speech: Speech, frames: int) -> Float32[np.ndarray, " frames"]:
    """Measure the mean square of the sound in each generated frame."""
    needed = speech.lead + frames * FRAME_SAMPLES
    sound = np.pad(speech.samples, (0, max(0, needed - len(speech.samples))))[speech.lead : needed]
    power: Float32[np.ndarray, " frames"] = np.square(sound.reshape(frames, FRAME_SAMPLES)).mean(1)
    return power


def cut_sound(
    speech: Speech, part: ClipPart, *, context_samples: int = CONTEXT_SAMPLES
) -> tuple[Float32[np.ndarray, " samples"], int]:
    """Cut the samples of a part, with context on both sides.

    Returns them with the Whisper row at which the part's first frame starts.
    """
    first = speech.lead + part.start * FRAME_SAMPLES
    rows = min(first, context_samples) // ROW_SAMPLES
    start = first - rows * ROW_SAMPLES
    end = speech.lead + part.end * FRAME_SAMPLES + context_samples
    samples = speech.samples[start:end]
    return samples if len(samples) else np.zeros(ROW_SAMPLES, dtype=np.float32), rows
