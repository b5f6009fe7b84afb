# SPDX-License-Identifier: Apache-2.0
"""The synthetic corpus, made: a planned clip is spoken, performed by the previs talker, filmed and
prepared.

The talker is used as the product uses it; between its acting and its drawing stand the draws of
`performance`. Files come first and whole; the rows of what was made are the caller's to record.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from manifests.rows import CorpusClip
from model.affect.prepared_corpus import HZ, RATE, SAMPLES_PER_FRAME, save
from model.previs import NAME, VERSION, score
from model.previs.phones import TICK, Phone, Phones, Samples
from model.previs.talker import PrevisTalker, load
from model.previs.warp import Renderer
from model.talker import Portrait, Speech
from pipeline.corpus import performance, psola, unit_heads, vocal_manner
from pipeline.corpus.prepare import Preparer
from pipeline.corpus.synthetic import LINES, PORTRAITS, UNITS, Planned, SpokenLine
from pipeline.corpus.unit_heads import PlannedUnits
from pipeline.render import portraits

MOST_FRAMES = 60
LANDMARKS_EVERY = 2  # frames


class Studio:
    """Makes clips of a corpus folder. Loads its networks once; one for each process."""

    def __init__(self, folder: Path) -> None:
        """Raises InputError when weights are missing."""
        self.folder = folder
        self._preparer = Preparer(every=LANDMARKS_EVERY)
        talker = load()
        assert isinstance(talker, PrevisTalker)
        self._talker = talker
        self._phones = Phones()
        self._dry = lru_cache(maxsize=64)(self._read_line)

    def portrait(self, identity: str, *, among: str = PORTRAITS) -> None:
        """Prepare the neutral face of an identity, if it is not there yet. Raises UnfitError."""
        path = self.folder / "prepared" / f"{identity}.portrait.safetensors"
        if not path.is_file():
            save(
                self._preparer.portrait(
                    portraits.read(self.folder / among / f"{identity}.png").pixels
                ),
                path,
            )

    def make(self, planned: Planned) -> CorpusClip:
        """Make a clip, or find it made. Raises UnfitError, and InputError when the portrait cannot
        be animated.
        """
        path = self.folder / prepared_path(planned.clip_id)
        chance = np.random.default_rng(planned.number)
        take = performance.draw(planned.emotion, planned.level, chance)
        manner = vocal_manner.draw(planned.emotion, take.intensity, chance)
        if not path.is_file():
            said = psola.said(self._dry(planned.line)[0], manner)
            frames = self._performed(planned, take, said)
            sound = said.sound.astype(np.float32)
            save(
                self._preparer.clip(performance.filmed(frames, take), sound, framing=take.framing),
                path,
            )
        return row(planned, take.intensity, frames=frames_of(path))

    def make_units(self, planned: PlannedUnits) -> CorpusClip:
        """Make a clip of the units set, or find it made. Raises UnfitError."""
        path = self.folder / prepared_path(planned.clip_id)
        if not path.is_file():
            chance = np.random.default_rng(planned.number)
            # its light, crop and compression
            take = performance.draw(planned.emotion, planned.level, chance)
            said = psola.said(
                self._dry(planned.line)[0],
                vocal_manner.draw(planned.emotion, take.intensity, chance),
            )
            stills = unit_heads.stills(self.folder / UNITS / planned.file, planned.stills)
            frames = unit_heads.blended(
                stills, min(len(said.sound) // SAMPLES_PER_FRAME, MOST_FRAMES)
            )
            sound = said.sound.astype(np.float32)
            save(
                self._preparer.clip(performance.filmed(frames, take), sound, framing=take.framing),
                path,
            )
        return unit_heads.row(
            planned, frames=frames_of(path), prepared=prepared_path(planned.clip_id)
        )

    def _performed(
        self, planned: Planned, take: performance.Take, said: psola.Said
    ) -> Iterator[np.ndarray]:
        """The talker's frames of a take."""
        frames = min(len(said.sound) // SAMPLES_PER_FRAME, MOST_FRAMES)
        speech = Speech(
            samples=said.sound.astype(np.float32),
            lead=0,
            frames=frames,
            rate=Fraction(RATE),
            text=planned.line.text,
        )
        phones = Known(self._dry(planned.line)[1], said)
        poses = score.poses(speech, take.performance(), take.seed, phones=phones)
        renderer = Renderer(self._talker.puppet(self._picture(planned.identity)))
        for pose in performance.acted(poses, take):
            yield renderer.frame(pose)

    def _picture(self, identity: str) -> Portrait:
        return portraits.read(self.folder / PORTRAITS / f"{identity}.png")

    def _read_line(self, line: SpokenLine) -> tuple[np.ndarray, list[Phone]]:
        """A neutral recording and its phones, which are found once for all manners of saying it."""
        sound = read_sound(self.folder / LINES / line.file)
        phones = self._phones.align(sound, line.text) or self._phones.decode(sound)
        return sound.astype(np.float64), phones


def read_sound(path: Path) -> Float32[np.ndarray, " samples"]:
    """A recording as mono 16 kHz."""
    import soundfile

    sound, hz = soundfile.read(path, dtype="float32", always_2d=True)
    if hz != HZ:
        raise ValueError(f"{path} has {hz} Hz, not {HZ}")
    return np.asarray(sound.mean(axis=1), np.float32)


def prepared_path(clip_id: str) -> str:
    """Where the arrays of a clip lie, relative to the corpus."""
    return f"prepared/{clip_id}.safetensors"


def frames_of(path: Path) -> int:
    """How many frames a prepared clip has, from the file's header."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return int(file.get_slice("faces").get_shape()[0])


class Known(Phones):
    """Phones that are known already, moved to where a manner of speaking put them."""

    def __init__(self, dry: list[Phone], said: psola.Said) -> None:
        """`dry`: the phones of the neutral recording."""
        self._moved = [
            Phone(
                phone.name,
                round(said.at(phone.start * TICK) / TICK),
                round(said.at(phone.end * TICK) / TICK),
            )
            for phone in dry
        ]

    def decode(self, samples: Samples) -> list[Phone]:  # noqa: ARG002
        """The phones, whatever is asked about."""
        return self._moved

    def align(self, samples: Samples, text: str) -> list[Phone]:  # noqa: ARG002
        """The phones, whatever is asked about."""
        return self._moved


def row(planned: Planned, intensity: float, *, frames: int) -> CorpusClip:
    """What the record says of a clip."""
    return CorpusClip(
        clip_id=planned.clip_id,
        corpus="synthetic",
        identity=planned.identity,
        emotion=planned.emotion,
        level=planned.level,
        intensity=intensity,
        voice=planned.line.voice,
        text=planned.line.text,
        text_id=planned.line.text_id,
        split=planned.person.split,
        frames=frames,
        prepared=prepared_path(planned.clip_id),
        licence=planned.person.licence,
        source=f"{NAME} {VERSION}",
    )
