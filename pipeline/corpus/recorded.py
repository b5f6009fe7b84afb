# SPDX-License-Identifier: Apache-2.0
"""Prepare clips of published corpora: from a performance to arrays and a row."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from manifests.atomic_write import atomic_write
from manifests.corpus_rows import CorpusClip
from manifests.identity import digest, digest_file
from manifests.timebase import ANALYSIS_HZ
from model.affect.prepared_corpus import RATE, PreparedPortrait, save_arrays
from pipeline import media
from pipeline.corpus import crema_d, hdtf, mead
from pipeline.corpus.generate import count_frames, prepared_path
from pipeline.corpus.layout import WINDOW_SECONDS, CorpusPerformance, Layout, assign_split
from pipeline.corpus.prepare import Frame, Preparer, UnfitError
from pipeline.corpus.synthetic import PORTRAITS

VERSION = "1"  # of what is made of the same files
SHORT_SIDE = 512  # px to which larger pictures are scaled before anything is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCorpus:
    """A corpus whose layout is known. `shape`: how its files are named, for people."""

    name: str
    licence: str
    shape: str
    layout: Callable[[Path], Layout]


KNOWN = {
    corpus.NAME: PublishedCorpus(
        name=corpus.NAME, licence=corpus.LICENCE, shape=corpus.SHAPE, layout=corpus.read_layout
    )
    for corpus in (mead, hdtf, crema_d)
}


def identify_clip(performance: CorpusPerformance) -> str:
    """Digest what a clip is read from: the bytes of its files and the stretch of them."""
    sound = "" if performance.audio is None else digest_file(performance.audio)
    stretch = [str(performance.start), RATE, SHORT_SIDE]
    return digest(["recorded", VERSION, digest_file(performance.video), sound, *stretch])


def prepare_clip(
    performance: CorpusPerformance,
    preparer: Preparer,
    *,
    root: Path,
    folder: Path,
    corpus: PublishedCorpus,
) -> CorpusClip:
    """Prepare a performance under `folder`, or find it prepared.

    Raises UnfitError, InputError and ToolError.
    """
    clip_id = identify_clip(performance)
    path = folder / prepared_path(clip_id)
    if not path.is_file():
        _prepare_arrays(performance, preparer, path, folder=folder)
    return CorpusClip(
        clip_id=clip_id,
        corpus=corpus.name,
        identity=performance.identity,
        emotion=performance.emotion,
        level=performance.level,
        intensity=performance.intensity,
        voice=performance.identity,
        text=performance.text,
        text_id=performance.text_id,
        split=assign_split(performance.identity),
        frames=count_frames(path),
        prepared=prepared_path(clip_id),
        licence=corpus.licence,
        source=performance.video.relative_to(root).as_posix(),
    )


def _prepare_arrays(
    performance: CorpusPerformance, preparer: Preparer, path: Path, *, folder: Path
) -> None:
    frames = _read_frames(performance)
    first = next(frames, None)
    if first is None:
        raise UnfitError("no frames")
    clip = preparer.prepare_clip(itertools.chain([first], frames), _read_sound(performance))
    portrait = PreparedPortrait(face=clip.faces[0], points=clip.points[0])
    _save_portrait(performance, portrait, first, folder=folder)
    save_arrays(clip, path)  # last: a clip that stands has its person's portrait


def _save_portrait(
    performance: CorpusPerformance, portrait: PreparedPortrait, picture: Frame, *, folder: Path
) -> None:
    """Save the first frame of an identity's neutral clip as its portrait.

    It is saved prepared, and as a picture for talkers. The frame of another clip serves until there
    is a neutral one.
    """
    path = folder / "prepared" / f"{performance.identity}.portrait.safetensors"
    if performance.emotion == "neutral" or not path.is_file():
        import cv2

        with atomic_write(folder / PORTRAITS / f"{performance.identity}.png") as partial:
            cv2.imwrite(str(partial), picture[..., ::-1])
        save_arrays(portrait, path)


def _read_frames(performance: CorpusPerformance) -> Iterator[Frame]:
    video = media.probe(performance.video).video
    if video is None:
        raise UnfitError("no picture")
    scale = min(1.0, SHORT_SIDE / min(video.width, video.height))
    width, height = (max(2, round(side * scale / 2) * 2) for side in (video.width, video.height))
    frames = media.read_frames(
        performance.video,
        width=width,
        height=height,
        filters=f"fps={RATE}",
        start=performance.start,
        tolerant=True,
    )
    return itertools.islice(frames, WINDOW_SECONDS * RATE)


def _read_sound(performance: CorpusPerformance) -> Float32[np.ndarray, " samples"]:
    path = performance.audio or performance.video
    if media.probe(path).audio is None:
        raise UnfitError("no sound")
    wanted = WINDOW_SECONDS * ANALYSIS_HZ
    blocks = media.read_audio(
        path,
        hz=ANALYSIS_HZ,
        channels=1,
        block_seconds=WINDOW_SECONDS,
        start=performance.start,
        tolerant=True,
    )
    first = next(blocks, np.zeros((0, 1), np.float32))
    return np.asarray(first[:wanted, 0])


def list_unknown_files(layout: Layout, root: Path) -> list[tuple[str, str]]:
    """List files that are no performances, as (relative path, reason)."""
    return [(path.relative_to(root).as_posix(), reason) for path, reason in layout.unknown]
