# SPDX-License-Identifier: Apache-2.0
"""What a sample of a performance feels like: a clip, a recording or a picture becomes a Gaussian,
and words of the emotion grammar.

Talkers whose weights were trained with the same embedder take the Gaussian; all others get the
words: a blend over the eight labels with its intensity. Not the embedder (`model/training`) and not
the preparing of media (`pipeline/corpus/prepare.py`).
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
    """What a sample feels like. `words`: a mix of labels. `senses`: what there was to go by,
    `audio`, `video` or both.
    """

    gaussian: Gaussian
    intensity: float
    words: EmotionCurve
    senses: tuple[str, ...]


def measure_emotion(path: Path) -> SampleEmotion:
    """Ask the embedder. Raises InputError when the file is no sample of one person, or there is no
    embedder.
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
    """What a sample feels like as text of the grammar, from the cache when the same file was asked
    of the same embedder before.
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
    """The files of the cache that were made of a sample, by whatever embedder."""
    return sorted(_cache_folder().glob(f"{digest_file(path)}-*.json"))


def _cache_folder() -> Path:
    return cache_folder() / "emotions"


def prepare_sample(path: Path) -> tuple[PreparedClip, tuple[str, ...]]:
    """The sample's arrays and which senses they hold. Raises InputError when nothing can be made of
    it.
    """
    from pipeline.corpus.prepare import Preparer, UnfitError

    info = None if path.suffix.lower() in PICTURES else media.probe(path)
    frames = _read_frames(path, info)
    sound = _read_sound(path) if info and info.audio else np.zeros(0, np.float32)
    heard = len(sound) > 0 and float(np.sqrt(np.mean(sound**2))) >= QUIET
    if frames is None and not heard:
        raise InputError(
            Problem(file=str(path), message="there is neither a face nor speech in this sample")
        )
    try:
        return _build_arrays(Preparer(), frames, sound if heard else None)
    except UnfitError as error:
        raise InputError(
            Problem(file=str(path), message=f"not a sample of an emotion: {error}")
        ) from error


def _build_arrays(
    preparer: Preparer, frames: Iterator[np.ndarray] | None, sound: np.ndarray | None
) -> tuple[PreparedClip, tuple[str, ...]]:
    """One sense or both; what is not there is zeros, which the embedder is told not to look at."""
    from model.affect.prepared_corpus import (
        FACE_PX,
        HEARD_PER_FRAME,
        HEARD_WIDTH,
        POINTS,
        PROSODY,
        SAMPLES_PER_FRAME,
        PreparedClip,
    )

    if frames is not None and sound is not None:
        return preparer.prepare_clip(frames, sound), ("audio", "video")
    if frames is not None:
        faces, points = preparer.prepare_pictures(frames)
        count = len(faces)
        speech = np.zeros(count * SAMPLES_PER_FRAME, np.int16)
        heard = np.zeros((count * HEARD_PER_FRAME, HEARD_WIDTH), np.float16)
        prosody = np.zeros((count, len(PROSODY)), np.float32)
        return PreparedClip(faces=faces, points=points, speech=speech, heard=heard, prosody=prosody), (
            "video",
        )
    assert sound is not None
    count = frames_covering(len(sound), RATE, ANALYSIS_HZ)
    speech, heard, prosody = preparer.prepare_sound(sound, count)
    faces = np.zeros((count, FACE_PX, FACE_PX, 3), np.uint8)
    points = np.zeros((count, POINTS, 2), np.float16)
    return PreparedClip(faces=faces, points=points, speech=speech, heard=heard, prosody=prosody), (
        "audio",
    )


def _read_frames(path: Path, info: media.MediaInfo | None) -> Iterator[np.ndarray] | None:
    """Frames at 25 a second: a film's, or a picture shown for a while; None of a recording without
    picture.
    """
    if info is None:
        return itertools.repeat(portraits.read(path, face="largest").pixels, STILL_FRAMES)
    if info.video is None:
        return None
    filters = f"trim=duration={LONGEST_SECONDS},fps={RATE}"
    return media.read_frames(
        path, width=info.video.width, height=info.video.height, filters=filters
    )


def _read_sound(path: Path) -> np.ndarray:
    wanted = LONGEST_SECONDS * ANALYSIS_HZ
    blocks, got = [], 0
    for block in media.read_audio(path, hz=ANALYSIS_HZ, channels=1):
        blocks.append(block[:, 0])
        got += len(block)
        if got >= wanted:
            break
    return np.concatenate(blocks)[:wanted] if blocks else np.zeros(0, np.float32)
