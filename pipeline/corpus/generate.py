# SPDX-License-Identifier: Apache-2.0
"""Generate the synthetic corpus: speak, perform, film and prepare each planned clip.

The talker is used as the product uses it; the draws of `performance` stand between its acting and
its drawing. Files come first and whole; the caller records the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from manifests.corpus_rows import CorpusClip
from model.affect.prepared_corpus import HZ, RATE, SAMPLES_PER_FRAME, save_arrays
from model.previs import NAME, VERSION, score
from model.previs.phones import TICK, Phone, PhoneDecoder, Samples
from model.previs.talker import PrevisTalker, load
from model.previs.warp import Renderer
from model.talker import Portrait, Speech
from pipeline.corpus import performance, psola, unit_heads, vocal_manner
from pipeline.corpus.prepare import Preparer
from pipeline.corpus.synthetic import LINES, PORTRAITS, UNITS, NeutralLine, PlannedClip
from pipeline.corpus.unit_heads import PlannedUnits
from pipeline.render import portraits

MOST_FRAMES = 60
LANDMARKS_EVERY = 2  # frames


class ClipGenerator:
    """Generates clips of a corpus folder. Loads its networks once; keep one for each process."""

    def __init__(self, folder: Path) -> None:
        """Load the networks. Raises InputError when weights are missing."""
        self.folder = folder
        self._preparer = Preparer(every=LANDMARKS_EVERY)
        talker = load()
        assert isinstance(talker, PrevisTalker)
        self._talker = talker
        self._phones = PhoneDecoder()
        self._dry = lru_cache(maxsize=64)(self._read_line)

    def prepare_portrait(self, identity: str, *, among: str = PORTRAITS) -> None:
        """Prepare the neutral face of an identity unless it exists. Raises UnfitError."""
        path = self.folder / "prepared" / f"{identity}.portrait.safetensors"
        if not path.is_file():
            save_arrays(
                self._preparer.prepare_portrait(
                    portraits.read(self.folder / among / f"{identity}.png").pixels
                ),
                path,
            )

    def make_clip(self, planned: PlannedClip) -> CorpusClip:
        """Make a clip, or find it made.

        Raises UnfitError, and InputError when the portrait cannot be animated.
        """
        path = self.folder / prepared_path(planned.clip_id)
        chance = np.random.default_rng(planned.number)
        take = performance.draw(planned.emotion, planned.level, chance)
        manner = vocal_manner.draw(planned.emotion, take.intensity, chance)
        if not path.is_file():
            modified = psola.modify_speech(self._dry(planned.line)[0], manner)
            frames = self._perform(planned, take, modified)
            self._save_clip(path, frames, take, modified)
        return build_row(planned, take.intensity, frames=count_frames(path))

    def make_units_clip(self, planned: PlannedUnits) -> CorpusClip:
        """Make a clip of the units set, or find it made. Raises UnfitError."""
        path = self.folder / prepared_path(planned.clip_id)
        if not path.is_file():
            chance = np.random.default_rng(planned.number)
            # its light, crop and compression
            take = performance.draw(planned.emotion, planned.level, chance)
            modified = psola.modify_speech(
                self._dry(planned.line)[0],
                vocal_manner.draw(planned.emotion, take.intensity, chance),
            )
            stills = unit_heads.read_stills(self.folder / UNITS / planned.file, planned.stills)
            frames = unit_heads.blend_stills(
                stills, min(len(modified.sound) // SAMPLES_PER_FRAME, MOST_FRAMES)
            )
            self._save_clip(path, frames, take, modified)
        return unit_heads.build_row(
            planned, frames=count_frames(path), prepared=prepared_path(planned.clip_id)
        )

    def _save_clip(
        self,
        path: Path,
        frames: Iterable[np.ndarray],
        take: performance.PerformanceDraw,
        modified: psola.ModifiedSpeech,
    ) -> None:
        clip = self._preparer.prepare_clip(
            performance.film_frames(frames, take),
            modified.sound.astype(np.float32),
            framing=take.framing,
        )
        save_arrays(clip, path)

    def _perform(
        self,
        planned: PlannedClip,
        take: performance.PerformanceDraw,
        modified: psola.ModifiedSpeech,
    ) -> Iterator[np.ndarray]:
        """Yield the talker's frames of a take."""
        speech = Speech(
            samples=modified.sound.astype(np.float32),
            lead=0,
            frames=min(len(modified.sound) // SAMPLES_PER_FRAME, MOST_FRAMES),
            rate=Fraction(RATE),
            text=planned.line.text,
        )
        phones = KnownPhones(self._dry(planned.line)[1], modified)
        poses = score.make_poses(speech, take.build_performance(), take.seed, phones=phones)
        renderer = Renderer(self._talker.find_puppet(self._read_portrait(planned.identity)))
        for pose in performance.act_poses(poses, take):
            yield renderer.render_frame(pose)

    def _read_portrait(self, identity: str) -> Portrait:
        return portraits.read(self.folder / PORTRAITS / f"{identity}.png")

    def _read_line(self, line: NeutralLine) -> tuple[np.ndarray, list[Phone]]:
        """Read a neutral recording and its phones, once for all manners of speaking."""
        sound = read_sound(self.folder / LINES / line.file)
        phones = self._phones.align(sound, line.text) or self._phones.decode(sound)
        return sound.astype(np.float64), phones


def read_sound(path: Path) -> Float32[np.ndarray, " samples"]:
    """Read a recording as mono 16 kHz."""
    import soundfile

    sound, hz = soundfile.read(path, dtype="float32", always_2d=True)
    if hz != HZ:
        raise ValueError(f"{path} has {hz} Hz, not {HZ}")
    return np.asarray(sound.mean(axis=1), np.float32)


def prepared_path(clip_id: str) -> str:
    """Return where the arrays of a clip lie, relative to the corpus."""
    return f"prepared/{clip_id}.safetensors"


def count_frames(path: Path) -> int:
    """Count the frames of a prepared clip, from the file's header."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return int(file.get_slice("faces").get_shape()[0])


class KnownPhones(PhoneDecoder):
    """Phones that are known already, moved to where a manner of speaking put them."""

    def __init__(self, dry: list[Phone], modified: psola.ModifiedSpeech) -> None:
        """Move the phones `dry` of the neutral recording."""
        self._moved = [
            Phone(
                phone.name,
                round(modified.map_sample(phone.start * TICK) / TICK),
                round(modified.map_sample(phone.end * TICK) / TICK),
            )
            for phone in dry
        ]

    def decode(self, samples: Samples) -> list[Phone]:  # noqa: ARG002
        """Return the known phones, whatever the sound."""
        return self._moved

    def align(self, samples: Samples, text: str) -> list[Phone]:  # noqa: ARG002
        """Return the known phones, whatever the sound and the text."""
        return self._moved


def build_row(planned: PlannedClip, intensity: float, *, frames: int) -> CorpusClip:
    """Build the record's row of a clip."""
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
