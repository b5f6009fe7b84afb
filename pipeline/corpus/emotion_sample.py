# SPDX-License-Identifier: Apache-2.0
"""Measure the emotion in a sample of a performance: a clip, a recording or a picture.

The result is a Gaussian in the embedder's space and a text of the emotion grammar. Talkers whose
weights were trained with the same embedder take the Gaussian; all others get the text, a blend over
the eight labels with its intensity. Not the embedder (`model/affect`) and not the preparation of
media (`pipeline/corpus/prepare.py`).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem
from manifests.identity import digest, digest_file
from manifests.timebase import ANALYSIS_HZ, frames_covering
from model.emotion import EmotionCurve, parse_curve
from model.weights import cache_folder
from pipeline import media
from pipeline.render import portraits

if TYPE_CHECKING:
    from model.affect.embedder import Gaussian
    from model.affect.prepared_corpus import PreparedClip
    from pipeline.corpus.prepare import Preparer

VERSION = "1"  # of what this module makes of the same file and embedder
RATE = Fraction(25)
LONGEST_SECONDS = 10  # of a sample that are looked at; longer ones hold several emotions
STILL_FRAMES = 12
QUIET = 1e-3  # RMS below which a clip is silent
PICTURES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleEmotion:
    """The emotion of a sample.

    `words`: a mix of labels. `senses`: what the embedder had to go by, `audio`, `video` or both.
    """

    gaussian: Gaussian
    intensity: float
    words: EmotionCurve
    senses: tuple[str, ...]


def measure_emotion(path: Path) -> SampleEmotion:
    """Measure a sample's emotion with the embedder.

    Raises InputError when the file is no sample of one person, or there is no embedder.
    """
    from model.affect import packaged
    from model.affect.embedder import EmotionEmbedder
    from model.affect.priors import EmotionPriors
    from pipeline.speech import repeatable

    place = packaged.find_embedder()
    embedder, priors = EmotionEmbedder.load(place), EmotionPriors.load(place)
    sample, senses = prepare_sample(path)
    with repeatable.single_thread():
        gaussian, intensity = embedder.encode(sample, senses)  # type: ignore[arg-type]
    return SampleEmotion(
        gaussian=gaussian,
        intensity=intensity,
        words=priors.mix(gaussian, intensity=intensity),
        senses=senses,
    )


def describe_emotion(path: Path) -> str:
    """Describe a sample's emotion as text of the grammar, from the cache when it is known.

    The cache knows the file and the embedder by their bytes.
    """
    from model.affect import checkpoint, packaged

    embedder = checkpoint.read_digest(packaged.find_embedder())
    place = _cache_folder() / f"{digest_file(path)}-{digest([VERSION, embedder])}.json"
    if place.is_file():
        return str(parse_curve(json.loads(place.read_text(encoding="utf-8"))["words"]))
    found = str(measure_emotion(path).words)
    with atomic_write(place) as partial:
        partial.write_text(json.dumps({"words": found}) + "\n", encoding="utf-8")
    return found


def find_cached(path: Path) -> list[Path]:
    """Find the files of the cache that were made from a sample, by whatever embedder."""
    return sorted(_cache_folder().glob(f"{digest_file(path)}-*.json"))


def _cache_folder() -> Path:
    return cache_folder() / layout.CACHED_EMOTIONS


def prepare_sample(path: Path) -> tuple[PreparedClip, tuple[str, ...]]:
    """Prepare the sample's arrays; return them with the senses that they hold.

    Raises InputError when the file is no sample of an emotion.
    """
    from pipeline.corpus.prepare import Preparer, UnfitError

    info = None if path.suffix.lower() in PICTURES else media.probe(path)
    frames = _read_frames(path, info)
    sound = _read_sound(path) if info and info.audio else np.zeros(0, np.float32)
    speaks = len(sound) > 0 and float(np.sqrt(np.mean(sound**2))) >= QUIET
    if frames is None and not speaks:
        raise InputError(
            Problem(file=str(path), message="this sample has neither a face nor speech")
        )
    try:
        return _build_arrays(Preparer(), frames, sound if speaks else None)
    except UnfitError as error:
        raise InputError(
            Problem(file=str(path), message=f"not a sample of an emotion: {error}")
        ) from error


def _build_arrays(
    preparer: Preparer, frames: Iterator[np.ndarray] | None, sound: np.ndarray | None
) -> tuple[PreparedClip, tuple[str, ...]]:
    """Build arrays of one sense or both.

    A missing sense is zeros, which the embedder is told not to look at.
    """
    if sound is None:
        assert frames is not None
        return _add_silence(*preparer.prepare_pictures(frames)), ("video",)
    if frames is None:
        return _add_empty_pictures(preparer, sound), ("audio",)
    return preparer.prepare_clip(frames, sound), ("audio", "video")


def _add_silence(faces: np.ndarray, points: np.ndarray) -> PreparedClip:
    from model.affect import prepared_corpus as corpus

    count = len(faces)
    return corpus.PreparedClip(
        faces=faces,
        points=points,
        speech=np.zeros(count * corpus.SAMPLES_PER_FRAME, np.int16),
        heard=np.zeros((count * corpus.HEARD_PER_FRAME, corpus.HEARD_WIDTH), np.float16),
        prosody=np.zeros((count, len(corpus.PROSODY)), np.float32),
    )


def _add_empty_pictures(preparer: Preparer, sound: np.ndarray) -> PreparedClip:
    from model.affect import prepared_corpus as corpus

    count = frames_covering(len(sound), RATE, ANALYSIS_HZ)
    speech, states, prosody = preparer.prepare_sound(sound, count)
    return corpus.PreparedClip(
        faces=np.zeros((count, corpus.FACE_PX, corpus.FACE_PX, 3), np.uint8),
        points=np.zeros((count, corpus.POINTS, 2), np.float16),
        speech=speech,
        heard=states,
        prosody=prosody,
    )


def _read_frames(path: Path, info: media.MediaInfo | None) -> Iterator[np.ndarray] | None:
    """Read frames at 25 a second: a film's, or a picture repeated; None for a recording."""
    if info is None:
        return itertools.repeat(portraits.read(path, face="largest").pixels, STILL_FRAMES)
    if info.video is None:
        return None
    filters = f"trim=duration={LONGEST_SECONDS},fps={RATE}"
    return media.read_frames(
        path, width=info.video.width, height=info.video.height, filters=filters, tolerant=True
    )


def _read_sound(path: Path) -> np.ndarray:
    wanted = LONGEST_SECONDS * ANALYSIS_HZ
    blocks, got = [], 0
    for block in media.read_audio(path, hz=ANALYSIS_HZ, channels=1, tolerant=True):
        blocks.append(block[:, 0])
        got += len(block)
        if got >= wanted:
            break
    return np.concatenate(blocks)[:wanted] if blocks else np.zeros(0, np.float32)
