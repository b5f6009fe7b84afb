# SPDX-License-Identifier: Apache-2.0
"""Encode the sound of a shot as the small talker was trained on it: Whisper states and prosody.

Training clips are about two seconds long, so long sound is encoded in stretches of that length with
a margin on either side; memory does not grow with the shot. The arithmetic is that of the
preparation of a corpus (`pipeline/corpus`), which this layer cannot call.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from model import weights
from model.affect import prosody
from model.affect.prepared_corpus import HEARD_PER_FRAME, SAMPLES_PER_FRAME
from model.dice.speech import FFT_SAMPLES, HOP_SAMPLES
from model.talker import Speech

WEIGHTS = ("whisper-tiny-en",)
STRETCH = 48  # frames that are encoded together
MARGIN = 6  # frames of sound before and after a stretch that are encoded with it
BINS = 80

Sound = Float32[np.ndarray, " samples"]


class SpeechEncoder:
    """Holds the packaged Whisper encoder. One thread."""

    def __init__(self, folder: Path) -> None:
        """Load the Whisper model for CTranslate2 (catalogue name `whisper-tiny-en`) in `folder`."""
        from ctranslate2.models import Whisper  # type: ignore[import-untyped]

        self._encoder: Any = Whisper(
            str(folder), device="cpu", compute_type="int8", intra_threads=1
        )

    def states(self, sound: Sound) -> Float32[np.ndarray, "states heard"]:
        """Compute the last hidden states, 50 a second, of at most 30 s of sound."""
        from ctranslate2 import StorageView

        mel = np.ascontiguousarray(compute_log_mel(sound)[None])
        encoded: Float32[np.ndarray, "states heard"] = np.asarray(
            self._encoder.encode(StorageView.from_array(mel))
        )[0]
        return encoded


class ShotFeatures:
    """Features of the sound of one shot, at 25 frames a second.

    Stretches are encoded when they are first asked for.
    """

    def __init__(self, ears: SpeechEncoder, speech: Speech) -> None:
        """Take the sound of a shot; a listening portrait hears silence."""
        self._speech_encoder = ears
        self._sound = speech.samples if speech.role == "speaking" else np.zeros_like(speech.samples)
        self._lead = speech.lead
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def rows(
        self, frames: range
    ) -> tuple[Float[Tensor, "states heard"], Float[Tensor, "frames 6"]]:
        """Return encoder states (two a frame) and prosody of a range of frames.

        The range may begin before the shot and end after it.
        """
        numbers = range(frames.start // STRETCH, (frames.stop - 1) // STRETCH + 1)
        parts = [self._encode_stretch(number) for number in numbers]
        for old in [number for number in self._kept if number < numbers.start]:
            del self._kept[old]
        first = frames.start - numbers.start * STRETCH
        states = torch.cat([states for states, _ in parts])
        rows = torch.cat([rows for _, rows in parts])
        last = first + len(frames)
        return states[HEARD_PER_FRAME * first : HEARD_PER_FRAME * last], rows[
            first : first + len(frames)
        ]

    def _encode_stretch(self, number: int) -> tuple[Tensor, Tensor]:
        if number not in self._kept:
            first = number * STRETCH - MARGIN
            sound = self._cut_sound(first, STRETCH + 2 * MARGIN)
            inner = slice(MARGIN, MARGIN + STRETCH)
            rows = prosody.measure_frames(sound.astype(np.float64))[inner]
            states = self._speech_encoder.states(sound)
            wide = slice(HEARD_PER_FRAME * inner.start, HEARD_PER_FRAME * inner.stop)
            self._kept[number] = torch.from_numpy(states[wide].copy()), torch.from_numpy(rows)
        return self._kept[number]

    def _cut_sound(self, first: int, frames: int) -> Sound:
        """Cut the samples of some frames; silence where the shot's sound does not reach."""
        start = self._lead + first * SAMPLES_PER_FRAME
        wanted = frames * SAMPLES_PER_FRAME
        found = self._sound[max(start, 0) : max(start + wanted, 0)]
        before = min(max(-start, 0), wanted)
        return np.pad(found, (before, wanted - before - len(found))).astype(np.float32)


def compute_log_mel(sound: Sound) -> Float32[np.ndarray, "bins steps"]:
    """Compute Whisper's log-mel of sound at 16 kHz, 100 steps a second.

    The sound is not padded to 30 s.
    """
    window = torch.hann_window(FFT_SAMPLES)
    spectrum = torch.stft(
        torch.from_numpy(sound), FFT_SAMPLES, HOP_SAMPLES, window=window, return_complex=True
    )
    power = _load_mel_filters() @ spectrum[:, :-1].abs().square()
    level = power.clamp(min=1e-10).log10()
    scaled: Float32[np.ndarray, "bins steps"] = (
        (level.clamp(min=float(level.max()) - 8) + 4) / 4
    ).numpy()
    return scaled


@cache
def load_speech_encoder() -> SpeechEncoder:
    """Load the packaged encoder, once. Raises InputError when it is missing."""
    return SpeechEncoder(weights.locate(WEIGHTS[0]))


@cache
def _load_mel_filters() -> Tensor:
    from transformers import WhisperFeatureExtractor

    return torch.from_numpy(WhisperFeatureExtractor(feature_size=BINS).mel_filters).float().T
