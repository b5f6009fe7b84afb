# SPDX-License-Identifier: Apache-2.0
"""Hear the words: faster-whisper over windows that begin and end in pauses, word times drawn in to the sound.

The only door to the speech recogniser. It hears what it hears; which line of the script that is, `align` decides. A script edit
never runs it again: its key holds the sound, the model and the settings only.

Reference: Radford et al. (2022), Robust speech recognition via large-scale weak supervision.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from manifests.errors import InputError, Problem
from manifests.identity import digest, digest_file
from manifests.rows import Recording, Word
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from model import weights
from pipeline import ingest, loudness

VERSION = "1"  # of what this module makes of the same sound and settings
WINDOW_SECONDS = 28.0  # the recogniser always looks at 30 s; nearly full windows waste least
BLOCK_SECONDS = 600  # how much sound is held in memory at once
ENGLISH_ONLY_VOCABULARY = 51864  # tokens of the `.en` models; the others have more
_RATIO = MASTER_HZ // ANALYSIS_HZ

Sound = Float32[np.ndarray, " samples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to recognise. `model`: a CTranslate2 Whisper directory, "" for the default (English). `language`: ISO 639-1."""

    language: str = "en"
    model: str = ""
    beam: int = 5

    def folder(self) -> Path:
        """Where the model lies. Raises InputError when it is not there."""
        folder = Path(self.model) if self.model else weights.path("whisper-tiny-en")
        if not (folder / "model.bin").is_file():
            raise InputError(
                Problem(file=str(folder), message="no recogniser here", expected="a folder with model.bin")
            )
        return folder


def can_hear(settings: Settings) -> bool:
    """Whether the model knows the language; when not, `align` works from turns, order and durations."""
    if settings.language.split("-")[0] == "en":
        return True
    vocabulary = next(iter(sorted(settings.folder().glob("vocabulary.*"))), None)
    return vocabulary is not None and _tokens(vocabulary) > ENGLISH_ONLY_VOCABULARY


def key(recordings: Sequence[Recording], settings: Settings) -> str:
    """Identity of a transcript: the sound and where it lies, the model's bytes, language, beam and this module's version."""
    placed = [[r.recording_id, r.offset_samples] for r in recordings]
    model = digest_file(settings.folder() / "model.bin") if settings.model else weights.digest(["whisper-tiny-en"])
    heard = {"model": model, "language": settings.language, "beam": settings.beam}
    return digest({"version": VERSION, "recordings": placed, **heard})


def transcribe(recordings: Sequence[Recording], *, root: Path, settings: Settings) -> list[Word]:
    """Every word heard, in order of recording and time, in timeline samples.

    Raises InputError when the model does not know the language (`can_hear` tells before).
    """
    if not can_hear(settings):
        message = f"the recogniser does not know the language {settings.language!r}"
        raise InputError(Problem(file=str(settings.folder()), message=message))
    transcript_id = key(recordings, settings)
    model = _model(settings)
    words: list[Word] = []
    for recording in recordings:
        for start, text, probability, length in _hear(model, recording, root=root, settings=settings):
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


def windows(sound: Sound, *, seconds: float = WINDOW_SECONDS) -> list[tuple[int, int]]:
    """Cut 16 kHz sound into spans of at most `seconds`, each cut in the quietest moment of the last two thirds of its span."""
    longest = round(seconds * ANALYSIS_HZ)
    levels = loudness.levels(sound)
    found = []
    start = 0
    while len(sound) - start > longest:
        first, last = (start + longest // 3) // loudness.HOP, (start + longest) // loudness.HOP
        cut = (first + loudness.quietest(levels[first:last])) * loudness.HOP
        found.append((start, cut))
        start = cut
    return [*found, (start, len(sound))]


def _hear(model: Any, recording: Recording, *, root: Path, settings: Settings) -> Iterator[tuple[int, str, float, int]]:
    """Start, text, probability and length of each word of a recording, in its 16 kHz samples."""
    position = 0
    for block in ingest.analysis_blocks(recording, root=root, seconds=BLOCK_SECONDS):
        if loudness.is_sound(block):
            for start, end in windows(block):
                for first, last, text, probability in _window(model, block[start:end], settings=settings):
                    yield position + start + first, text, probability, last - first
        position += len(block)


def _window(model: Any, sound: Sound, *, settings: Settings) -> list[tuple[int, int, str, float]]:
    if not loudness.is_sound(sound):
        return []
    segments, _ = model.transcribe(
        sound,
        language=settings.language.split("-")[0],
        beam_size=settings.beam,
        word_timestamps=True,
        condition_on_previous_text=False,  # a misheard word must not lead the next window astray
        temperature=[0.0, 0.4],
    )
    heard = [word for segment in segments for word in segment.words or ()]
    spans = [(round(word.start * ANALYSIS_HZ), round(word.end * ANALYSIS_HZ)) for word in heard]
    drawn = loudness.draw_in(spans, sound)
    return [(*span, word.word.strip(), word.probability) for span, word in zip(drawn, heard, strict=True)]


def _model(settings: Settings) -> Any:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # the model is a local directory; never ask a hub
    from faster_whisper import WhisperModel

    return WhisperModel(str(settings.folder()), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)


def _tokens(vocabulary: Path) -> int:
    if vocabulary.suffix == ".json":
        import json

        return len(json.loads(vocabulary.read_text(encoding="utf-8")))
    return len(vocabulary.read_text(encoding="utf-8").splitlines())
