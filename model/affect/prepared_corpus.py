# SPDX-License-Identifier: Apache-2.0
"""A prepared corpus: clips of known identity and emotion, each a safetensors file of arrays.

Media and the record are not read here: `pipeline/corpus` makes the files and passes the rows.
Everything is at 25 frames a second and 16 kHz, so frame i covers samples `640 i` to `640 (i + 1)`
and encoder states `2 i` and `2 i + 1`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float16, Float32, Int16, UInt8

from manifests.atomic_write import atomic_write
from manifests.corpus_rows import CorpusClip
from manifests.errors import InputError, Problem
from manifests.identity import digest
from model.emotion import LABELS

RATE = 25
HZ = 16000
FACE_PX = 64
POINTS = 468
HEARD_WIDTH = 384
HEARD_PER_FRAME = 2
SAMPLES_PER_FRAME = HZ // RATE
SPLITS = ("train", "judge", "val", "test")
"""`judge` trains the judges of a generator; the generator never sees it."""
PROSODY = ("log_f0", "voiced", "log_energy", "energy_step", "tilt", "rate")
"""Columns of `PreparedClip.prosody`.

Log of f0 in Hz (0 where unvoiced), voiced 0 or 1, energy in dB / 20, its step from the frame
before, spectral tilt (high over low band, dB / 20), and energy peaks a second around the frame."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedClip:
    """One clip of T frames.

    `faces`: RGB, one square crop for the whole clip, so that head motion stays. `points`: landmarks
    in units of the crop (0 to 1). `speech`: mono 16 kHz. `heard`: last hidden states of the Whisper
    tiny.en encoder, 50 a second. `prosody`: the columns of `PROSODY`.
    """

    faces: UInt8[np.ndarray, "frames 64 64 3"]
    points: Float16[np.ndarray, "frames 468 2"]
    speech: Int16[np.ndarray, " samples"]
    heard: Float16[np.ndarray, "states 384"]
    prosody: Float32[np.ndarray, "frames 6"]

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.faces)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedPortrait:
    """The neutral face of an identity, cropped as clips are."""

    face: UInt8[np.ndarray, "64 64 3"]
    points: Float16[np.ndarray, "468 2"]


class Corpus:
    """The clips under one folder. Arrays are read when they are asked for."""

    def __init__(self, rows: Sequence[CorpusClip], folder: Path) -> None:
        """Take the rows of clips, which name files relative to `folder`.

        The order of `rows` does not matter: clips are kept in the order of their ids.
        """
        self.folder = folder
        self.clips = tuple(sorted(rows, key=lambda row: row.clip_id))

    @property
    def digest(self) -> str:
        """Identity of the data: it changes when a clip comes, goes or is made anew.

        `units` clips do not count: nothing is trained on them.
        """
        return digest([clip.clip_id for clip in self.clips if clip.corpus != "units"])

    @property
    def licences(self) -> tuple[str, ...]:
        """Every licence of a clip, for the config beside a checkpoint."""
        return tuple(sorted({clip.licence for clip in self.clips}))

    def split(self, name: str, *, corpus: str | None = None) -> list[CorpusClip]:
        """Return the clips of one of `SPLITS`.

        `corpus` selects one source (`synthetic`, `units`, ...). Without it `units` is left out:
        that set is another kind of picture and is reported separately.
        """
        wanted = [clip for clip in self.clips if clip.split == name]
        if corpus is not None:
            return [clip for clip in wanted if clip.corpus == corpus]
        return [clip for clip in wanted if clip.corpus != "units"]

    def identities(self, name: str, *, corpus: str | None = None) -> list[str]:
        """Return the people in a split, in alphabetical order."""
        return sorted({clip.identity for clip in self.split(name, corpus=corpus)})

    def load(self, clip: CorpusClip) -> PreparedClip:
        """Load all arrays of a clip. Raises InputError when the file is missing."""
        return PreparedClip(**{name: self.array(clip, name) for name in PreparedClip.__slots__})

    def array(self, clip: CorpusClip, name: str, span: slice = slice(None)) -> Any:
        """Load one array of a clip, or a span of it along time; nothing else is read from disk."""
        return _read(self.folder / clip.prepared, name, span)

    def portrait(self, identity: str) -> PreparedPortrait:
        """Load the neutral face of an identity. Raises InputError when the file is missing."""
        path = self.folder / "prepared" / f"{identity}.portrait.safetensors"
        return PreparedPortrait(face=_read(path, "face"), points=_read(path, "points"))


def save_arrays(arrays: PreparedClip | PreparedPortrait, path: Path) -> None:
    """Write the arrays to `path`, completely or not at all."""
    from safetensors.numpy import save_file

    named = {name: np.ascontiguousarray(getattr(arrays, name)) for name in type(arrays).__slots__}
    with atomic_write(path) as partial:
        save_file(named, partial)


