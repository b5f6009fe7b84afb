# SPDX-License-Identifier: Apache-2.0
"""Features of a clip for the embedder: numbers for each token of two frames (12.5 a second).

Reading media is not done here. Audio: the recogniser's states, prosody, and eight numbers of the
whole clip's prosody in every token. Video: the face's coordinates (`face_space`) and the motion of
the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from model.affect.face_space import FaceSpace
from model.affect.prepared_corpus import HEARD_PER_FRAME, HEARD_WIDTH, PROSODY, PreparedClip

FRAMES_PER_TOKEN = 2
VOICE_LOG_F0 = np.log(160.0)  # pitches count from between men's and women's
PAUSE = 1.0  # a frame this far below the loud ones (20 dB, in the unit of `prosody`) is a pause
PROSODY_NUMBERS = (
    "pitch",
    "pitch range",
    "energy",
    "energy range",
    "tilt",
    "rate",
    "voiced share",
    "pause share",
)
AUDIO_WIDTH = HEARD_WIDTH + len(PROSODY) + len(PROSODY_NUMBERS)
PITCH_COLUMNS = (HEARD_WIDTH, HEARD_WIDTH + len(PROSODY))
"""Audio columns that move with the pitch of a voice: the frame's and the clip's."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipFeatures:
    """Audio and video features of one clip, token by token."""

    audio: Float32[np.ndarray, "tokens hearing"]
    video: Float32[np.ndarray, "tokens seeing"]


def extract_features(
    clip: PreparedClip, space: FaceSpace, *, hears: bool = True, sees: bool = True
) -> ClipFeatures:
    """Extract the features of a clip of two frames or more; zeros for a missing modality."""
    tokens = clip.frames // FRAMES_PER_TOKEN
    points = _average_rows(clip.points.astype(np.float32), FRAMES_PER_TOKEN)
    audio = extract_audio(clip) if hears else np.zeros((tokens, AUDIO_WIDTH), np.float32)
    video = space.describe(points) if sees else np.zeros((tokens, space.width), np.float32)
    return ClipFeatures(audio=audio, video=video)


def extract_audio(clip: PreparedClip) -> Float32[np.ndarray, "tokens hearing"]:
    """Extract the audio features of each token."""
    states = _average_rows(clip.heard.astype(np.float32), FRAMES_PER_TOKEN * HEARD_PER_FRAME)
    spoken = clip.prosody.astype(np.float32).copy()
    voiced = spoken[:, 1] > 0
    spoken[:, 0] = np.where(voiced, spoken[:, 0] - VOICE_LOG_F0, 0)
    frames = _average_rows(spoken, FRAMES_PER_TOKEN)
    tokens = min(len(states), len(frames))
    whole = np.broadcast_to(summarize_prosody(clip.prosody), (tokens, len(PROSODY_NUMBERS)))
    return np.column_stack([states[:tokens], frames[:tokens], whole]).astype(np.float32)


def summarize_prosody(prosody: Float32[np.ndarray, "frames 6"]) -> Float32[np.ndarray, " 8"]:
    """Summarize a clip's prosody in eight numbers, in the order of `PROSODY_NUMBERS`.

    Pitches are in log Hz from 160 Hz, levels in dB / 20.
    """
    pitch, voiced, energy = prosody[:, 0], prosody[:, 1] > 0, prosody[:, 2]
    sung = pitch[voiced] - VOICE_LOG_F0 if voiced.any() else np.zeros(1)
    loud = np.quantile(energy, 0.95)
    spoken = energy > loud - PAUSE
    numbers = (
        np.median(sung),
        np.quantile(sung, 0.9) - np.quantile(sung, 0.1),
        energy[spoken].mean(),
        energy[spoken].std(),
        prosody[spoken, 4].mean(),
        prosody[:, 5].mean(),
        voiced.mean(),
        1 - spoken.mean(),
    )
    return np.array(numbers, np.float32)


def _average_rows(rows: np.ndarray, count: int) -> np.ndarray:
    """Average each `count` consecutive rows; drop the rest at the end."""
    whole = len(rows) // count
    return np.asarray(rows[: whole * count].reshape(whole, count, *rows.shape[1:]).mean(axis=1))
