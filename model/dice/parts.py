# SPDX-License-Identifier: Apache-2.0
"""A long shot in parts: where to cut it (at pauses), and how the next part goes on from the last
one.

Parts share frames: a part's first frames are the ones before it, known already, and its denoising
is led along them. The noise of a part comes from one generator that runs on through the shot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from model.dice import CONTEXT_SECONDS
from model.dice.speech import ROW_SAMPLES, ROWS_PER_FRAME, SAMPLE_HZ
from model.dice.stream import GENERATED_RATE
from model.talker import Speech

HELD = 8
"""Generated frames that a part shares with the part before it (0.64 s)."""
FRAME_SAMPLES = ROW_SAMPLES * ROWS_PER_FRAME
CONTEXT_SAMPLES = int(CONTEXT_SECONDS * SAMPLE_HZ)
SEARCHED = 0.3
"""The cut is sought in the last share of a part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Generated frames `[start, end)` of a shot; the first `held` of them belong to the part before
    as well.
    """

    start: int
    end: int
    held: int = 0

    def __len__(self) -> int:
        """Frames denoised, the held ones included."""
        return self.end - self.start


def split(speech: Speech, frames: int, *, longest_seconds: float) -> list[Part]:
    """Parts of at most `longest_seconds`, cut where the sound is weakest. One part when the shot is
    short enough.
    """
    longest = max(int(longest_seconds * GENERATED_RATE), 4 * HELD)
    parts = [Part(start=0, end=min(frames, longest))]
    loud = loudness(speech, frames)
    while parts[-1].end < frames:
        last = parts.pop()
        earliest = last.end - int(SEARCHED * len(last))
        cut = earliest + int(np.argmin(loud[earliest : last.end]))
        parts.append(Part(start=last.start, end=cut, held=last.held))
        start = cut - HELD
        parts.append(Part(start=start, end=min(frames, start + longest), held=HELD))
    return parts


def loudness(speech: Speech, frames: int) -> Float32[np.ndarray, " frames"]:
    """Mean square of the sound in each generated frame."""
    needed = speech.lead + frames * FRAME_SAMPLES
    sound = np.pad(speech.samples, (0, max(0, needed - len(speech.samples))))[speech.lead : needed]
    power: Float32[np.ndarray, " frames"] = np.square(sound.reshape(frames, FRAME_SAMPLES)).mean(1)
    return power


def sound_of(
    speech: Speech, part: Part, *, context_samples: int = CONTEXT_SAMPLES
) -> tuple[Float32[np.ndarray, " samples"], int]:
    """The samples a part hears, with context on both sides, and the Whisper row at which its first
    frame starts.
    """
    first = speech.lead + part.start * FRAME_SAMPLES
    rows = min(first, context_samples) // ROW_SAMPLES
    start = first - rows * ROW_SAMPLES
    end = speech.lead + part.end * FRAME_SAMPLES + context_samples
    heard = speech.samples[start:end]
    return heard if len(heard) else np.zeros(ROW_SAMPLES, dtype=np.float32), rows
