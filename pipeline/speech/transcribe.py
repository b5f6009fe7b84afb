# SPDX-License-Identifier: Apache-2.0
"""Hear the words: faster-whisper over windows that begin and end in pauses, word times drawn in to
the sound.

The only door to the speech recogniser. It hears what it hears; which line of the script that is,
`align` decides. A script edit never runs it again: its key holds the sound, the model and the
settings only.

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
from pipeline.speech import ingest, named_models, repeatable, speech_levels

VERSION = "2"  # of what this module makes of the same sound and settings
WINDOW_SECONDS = 28.0  # the recogniser always looks at 30 s; nearly full windows waste least
LONGEST_SECONDS = 30  # that the recogniser sees at once
BLOCK_SECONDS = 600  # how much sound is held in memory at once
SEED = 0  # any, but the same each time
ENGLISH_ONLY_VOCABULARY = 51864  # tokens of the `.en` models; the others have more
_RATIO = MASTER_HZ // ANALYSIS_HZ

Sound = Float32[np.ndarray, " samples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to recognise. `model`: a CTranslate2 Whisper directory, "" for the default (English).
    `language`: ISO 639-1.
    """

    language: str = "en"
    model: str = ""
    beam: int = 5

    def folder(self) -> Path:
        """Where the model lies. Raises InputError when it is not there or not whole."""
        return (
            Path(located(self.model, folder=Path()))
            if self.model
            else weights.path("whisper-tiny-en")
        )

    def tongue(self) -> str:
        """The language as recognisers write it: `de` for `de-CH`."""
        return self.language.partition("-")[0].casefold()


def located(text: str, *, folder: Path) -> str:
    """What `[listen] recogniser` names, for `Settings.model`; raises InputError when that is no
    recogniser (`named_models`).
    """
    return named_models.recogniser(text, folder=folder)


def can_hear(settings: Settings) -> bool:
    """Whether the model knows the language; when not, `align` works from turns, order and
    durations.

    An English-only model has fewer tokens than the others; its list of languages is as long as
    theirs and says nothing.
    """
    if not settings.model:
        return settings.tongue() == "en"
    vocabulary = _vocabulary(settings.folder())
    if len(vocabulary) <= ENGLISH_ONLY_VOCABULARY:
        return settings.tongue() == "en"
    return f"<|{settings.tongue()}|>" in vocabulary


def deaf(settings: Settings) -> str:
    """What to tell when the recogniser does not know the language; "" when it does."""
    if can_hear(settings):
        return ""
    return (
        f"the recogniser {settings.folder().name!r} does not know the language {settings.language!r}: lines are placed by order, "
        "length and voice alone; check them in cues.csv, or name a model that knows it ([listen] recogniser)"
    )


def key(recordings: Sequence[Recording], settings: Settings) -> str:
    """Identity of a transcript: the sound and where it lies, the model's bytes, language, beam and
    this module's version.
    """
    placed = [[r.recording_id, r.offset_samples] for r in recordings]
    model = (
        named_models.identity(str(settings.folder()))
        if settings.model
        else weights.digest(["whisper-tiny-en"])
    )
    heard = {"model": model, "language": settings.language, "beam": settings.beam}
    return digest({"version": VERSION, "recordings": placed, **heard})


def transcribe(recordings: Sequence[Recording], *, root: Path, settings: Settings) -> list[Word]:
    """Every word heard, in order of recording and time, in timeline samples.

    Raises InputError when the model does not know the language (`can_hear` tells before).
    """
    if not can_hear(settings):
        raise InputError(Problem(file=str(settings.folder()), message=deaf(settings)))
    transcript_id = key(recordings, settings)
    model = _model(settings)
    words: list[Word] = []
    with repeatable.one_thread():
        for recording in recordings:
            for start, text, probability, length in _hear(
                model, recording, root=root, settings=settings
            ):
                begin = recording.offset_samples + start * _RATIO
                words.append(
                    Word(
                        transcript_id=transcript_id,
                        recording_id=recording.recording_id,
                        start=begin,
                        end=begin + length * _RATIO,
                        text=text,
                        probability=round(probability, 4),
                    )
                )
    return words


def states(sound: Sound, *, settings: Settings) -> Float32[np.ndarray, "states width"]:
    """What the recogniser's encoder makes of mono 16 kHz sound: its last hidden states, 50 a
    second. At most 30 s at once.
    """
    if len(sound) > LONGEST_SECONDS * ANALYSIS_HZ:
        raise ValueError(f"the encoder sees at most {LONGEST_SECONDS} s at once")
    model = _encoder(settings)
    with repeatable.one_thread():
        features = model.feature_extractor(np.asarray(sound, np.float32), padding=0)
        encoded: Float32[np.ndarray, "states width"] = np.asarray(
            model.encode(features), dtype=np.float32
        )[0]
    return encoded


def windows(sound: Sound, *, seconds: float = WINDOW_SECONDS) -> list[tuple[int, int]]:
    """Cut 16 kHz sound into spans of at most `seconds`, each cut in the quietest moment of the last
    two thirds of its span.
    """
    longest = round(seconds * ANALYSIS_HZ)
    levels = speech_levels.levels(sound)
    found = []
    start = 0
    while len(sound) - start > longest:
        first, last = (
            (start + longest // 3) // speech_levels.HOP,
            (start + longest) // speech_levels.HOP,
        )
        cut = (first + speech_levels.quietest(levels[first:last])) * speech_levels.HOP
        found.append((start, cut))
        start = cut
    return [*found, (start, len(sound))]


def _hear(
    model: Any, recording: Recording, *, root: Path, settings: Settings
) -> Iterator[tuple[int, str, float, int]]:
    """Start, text, probability and length of each word of a recording, in its 16 kHz samples."""
    position = 0
    for block in ingest.analysis_blocks(recording, root=root, seconds=BLOCK_SECONDS):
        if speech_levels.is_sound(block):
            for start, end in windows(block):
                for first, last, text, probability in _window(
                    model, block[start:end], settings=settings
                ):
                    yield position + start + first, text, probability, last - first
        position += len(block)


def _window(model: Any, sound: Sound, *, settings: Settings) -> list[tuple[int, int, str, float]]:
    if not speech_levels.is_sound(sound):
        return []
    segments, _ = model.transcribe(
        sound,
        language=settings.tongue(),
        beam_size=settings.beam,
        word_timestamps=True,
        condition_on_previous_text=False,  # a misheard word must not lead the next window astray
        temperature=[0.0, 0.4],
    )
    heard = [word for segment in segments for word in segment.words or ()]
    spans = [(round(word.start * ANALYSIS_HZ), round(word.end * ANALYSIS_HZ)) for word in heard]
    drawn = speech_levels.draw_in(spans, sound)
    return [
        (*span, word.word.strip(), word.probability)
        for span, word in zip(drawn, heard, strict=True)
    ]


def _model(settings: Settings) -> Any:
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
def _encoder(settings: Settings) -> Any:
    return _model(settings)


def _vocabulary(folder: Path) -> set[str]:
    """The model's tokens, from `vocabulary.json` (a list) or `vocabulary.txt` (one a line)."""
    path = min(folder.glob("vocabulary.*"))
    text = path.read_text(encoding="utf-8")
    return set(json.loads(text)) if path.suffix == ".json" else set(text.split("\n")) - {""}
