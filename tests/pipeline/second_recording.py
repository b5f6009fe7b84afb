# SPDX-License-Identifier: Apache-2.0
"""The example's dialogue recorded a second time: other pauses, other levels, more noise; made from
the dry lines that tests keep.

Settings that only fit the example's own recording fail on this one. It needs no voices, only
`tests/data/lighthouse`, whose lines were spoken by `examples/make_lighthouse.py`. It is not a
second performance: each line is the same sound as in the example.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile as sf
from jaxtyping import Float64

from manifests.timebase import MASTER_HZ

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "lighthouse"
EXAMPLE = ROOT / "examples" / "lighthouse" / "recordings" / "dialogue.flac"

DRY_HZ = 24_000
# the example: Henrik loudest, Nadia softest
LEVELS_DB = {"HENRIK": -3.0, "MARA": -1.0, "NADIA": 2.0}
PAUSES_SECONDS = (0.3, 1.3)
OVERLAP_SECONDS = (0.4, 0.8)
CEILING = 0.7
_LEAD = round(0.03 * DRY_HZ)  # of each dry line: its fade before what is audible
_TAIL = round(0.15 * DRY_HZ)  # and after it
_FRAME = 2048

Sound = Float64[np.ndarray, "samples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """The truth of one line: audible span in samples, at 48 kHz on the recording and at 24 kHz in
    the file of dry lines."""

    order: int
    character: str
    text: str
    start: int
    end: int
    dry_start: int
    dry_end: int


def example_truth() -> tuple[Spoken, ...]:
    """Where each line of the example's own recording stands, in script order."""
    with (DATA / "truth.csv").open(encoding="utf-8", newline="") as sheet:
        rows = list(csv.DictReader(sheet))
    numbers = ("order", "start", "end", "dry_start", "dry_end")
    return tuple(
        Spoken(
            character=row["character"],
            text=row["text"],
            **{name: int(row[name]) for name in numbers},
        )
        for row in rows
    )


def second_recording(
    folder: Path, *, seed: int = 2, noise_db: float = 6.0
) -> tuple[Path, tuple[Spoken, ...]]:
    """Write `folder/second.flac` (48 kHz mono, 16 bits) and return it with its truth. The same seed
    gives the same samples.

    `noise_db`: how much louder than in the example the room tone is; its spectrum is measured
    there."""
    generator = np.random.default_rng(seed)
    truth = _replaced(example_truth(), generator)
    speech = _mix(truth)
    room = _room_tone(len(speech), gain_db=noise_db, generator=generator)
    path = folder / "second.flac"
    sf.write(path, speech + room, MASTER_HZ, subtype="PCM_16")
    return path, truth


def _replaced(example: tuple[Spoken, ...], generator: np.random.Generator) -> tuple[Spoken, ...]:
    """New starts: random pauses, and an overlap where the example has one."""
    placed: list[Spoken] = []
    now = round(0.5 * MASTER_HZ)
    for before, line in zip((None, *example), example, strict=False):
        overlaps = before is not None and line.start < before.end
        pause = (
            -generator.uniform(*OVERLAP_SECONDS) if overlaps else generator.uniform(*PAUSES_SECONDS)
        )
        start = now + round(pause * MASTER_HZ)
        now = start + line.end - line.start
        placed.append(replace(line, start=start, end=now))
    return tuple(placed)


def _mix(truth: tuple[Spoken, ...]) -> Sound:
    dry, rate = sf.read(DATA / "dry.flac", dtype="float64")
    assert rate == DRY_HZ
    mixed = np.zeros(truth[-1].end + MASTER_HZ)
    for line in truth:
        sound = doubled(dry[line.dry_start - _LEAD : line.dry_end + _TAIL])
        start = line.start - 2 * _LEAD
        mixed[start : start + len(sound)] += sound * 10 ** (LEVELS_DB[line.character] / 20)
    limited: Sound = mixed * min(1.0, CEILING / np.abs(mixed).max())
    return limited


def doubled(sound: Sound) -> Sound:
    """From 24 to 48 kHz, band-limited."""
    return np.fft.irfft(np.fft.rfft(sound), 2 * len(sound)) * 2


def _room_tone(samples: int, *, gain_db: float, generator: np.random.Generator) -> Sound:
    """Noise of the spectrum that the example's pauses have."""
    power = _pause_power()
    white = np.fft.rfft(generator.standard_normal(samples))
    places = np.linspace(0, len(power) - 1, len(white))
    shaped = np.fft.irfft(white * np.sqrt(np.interp(places, np.arange(len(power)), power)), samples)
    return shaped * 10 ** (gain_db / 20)


def _pause_power() -> Sound:
    """The gain in power, by frequency, that turns white noise into the example's room tone."""
    sound, _ = sf.read(EXAMPLE, dtype="float64")
    pauses = pauses_of(sound, example_truth())
    windows = [
        part[at : at + _FRAME] for part in pauses for at in range(0, len(part) - _FRAME + 1, _FRAME)
    ]
    window = np.hanning(_FRAME)
    spectra = np.abs(np.fft.rfft(np.stack(windows) * window, axis=1)) ** 2
    power: Sound = spectra.mean(axis=0) / (window**2).sum()
    return power


def pauses_of(sound: Sound, truth: tuple[Spoken, ...]) -> list[Sound]:
    """The stretches of a recording in which nobody speaks, without the faded edges of the lines."""
    silent = np.ones(len(sound), dtype=bool)
    for line in truth:
        silent[line.start - 2 * _LEAD : line.end + 2 * _TAIL] = False
    edges = np.flatnonzero(np.diff(np.r_[False, silent, False].astype(int)))
    return [sound[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
