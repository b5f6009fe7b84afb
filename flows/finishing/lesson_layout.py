# SPDX-License-Identifier: Apache-2.0
"""Lay out a lesson: its script and its sections as they will be seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from flows.lesson_inputs import load_emotion_words, parse_base_layout, read_script
from flows.project import Project
from flows.version import VersionInputs
from manifests.rows import Cut, Grade
from pipeline.assemble.assemble import Picture
from pipeline.deliver.profiles import PROFILES, Profile
from pipeline.lesson import compose, slides, timing
from pipeline.lesson.compose import ComposedSection, SectionInputs
from pipeline.lesson.lesson_script import LessonScript
from pipeline.lesson.timing import TimedSection


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonLayout:
    """A lesson laid out: its script, its composed sections, and what they are made of."""

    script: LessonScript
    composed: list[ComposedSection]
    making: SectionInputs

    @property
    def stretches(self) -> list[TimedSection]:
        """Its sections on the timeline."""
        return [section.timed for section in self.composed]

    @property
    def frames(self) -> int:
        """The length of the lesson in frames."""
        return self.composed[-1].timed.end

    @property
    def cuts(self) -> list[Cut]:
        """The events of all sections, numbered."""
        return [
            dataclasses.replace(cut, order=order)
            for order, cut in enumerate(c for section in self.composed for c in section.cuts)
        ]


def lay_out_lesson(
    project: Project, inputs: VersionInputs, grades: Sequence[Grade]
) -> LessonLayout:
    """Lay out the sections as they will be seen.

    Raises InputError when the script or the slides cannot be used (any more).
    """
    production = project.production
    script = read_script(project, load_emotion_words(project))
    picture = Picture(width=production.width, height=production.height, rate=production.rate)
    stills = slides.read(
        production.resolve_path(production.lesson.slides), size=picture.size, root=project.root
    )
    making = SectionInputs(
        picture=picture,
        root=project.root,
        slides={slide.name: slide for slide in stills},
        takes={take.shot_id: take for take in inputs.takes},
        grades={grade.shot_id: grade for grade in grades},
        base=parse_base_layout(project),
        burn_in=production.delivery.burn_in,
    )
    stretches = timing.lay_out_sections(script, inputs.cues, inputs.shots, rate=picture.rate)
    return LessonLayout(
        script=script, composed=compose.compose_sections(stretches, making), making=making
    )


def list_profiles(project: Project) -> list[Profile]:
    """List the delivery profiles of the production."""
    return [PROFILES[name] for name in project.production.delivery.profiles]
