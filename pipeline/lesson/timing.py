# SPDX-License-Identifier: Apache-2.0
"""Time the sections of a lesson and their builds from the cues. Pure integers of frames.

A section begins with the cut into its first shot, in the pause before its first word, so the slide
is there when it is spoken about. Its chapter begins at the frame of that word. A build comes up at
the frame of its first word.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from manifests.rows import Cue, Shot
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ, round_half_up
from pipeline.lesson.lesson_script import LessonScript, Section


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedSlide:
    """A slide and the frames in which it is shown."""

    slide: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedSection:
    """A section on the timeline: frames `[start, end)`, its slides without gaps, and its shots.

    `number` counts the script's sections from 1; `chapter`: the frame of its first word.
    """

    section: Section
    number: int
    start: int
    end: int
    chapter: int
    slides: tuple[TimedSlide, ...]
    shots: tuple[Shot, ...]

    @property
    def frames(self) -> int:
        """The length of the section, in frames."""
        return self.end - self.start


def lay_out_sections(
    script: LessonScript, cues: Sequence[Cue], shots: Sequence[Shot], *, rate: Fraction
) -> list[TimedSection]:
    """Lay out the sections that were heard, in order, from frame 0 to the end of the timeline.

    `shots`: the cut, gapless in layer 0.
    """
    base = sorted((shot for shot in shots if shot.layer == 0), key=lambda shot: shot.start_frame)
    total = max((shot.end_frame for shot in base), default=0)
    first_words = {
        cue.line_id: round_to_frame(cue.start, rate) for cue in cues if 0 <= cue.start < cue.end
    }
    spoken = [
        (number, section, chapter)
        for number, section in enumerate(script.sections, start=1)
        if (chapter := _find_chapter(section, first_words)) is not None and chapter < total
    ]
    begins = _find_starts([(section, chapter) for _, section, chapter in spoken], base)
    ends = [*begins[1:], total][: len(begins)]
    return [
        TimedSection(
            section=section,
            number=number,
            start=start,
            end=end,
            chapter=min(max(chapter, start), end - 1),
            slides=_time_slides(section, first_words, start, end),
            shots=tuple(shot for shot in base if shot.start_frame < end and start < shot.end_frame),
        )
        for (number, section, chapter), start, end in zip(spoken, begins, ends, strict=True)
        if start < end
    ]


def compute_sample_step(rate: Fraction) -> int:
    """Compute the fewest samples at 48 kHz that are whole frames, and whole samples at 16 kHz.

    Recordings of a lesson begin on this grid. So a recording that becomes longer moves the later
    ones by whole frames, and their takes stay as they are.

    >>> compute_sample_step(Fraction(25)), compute_sample_step(Fraction(30000, 1001))
    (1920, 24024)
    """
    of_frames = (MASTER_HZ / rate).numerator
    return math.lcm(of_frames, MASTER_HZ // ANALYSIS_HZ)


def find_unheard_sections(script: LessonScript, stretches: Sequence[TimedSection]) -> list[Section]:
    """Find sections of which no line was heard, which are therefore not in the lesson."""
    shown = {stretch.number for stretch in stretches}
    return [
        section for number, section in enumerate(script.sections, start=1) if number not in shown
    ]


def round_to_frame(sample: int, rate: Fraction) -> int:
    """Round a sample of the timeline to the nearest frame."""
    return round_half_up(sample * rate / MASTER_HZ)


def _find_chapter(section: Section, first_words: Mapping[str, int]) -> int | None:
    return min(
        (first_words[line_id] for line_id in section.line_ids if line_id in first_words),
        default=None,
    )


def _find_starts(spoken: Sequence[tuple[Section, int]], base: Sequence[Shot]) -> list[int]:
    """Find the first frames of the sections.

    That is the cut before each first word where the cut is the section's own, else the word's
    frame. They never run backwards, even where the sound does not follow the script's order.
    """
    begins = list[int]()
    before = -1  # the first word of the section before, which keeps its own slide
    for section, chapter in spoken:
        own = [
            shot.start_frame
            for shot in base
            if shot.scene == section.title and before < shot.start_frame <= chapter < shot.end_frame
        ]
        wanted = own[0] if own else chapter
        begins.append(max(wanted, before + 1, begins[-1]) if begins else 0)
        before = chapter
    return begins


def _time_slides(
    section: Section, first_words: Mapping[str, int], start: int, end: int
) -> tuple[TimedSlide, ...]:
    """List the steps that are seen.

    A step whose line was not heard comes up with the next that was.
    """
    later = end
    begins = list[int]()
    for step in reversed(section.steps):
        position = section.line_ids.index(step.line_id)
        known = [
            first_words[line_id]
            for line_id in section.line_ids[position:]
            if line_id in first_words
        ]
        later = min(later, known[0] if known else end)
        begins.insert(0, max(start, later))
    begins[0] = start
    pairs = zip(section.steps, itertools.pairwise([*begins, end]), strict=True)
    return tuple(
        TimedSlide(slide=step.slide, start=first, end=last)
        for step, (first, last) in pairs
        if first < last
    )
