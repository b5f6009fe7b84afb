# SPDX-License-Identifier: Apache-2.0
"""Subjects of an evaluation besides the corpus itself: a talker or a folder of films.

A talker gets the corpus' portraits, sounds and emotions. Films are named by clip id (`CLIP.mp4`)
and show what the clip says, from its first frame on, at 25 frames a second.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from manifests.corpus_rows import CorpusClip
from manifests.errors import InputError, Problem, collect_problems
from model.affect.prepared_corpus import HEARD_PER_FRAME, RATE, Corpus
from model.emotion import Performance, hold_emotion
from model.talker import Speech, Talker
from model.talkers import load
from pipeline import media
from pipeline.render import portraits

if TYPE_CHECKING:
    from model.judges.evaluation import Faces, FrameMaker, FrameWindow
    from model.previs.landmarks import Landmarker

FILMS = (".mp4", ".mkv", ".mov", ".webm")
SHORT_SIDE = 256  # px at which previs draws: the corpus' portraits have no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A source of pictures, and the clips that it covers."""

    make: FrameMaker
    clips: Sequence[CorpusClip]


def build_nano_subject(
    corpus: Corpus, clips: Sequence[CorpusClip], *, weights: str, seed: int
) -> Subject:
    """Build the subject of the small diffusion talker, which makes only the crops to judge.

    `weights`: folder of a checkpoint, "" for the one that ships.

    Raises:
        InputError: There is no checkpoint.
    """
    import torch

    from model import nano
    from model.nano.networks import NanoNetworks
    from model.nano.sample import request_clip, sample

    networks = NanoNetworks.load(nano.read_settings({"weights": weights}).folder)

    def make(clip: CorpusClip, window: slice) -> Faces:
        asked = request_clip(corpus, clip, frames=window.stop - window.start)
        here = dataclasses.replace(
            asked,
            states=asked.states[HEARD_PER_FRAME * window.start :],
            prosody=asked.prosody[window.start :],
        )
        with torch.inference_mode():
            faces: Faces = sample(networks, here, seed=seed).numpy()
        return faces

    return Subject(make=make, clips=clips)


def build_talker_subject(
    name: str, corpus: Corpus, clips: Sequence[CorpusClip], *, landmarker: Landmarker, seed: int
) -> Subject:
    """Build the subject of a talker, for every clip whose person has a portrait.

    Each clip's emotion is held at its intensity.

    Raises:
        InputError: As talkers do, or nobody has a portrait.
    """
    known = [clip for clip in clips if _portrait(corpus, clip).is_file()]
    if not known:
        raise InputError(
            [
                Problem(file=str(_portrait(corpus, clip)), message="no such portrait")
                for clip in clips[:1]
            ]
        )
    talker = load(name, {"size": SHORT_SIDE} if name == "previs" else {})

    def make(clip: CorpusClip, window: slice) -> Faces:
        frames = _talk(talker, clip, corpus, seed)
        return _crop_window(frames, window, landmarker, name=f"{name}, clip {clip.clip_id}")

    return Subject(make=make, clips=known)


def build_film_subject(
    folder: Path, clips: Sequence[CorpusClip], window: FrameWindow, landmarker: Landmarker
) -> Subject:
    """Build the subject of a folder of films.

    It covers every clip of those corpora of which there is any film.

    Raises:
        InputError: Names every clip without a film, and every film that cannot be read or is
            shorter than the `window` to judge.
    """
    films = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in FILMS}
    filmed = {clip.corpus for clip in clips if clip.clip_id in films}
    wanted = [clip for clip in clips if clip.corpus in filmed or not filmed]
    _check_films(folder, films, wanted, window)

    def make(clip: CorpusClip, window: slice) -> Faces:
        return _crop_window(
            _read_film(films[clip.clip_id]), window, landmarker, name=str(films[clip.clip_id])
        )

    return Subject(make=make, clips=wanted)


def _check_films(
    folder: Path, films: Mapping[str, Path], clips: Sequence[CorpusClip], window: FrameWindow
) -> None:
    """Check that every clip has a film that lasts as long as its window.

    Raises:
        InputError: With the problems of all clips.
    """
    problems = list[Problem]()
    for clip in clips:
        if clip.clip_id in films:
            frames = window.select_frames(clip.frames).stop
            collect_problems(problems, partial(_check_film, films[clip.clip_id], frames))
        else:
            message, expected = "no film of this clip", f"CLIP.mp4 ({', '.join(FILMS)})"
            problems.append(
                Problem(file=str(folder / clip.clip_id), message=message, expected=expected)
            )
    if problems:
        raise InputError(problems)


def _talk(talker: Talker, clip: CorpusClip, corpus: Corpus, seed: int) -> Iterator[np.ndarray]:
    portrait = portraits.read(_portrait(corpus, clip), face="largest")
    samples = corpus.array(clip, "speech").astype(np.float32) / 32768
    text = clip.text or None
    speech = Speech(samples=samples, lead=0, frames=clip.frames, rate=Fraction(RATE), text=text)
    performance = Performance.from_curve(
        hold_emotion(clip.emotion, clip.intensity), start=0, end=clip.frames
    )
    return iter(talker.talk(portrait, speech, performance, seed))


def _portrait(corpus: Corpus, clip: CorpusClip) -> Path:
    return corpus.folder / "portraits" / f"{clip.identity}.png"


def _check_film(path: Path, frames: int) -> None:
    """Check that a film can be opened and is long enough.

    Raises:
        InputError: It has no picture, or fewer than `frames` frames.
    """
    info = media.probe(path)
    if info.video is None:
        raise InputError(Problem(file=str(path), message="there is no picture in this file"))
    # 0: it does not say; a frame more or less is seen when it is read
    if 0 < info.seconds * RATE < frames - 1:
        raise _too_short(str(path), frames, f"{float(info.seconds):.2f} s")


def _too_short(name: str, frames: int, got: str) -> InputError:
    expected = f"{frames} frames, {frames / RATE:.2f} s"
    return InputError(
        Problem(file=name, message="shorter than the clip", expected=expected, got=got)
    )


def _read_film(path: Path) -> Iterator[np.ndarray]:
    info = media.probe(path)
    assert info.video is not None  # _check_film has seen to it
    return media.read_frames(
        path, width=info.video.width, height=info.video.height, filters=f"fps={RATE}", tolerant=True
    )


def _crop_window(
    frames: Iterator[np.ndarray], window: slice, landmarker: Landmarker, *, name: str
) -> Faces:
    from model.judges.corpus_crop import crop_faces

    faces = crop_faces(islice(frames, window.stop), landmarker, name=name)
    if len(faces) < window.stop:
        raise _too_short(name, window.stop, f"{len(faces)} frames")
    return faces[window]