def _read(path: Path, name: str, span: slice = slice(None)) -> Any:
    from safetensors import safe_open

    if not path.is_file():
        raise InputError(
            Problem(
                file=str(path), message="the corpus has no such file", expected="a prepared clip"
            )
        )
    with safe_open(path, framework="numpy") as file:
        part = file.get_slice(name)
        start, stop, step = span.indices(part.get_shape()[0])
        return part[start:stop][::step]


TINY_FRAMES = 16
TINY_SPLITS = ("train",) * 4 + ("judge", "val") + ("test",) * 2


def write_tiny_corpus(folder: Path, *, seed: int = 0) -> Corpus:
    """Write a corpus for tests into `folder`: 8 identities in 8 emotions, 16 frames each.

    It is noise with something to learn: an emotion moves points, faces, states and pitch along
    directions of its own; an identity has a face and a pitch of its own.
    """
    chance = np.random.default_rng(seed)
    world = {
        "shape": chance.uniform(0.2, 0.8, (POINTS, 2)),
        "moves": chance.normal(0, 0.03, (len(LABELS), POINTS, 2)),
        "looks": chance.normal(0, 40, (len(LABELS), 8, 8, 1)),
        "sounds": chance.normal(0, 0.8, (len(LABELS), HEARD_WIDTH)),
    }
    rows = []
    for number, split in enumerate(TINY_SPLITS):
        identity = f"tiny-{number}"
        who = {
            "face": chance.uniform(60, 190, (8, 8, 3)),
            "points": chance.normal(0, 0.02, (POINTS, 2)),
        }
        neutral = world["shape"] + who["points"]
        still = PreparedPortrait(face=_enlarge(who["face"]), points=neutral.astype(np.float16))
        save_arrays(still, folder / "prepared" / f"{identity}.portrait.safetensors")
        for label in LABELS:
            row = _tiny_row(identity, label, split=split, seed=seed)
            save_arrays(_tiny_clip(world, who, LABELS.index(label), chance), folder / row.prepared)
            rows.append(row)
    return Corpus(rows, folder)


def _tiny_row(identity: str, label: str, *, split: str, seed: int) -> CorpusClip:
    clip_id = digest(["tiny", seed, identity, label])
    return CorpusClip(
        clip_id=clip_id,
        corpus="synthetic",
        identity=identity,
        emotion=label,
        level=2,
        intensity=0.7,
        voice=f"voice-{int(identity[-1]) % 3}",
        text="a tiny line",
        text_id="tiny",
        split=split,
        frames=TINY_FRAMES,
        prepared=f"prepared/{clip_id}.safetensors",
        licence="CC0-1.0",
    )


def _tiny_clip(
    world: dict[str, np.ndarray],
    who: dict[str, np.ndarray],
    emotion: int,
    chance: np.random.Generator,
) -> PreparedClip:
    onset = np.linspace(0.5, 1, TINY_FRAMES) * chance.uniform(0.7, 1.2)
    mouth = np.abs(np.sin(np.arange(TINY_FRAMES) * chance.uniform(0.5, 1.5)))
    points = world["shape"] + who["points"] + onset[:, None, None] * world["moves"][emotion]
    faces = [_enlarge(who["face"] + share * world["looks"][emotion]) for share in onset]
    for face, opened in zip(faces, mouth, strict=True):
        face[44 : 44 + 2 + int(8 * opened), 24:40] = 30
    heard = world["sounds"][emotion] + chance.normal(
        0, 1, (HEARD_PER_FRAME * TINY_FRAMES, HEARD_WIDTH)
    )
    pitch = np.log(120 + 20 * emotion + chance.normal(0, 8, TINY_FRAMES))
    others = chance.normal(0, 0.3, (TINY_FRAMES, 3))
    prosody = np.column_stack([pitch, np.ones(TINY_FRAMES), mouth - 2 + 0.2 * emotion, others])
    speech = np.repeat(mouth, SAMPLES_PER_FRAME) * chance.normal(
        0, 3000, TINY_FRAMES * SAMPLES_PER_FRAME
    )
    return PreparedClip(
        faces=np.stack(faces),
        points=points.astype(np.float16),
        speech=speech.astype(np.int16),
        heard=heard.astype(np.float16),
        prosody=prosody.astype(np.float32),
    )


def _enlarge(small: np.ndarray) -> UInt8[np.ndarray, "64 64 3"]:
    large = np.repeat(np.repeat(small, 8, axis=0), 8, axis=1)
    return np.asarray(np.clip(large, 0, 255), np.uint8)
