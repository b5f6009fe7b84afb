# SPDX-License-Identifier: Apache-2.0
"""The script of a lesson: sections with a title, the slides they show and the lines over them.

`markdown` reads it from Markdown. A line sheet (`pipeline.script.script`) becomes one here: its
scenes are the sections, and `slide 3a` and `layout ...` in its notes say what is shown. Every step
of a build begins with a line of its own, so its time is that line's cue.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from manifests.errors import InputError, Problem, find_nearest
from manifests.rows import Line
from pipeline.lesson.layouts import Arrangement, LayoutError, parse

NARRATOR = "PRESENTER"  # who speaks when the script names nobody
DIRECTIVE = re.compile(
    r"(?P<name>slide|build|layout)\b\s*[:=]?\s*(?P<value>.*)", re.IGNORECASE | re.DOTALL
)
SLIDE_NAME = re.compile(r"[\w.-]{1,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideStep:
    """A slide, and the line with whose first word it comes up.

    `source_line`: where the script asks for it.
    """

    slide: str
    line_id: str
    source_line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of the lesson under one title.

    `steps` has at least one; further steps are builds. `layout`: "" for the production's.
    """

    title: str
    steps: tuple[SlideStep, ...]
    line_ids: tuple[str, ...]
    layout: str = ""
    source_line: int = 0

    @property
    def slides(self) -> tuple[str, ...]:
        """The slides that the section shows."""
        return tuple(dict.fromkeys(step.slide for step in self.steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonScript:
    """The whole script: its sections in order, and all their lines."""

    sections: tuple[Section, ...]
    lines: tuple[Line, ...]

    def lines_of(self, section: Section) -> list[Line]:
        """List a section's lines in spoken order."""
        return [line for line in self.lines if line.line_id in set(section.line_ids)]


def build_from_lines(lines: Sequence[Line]) -> LessonScript:
    """Build a lesson from the lines of a line sheet.

    Scenes without a slide of their own show the slides in order: the first scene slide 1, and so
    on.

    Raises InputError with every directive in the notes that cannot be read.
    """
    problems: list[Problem] = []
    sections = []
    for number, (title, group) in enumerate(
        itertools.groupby(lines, key=lambda line: line.scene), start=1
    ):
        sections.append(_build_section(title, list(group), number, problems))
    if problems:
        raise InputError(problems)
    return LessonScript(sections=tuple(sections), lines=tuple(lines))


def check(
    script: LessonScript, *, slides: Sequence[str], base: Arrangement, file: str
) -> list[Problem]:
    """Check a script against its slides: find unknown slides and unreadable layouts."""
    problems = []
    for section in script.sections:
        problems += [
            _describe_unknown_slide(step, slides, file)
            for step in section.steps
            if step.slide not in slides
        ]
        try:
            parse(section.layout, base=base)
        except LayoutError as error:
            problems.append(_describe_layout_error(error, section, file))
    return problems


def _describe_layout_error(error: LayoutError, section: Section, file: str) -> Problem:
    return Problem(
        file=file,
        line=section.source_line or None,
        message=str(error),
        expected=error.expected,
        nearest=error.nearest,
    )


def _describe_unknown_slide(step: SlideStep, slides: Sequence[str], file: str) -> Problem:
    near = find_nearest(step.slide, slides)
    return Problem(
        file=file,
        line=step.source_line or None,
        message=f"there is no slide {step.slide!r}",
        expected=None if near else f"one of {', '.join(slides)}",
        nearest=near,
    )


def parse_directive(text: str) -> tuple[str, str] | None:
    """Parse a directive to its name and value, or None when the text is none.

    Directives are `slide 3a` and `layout: corner, round`; `build` means `slide`.

    >>> parse_directive("slide 3a"), parse_directive("say it slowly")
    (('slide', '3a'), None)
    """
    found = DIRECTIVE.fullmatch(" ".join(text.split()))
    if not found:
        return None
    name = found["name"].casefold()
    return ("slide" if name == "build" else name), found["value"].strip()


def _build_section(
    title: str, lines: Sequence[Line], number: int, problems: list[Problem]
) -> Section:
    steps: list[SlideStep] = []
    layout = ""
    for line, note in _list_notes(lines):
        name, value = parse_directive(note) or ("", "")
        if name == "slide" and not SLIDE_NAME.fullmatch(value):
            problems.append(_note_problem(line, f"not a slide name: {value!r}"))
        elif name == "slide":
            steps.append(SlideStep(slide=value, line_id=line.line_id, source_line=line.source_line))
        elif name == "layout" and layout not in {"", value}:
            message, only = "two layouts for one section", repr(layout)
            problems.append(_note_problem(line, message, only=only, got=repr(value)))
        elif name == "layout":
            layout = value
    first = lines[0]
    if not steps or steps[0].line_id != first.line_id:
        own = SlideStep(slide=str(number), line_id=first.line_id, source_line=first.source_line)
        steps = [own, *steps]
    return Section(
        title=title,
        steps=tuple(steps),
        line_ids=tuple(line.line_id for line in lines),
        layout=layout,
        source_line=first.source_line,
    )


def _list_notes(lines: Sequence[Line]) -> list[tuple[Line, str]]:
    return [
        (line, note)
        for line in lines
        for note in filter(None, map(str.strip, line.notes.split(";")))
    ]


def _note_problem(line: Line, message: str, *, only: str = "", got: str | None = None) -> Problem:
    return Problem(
        file=line.source,
        row=line.source_line,
        column="notes",
        message=message,
        expected=f"only {only}" if only else None,
        got=got,
    )


def is_markdown(path: Path) -> bool:
    """Say whether a lesson's script is Markdown, by its name."""
    return path.suffix.lower() in {".md", ".markdown"}


def replace_texts(
    script: LessonScript, titles: dict[str, str], texts: dict[str, str]
) -> LessonScript:
    """Replace the titles and texts of a script, as a translation brings them.

    `titles`: by the section's number from 1, as text; `texts`: by line id.
    """
    sections = tuple(
        replace(section, title=titles.get(str(number), section.title))
        for number, section in enumerate(script.sections, start=1)
    )
    title_of = {line_id: section.title for section in sections for line_id in section.line_ids}
    lines = tuple(
        replace(line, text=texts.get(line.line_id, line.text), scene=title_of[line.line_id])
        for line in script.lines
    )
    return LessonScript(sections=sections, lines=lines)
