# SPDX-License-Identifier: Apache-2.0
"""Enrol speakers: match the voices of a diarization to voice samples of the cast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from manifests.errors import InputError, Problem
from manifests.rows import Recording, Turn
from manifests.timebase import ANALYSIS_HZ
from model import weights
from pipeline import media
from pipeline.speech import ingest, pyannote_pipeline, speech_levels

VoiceVector = Float32[np.ndarray, " dimension"]

LONGEST_SECONDS = 60  # of a speaker's turns or of a sample; more says nothing new


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledSpeaker:
    """A speaker recognised by a voice sample.

    `score`: cosine of the two voices (over 0.75 is usually the same person). `second`: that of the
    next best sample, so that a near tie can be seen.
    """

    speaker: str
    character: str
    score: float
    second: float


def enrol_speakers(
    turns: Sequence[Turn],
    samples: Mapping[str, Path],
    *,
    recordings: Sequence[Recording],
    root: Path,
) -> list[EnrolledSpeaker]:
    """Match speakers to samples (character -> audio file), one to one, best together.

    Scores may be low; the caller judges them. Raises InputError for a sample that cannot be read or
    holds less than a second of sound.
    """
    model = pyannote_pipeline.import_encoder().load(weights.locate("ge2e-speaker"))
    characters, speakers = sorted(samples), sorted({turn.speaker for turn in turns})
    if not characters or not speakers:
        return []
    references = np.stack([_embed_sample(model, samples[name]) for name in characters])
    voices = np.stack(
        [_embed_speaker(model, turns, name, recordings=recordings, root=root) for name in speakers]
    )
    return _pair_voices(voices @ references.T, speakers, characters)


def _pair_voices(
    likeness: Float32[np.ndarray, "speakers characters"],
    speakers: Sequence[str],
    characters: Sequence[str],
) -> list[EnrolledSpeaker]:
    from scipy.optimize import linear_sum_assignment

    return [
        EnrolledSpeaker(
            speaker=speakers[row],
            character=characters[column],
            score=round(float(likeness[row, column]), 3),
            second=round(float(np.delete(likeness[row], column).max(initial=0.0)), 3),
        )
        for row, column in zip(*linear_sum_assignment(-likeness), strict=True)
    ]


def _embed_sample(model: Any, path: Path) -> VoiceVector:
    if media.probe(path).audio is None:
        raise InputError(Problem(file=str(path), message="this voice sample has no sound"))
    blocks = [
        block.mean(axis=1)
        for block in media.read_audio(path, hz=ANALYSIS_HZ, channels=2, tolerant=True)
    ][: LONGEST_SECONDS // 10]
    sound = np.concatenate([np.zeros(0, dtype=np.float32), *blocks])
    encoder = pyannote_pipeline.import_encoder()
    vector: VoiceVector | None = (
        encoder.embed(model, sound) if speech_levels.has_sound(sound) else None
    )
    if vector is None or len(sound) < ANALYSIS_HZ:
        message, expected = "this voice sample is too short", "a second of speech or more"
        raise InputError(Problem(file=str(path), message=message, expected=expected))
    return vector


def _embed_speaker(
    model: Any, turns: Sequence[Turn], speaker: str, *, recordings: Sequence[Recording], root: Path
) -> VoiceVector:
    """Embed the voice of a speaker's longest exclusive turns, up to a minute of them."""
    own = sorted(
        (t for t in turns if t.exclusive and t.speaker == speaker), key=lambda t: t.start - t.end
    )
    sounds: list[Float32[np.ndarray, " samples"]] = []
    seconds = 0.0
    for turn in own:
        if seconds < LONGEST_SECONDS:
            sounds.append(
                ingest.read_span(recordings, turn.start, turn.end, hz=ANALYSIS_HZ, root=root)
            )
            seconds += len(sounds[-1]) / ANALYSIS_HZ
    encoder = pyannote_pipeline.import_encoder()
    vector: VoiceVector | None = encoder.embed(model, np.concatenate(sounds)) if sounds else None
    return np.zeros(model.dimension, dtype=np.float32) if vector is None else vector
