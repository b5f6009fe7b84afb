# SPDX-License-Identifier: Apache-2.0
"""Transcribe recordings: words and their times from faster-whisper, trimmed to the sound.

The only door to the speech recogniser. Which line of the script a word belongs to is decided by
`pipeline/align`. A script edit never runs the recogniser again: its key holds only the sound, the
model and the settings. Windows begin and end in pauses.

Reference: Radford et al. (2022), Robust speech recognition via large-scale weak supervision.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from manifests.errors import InputError, Problem
from manifests.identity import digest
from manifests.rows import Recording, Word
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from model import weights
from model.level_curve import HOP
from pipeline.speech import ingest, named_models, repeatable, speech_levels

VERSION = "2"  # of what this module makes of the same sound and settings
WINDOW_SECONDS = 28.0  # the recogniser always looks at 30 s; nearly full windows waste least
LONGEST_SECONDS = 30  # that the recogniser sees at once
BLOCK_SECONDS = 600  # how much sound is held in memory at once
SEED = 0  # any, but the same each time
ENGLISH_ONLY_VOCABULARY = 51864  # tokens of the `.en` models; the others have more
_RATIO = MASTER_HZ // ANALYSIS_HZ

Sound = Float32[np.ndarray, " samples"]
HeardWord = tuple[int, int, str, float]  # start, end, text, probability


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionSettings:
    """How to transcribe.

    `model`: a folder with a CTranslate2 Whisper model, "" for the default (English). `language`:
    ISO 639-1.
    """

    language: str = "en"
    model: str = ""
    beam: int = 5

    def folder(self) -> Path:
        """Locate the model. Raises InputError when it is missing or incomplete."""
        return (
            Path(resolve_recogniser(self.model, folder=Path()))
            if self.model
            else weights.locate("whisper-tiny-en")
        )

    def language_code(self) -> str:
        """Return the language as recognisers write it: `de` for `de-CH`."""
        return self.language.partition("-")[0].casefold()


def resolve_recogniser(text: str, *, folder: Path) -> str:
    """Resolve `[listen] recogniser` for `TranscriptionSettings.model`.

    Raises InputError when it is no recogniser (see `named_models`).
    """
    return named_models.resolve_recogniser(text, folder=folder)


def knows_language(settings: TranscriptionSettings) -> bool:
    """Check whether the model knows the language.

    When it does not, `align` works from turns, order and durations. An English-only model has fewer
    tokens than the others; its list of languages is as long as theirs and says nothing.
    """
    if not settings.model:
        return settings.language_code() == "en"
    vocabulary = _read_vocabulary(settings.folder())
    if len(vocabulary) <= ENGLISH_ONLY_VOCABULARY:
        return settings.language_code() == "en"
    return f"<|{settings.language_code()}|>" in vocabulary


def describe_unknown_language(settings: TranscriptionSettings) -> str:
    """Describe the consequences when the model does not know the language; "" when it does."""
    if knows_language(settings):
        return ""
    return (
        f"the recogniser {settings.folder().name!r} does not know the language"
        f" {settings.language!r}. Lines are placed by order, length and voice alone: check them in"
        " cues.csv, or name a model that knows the language ([listen] recogniser)"
    )


def key(recordings: Sequence[Recording], settings: TranscriptionSettings) -> str:
    """Identify a transcript: sound and its place, model, language, beam and version."""
    placed = [[r.recording_id, r.offset_samples] for r in recordings]
    model = (
        named_models.identify_model(str(settings.folder()))
        if settings.model
        else weights.digest_weights(["whisper-tiny-en"])
    )
    chosen = {"model": model, "language": settings.language, "beam": settings.beam}
    return digest({"version": VERSION, "recordings": placed, **chosen})


def transcribe(
    recordings: Sequence[Recording], *, root: Path, settings: TranscriptionSettings
) -> list[Word]:
    """Transcribe all recordings: words in order of recording and time, in timeline samples.

    Raises InputError when the model does not know the language (`knows_language` tells before).
    """
    if not knows_language(settings):
        raise InputError(
            Problem(file=str(settings.folder()), message=describe_unknown_language(settings))
        )
    transcript_id = key(recordings, settings)
    model = _load_model(settings)
    with repeatable.single_thread():
        return [
            Word(
                transcript_id=transcript_id,
                recording_id=recording.recording_id,
                start=recording.offset_samples + start * _RATIO,
                end=recording.offset_samples + end * _RATIO,
                text=text,
                probability=round(probability, 4),
            )
            for recording in recordings
            for start, end, text, probability in _recognise_recording(
                model, recording, root=root, settings=settings
            )
        ]


def encode_sound(
    sound: Sound, *, settings: TranscriptionSettings
) -> Float32[np.ndarray, "states width"]:
    """Encode mono 16 kHz sound as the recogniser's last hidden states, 50 a second.

    Raises ValueError for more than 30 s.
    """
    if len(sound) > LONGEST_SECONDS * ANALYSIS_HZ:
        raise ValueError(f"the encoder sees at most {LONGEST_SECONDS} s at once")
    model = _load_encoder(settings)
    with repeatable.single_thread():
        features = model.feature_extractor(np.asarray(sound, np.float32), padding=0)
        encoded: Float32[np.ndarray, "states width"] = np.asarray(
            model.encode(features), dtype=np.float32
        )[0]
    return encoded


def split_into_windows(sound: Sound, *, seconds: float = WINDOW_SECONDS) -> list[tuple[int, int]]:
    """Split 16 kHz sound into spans of at most `seconds`.

    Each is cut in the quietest moment of the last two thirds of its span.
    """
    longest = round(seconds * ANALYSIS_HZ)
    levels = speech_levels.measure_levels(sound)
    found = []
    start = 0
    while len(sound) - start > longest:
        first, last = ((start + longest // 3) // HOP, (start + longest) // HOP)
        cut = (first + speech_levels.find_quietest(levels[first:last])) * HOP
        found.append((start, cut))
        start = cut
    return [*found, (start, len(sound))]


def _recognise_recording(
    model: Any, recording: Recording, *, root: Path, settings: TranscriptionSettings
) -> Iterator[HeardWord]:
    """Yield the words of a recording, in its 16 kHz samples."""
    position = 0
    for block in ingest.read_analysis_blocks(recording, root=root, seconds=BLOCK_SECONDS):
        if speech_levels.has_sound(block):
            for start, end in split_into_windows(block):
                for first, last, text, probability in _recognise_window(
                    model, block[start:end], settings=settings
                ):
                    offset = position + start
                    yield offset + first, offset + last, text, probability
        position += len(block)


def _recognise_window(
    model: Any, sound: Sound, *, settings: TranscriptionSettings
) -> list[HeardWord]:
    if not speech_levels.has_sound(sound):
        return []
    segments, _ = model.transcribe(
        sound,
        language=settings.language_code(),
        beam_size=settings.beam,
        word_timestamps=True,
        condition_on_previous_text=False,  # a misheard word must not lead the next window astray
        temperature=[0.0, 0.4],
    )
    words = [word for segment in segments for word in segment.words or ()]
    spans = [(round(word.start * ANALYSIS_HZ), round(word.end * ANALYSIS_HZ)) for word in words]
    spans = speech_levels.trim_to_sound(spans, sound)
    return [
        (*span, word.word.strip(), word.probability)
        for span, word in zip(spans, words, strict=True)
    ]


def _load_model(settings: TranscriptionSettings) -> Any:
    import ctranslate2  # type: ignore[import-untyped]
    from faster_whisper import WhisperModel

    ctranslate2.set_random_seed(
        SEED
    )  # read by a new model when it first samples: where it is unsure, it guesses at random
    return WhisperModel(
        str(settings.folder()),
        device="cpu",
        compute_type="int8",
        cpu_threads=1,
        local_files_only=True,
    )


@cache
def _load_encoder(settings: TranscriptionSettings) -> Any:
    return _load_model(settings)


def _read_vocabulary(folder: Path) -> set[str]:
    """Read the model's tokens from `vocabulary.json` (a list) or `vocabulary.txt` (one a line)."""
    path = min(folder.glob("vocabulary.*"))
    text = path.read_text(encoding="utf-8")
    return set(json.loads(text)) if path.suffix == ".json" else set(text.split("\n")) - {""}
