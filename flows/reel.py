# SPDX-License-Identifier: Apache-2.0
"""What a version is made of and what it is while it is being made; and the production's finishing settings as the stages take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.film import Film
from manifests.rows import Check, Cue, Cut, Deliverable, Recording, Shot, Take
from pipeline import deliver, qc, sound
from pipeline import grade as grading
from pipeline.captions import Caption

DELIVERABLES = "deliverables"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reel:
    """All that a version is made of."""

    shots: Sequence[Shot]
    takes: Sequence[Take]
    cues: Sequence[Cue]
    recordings: Sequence[Recording]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A version that is being made: its edit list and job, the folder it is written into, and its files by profile."""

    film: Film
    reel: Reel
    cuts: Sequence[Cut]
    job: deliver.Job
    master: sound.Sound
    name: str
    folder: Path
    files: Mapping[str, Path]
    shown: Sequence[Caption]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version that stands: its name, folder, files and checks."""

    name: str
    folder: Path
    deliverables: list[Deliverable]
    checks: list[Check]

    @property
    def failed(self) -> list[Check]:
        """Checks that failed."""
        return qc.failures(self.checks)


def look_settings(film: Film) -> grading.LookSettings:
    """What shots are matched to."""
    look = film.production.look
    reference = film.production.path(look.reference) if look.reference else None
    return grading.LookSettings(method=look.method, strength=look.strength, reference=reference)


def loudness_settings(film: Film) -> sound.LoudnessSettings:
    """How loud the programme is."""
    return sound.LoudnessSettings(target_lufs=film.production.delivery.loudness_lufs)
