# SPDX-License-Identifier: Apache-2.0
"""A delivered version: its inputs, its draft and its result; settings of the finishing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.project import Project
from manifests.delivery_rows import Check, Deliverable
from manifests.rows import Cue, Cut, Recording, Shot, Take
from pipeline.assemble import master_mix
from pipeline.assemble.loudness import LoudnessSettings
from pipeline.checks import qc
from pipeline.colour.look_reference import LookSettings, ReferenceStill
from pipeline.deliver.captions import Caption
from pipeline.deliver.delivery_job import DeliveryJob, DeliveryPass
from pipeline.deliver.profiles import Profile
from pipeline.script.settings import SHOT_REFERENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionInputs:
    """All inputs of a version."""

    shots: Sequence[Shot]
    takes: Sequence[Take]
    cues: Sequence[Cue]
    recordings: Sequence[Recording]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A version in progress: its passes, its folder, its files by profile, and its stems.

    Captions and the contact sheet are made for the first pass. `captions_on_frames`: the captions
    timed to the programme.
    """

    project: Project
    inputs: VersionInputs
    passes: Sequence[DeliveryPass]
    master: master_mix.MasterSound
    name: str
    folder: Path
    files: Mapping[str, Path]
    captions_on_frames: Sequence[Caption]
    stems: Mapping[str, Path] = field(default_factory=dict)

    @property
    def cuts(self) -> Sequence[Cut]:
        """Edit list of the first pass."""
        return self.passes[0].cuts

    @property
    def job(self) -> DeliveryJob:
        """Job of the first pass."""
        return self.passes[0].job

    def find_pass(self, profile: str) -> DeliveryPass:
        """Find the pass that renders a profile."""
        return next(
            part
            for part in self.passes
            if profile in {candidate.name for candidate in part.job.profiles}
        )

    def find_profile(self, name: str) -> Profile:
        """Find a profile by name."""
        profiles = self.find_pass(name).job.profiles
        return next(profile for profile in profiles if profile.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A finished version: its name, folder, files and checks."""

    name: str
    folder: Path
    deliverables: list[Deliverable]
    checks: list[Check]

    @property
    def failed(self) -> list[Check]:
        """Checks that failed."""
        return qc.select_failures(self.checks)


def build_look_settings(project: Project, shots: Sequence[Shot]) -> LookSettings:
    """Build the settings of the colour match from the production's look.

    A look that the actor sheet names for a character takes precedence.
    """
    look = project.production.look
    own = {
        shot.character: ReferenceStill(path=project.production.resolve_path(shot.look))
        for shot in shots
        if shot.look
    }
    shot = (
        look.reference.removeprefix(SHOT_REFERENCE)
        if look.reference.startswith(SHOT_REFERENCE)
        else ""
    )
    left, top, right, bottom = look.reference_face or (0.0, 0.0, 0.0, 0.0)
    return LookSettings(
        method=look.method,
        strength=look.strength,
        limit=look.limit,
        reference=project.production.resolve_path(look.reference)
        if look.reference and not shot
        else None,
        reference_face=(left, top, right, bottom) if look.reference_face else None,
        reference_shot=shot,
        stills=own,
    )


def build_loudness_settings(project: Project) -> LoudnessSettings:
    """Build the loudness settings of the programme."""
    wanted = project.production.delivery
    return LoudnessSettings(target_lufs=wanted.loudness_lufs, peak_dbtp=wanted.peak_dbtp)
