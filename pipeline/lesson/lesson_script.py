# SPDX-License-Identifier: Apache-2.0
"""A lesson's script: sections, each with a title, the slides it shows and the lines that are spoken
over them.

`markdown` reads it from Markdown; a line sheet (`pipeline.script.script`) becomes one here: its
scenes are the sections, and `slide 3a` and `layout ...` in its notes say what is shown. Every step
of a build begins with a line of its own, so that its time is that line's cue.
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
    """A slide, and the line with whose first word it comes up. `source_line` is where the script
    asks for it.
    """

    slide: str
    line_id: str
    source_line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A stretch of the lesson under one title. `steps` has at least one; further ones are builds.
    `layout`: "" for the production's.
    """

    title: str
    steps: tuple[SlideStep, ...]
    line_ids: tuple[str, ...]
    layout: str = ""
    source_line: int = 0

    @property
    def slides(self) -> tuple[str, ...]:
        """The slides that it shows."""
        return tuple(dict.fromkeys(step.slide for step in self.steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonScript:
    """The whole script: its sections in order and all their lines."""

    sections: tuple[Section, ...]
    lines: tuple[Line, ...]

    def lines_of(self, section: Section) -> list[Line]:
        """A section's lines in spoken order."""
        return [line for line in self.lines if line.line_id in set(section.line_ids)]


def build_from_lines(lines: Sequence[Line]) -> LessonScript:
    """The lesson that a line sheet describes. Raises InputError with every directive in its notes
    that cannot be read.

    Scenes without a slide of their own show the slides in order: the first scene slide 1, and so
    on.
    """
    problems: list[Problem] = []
    sections = []
    for number, (title, group) in enumerate(
        itertools.groupby(lines, key=lambda line: line.scene), start=1
    ):
        sections.append(_section(title, list(group), number, problems))
    if problems:
        raise InputError(problems)
    return LessonScript(sections=tuple(sections), lines=tuple(lines))


def check(
    script: LessonScript, *, slides: Sequence[str], base: Arrangement, file: str
) -> list[Problem]:
    """What of a script does not fit its slides: slides that there are not, layouts that cannot be
    read, sections of one title.
    """
    problems = []
    for section in script.sections:
        problems += [
            Problem(
                file=file,
                line=step.source_line or None,
                message=f"there is no slide {step.slide!r}",
                expected=None
                if find_nearest(step.slide, slides)
                else f"one of {', '.join(slides)}",
                nearest=find_nearest(step.slide, slides),
            )
            for step in section.steps
            if step.slide not in slides
        ]
        try:
            parse(section.layout, base=base)
        except LayoutError as error:
            problems.append(
                Problem(
                    file=file,
                    line=section.source_line or None,
                    message=str(error),
                    expected=error.expected,
                    nearest=error.nearest,
                )
            )
    return problems


def parse_directive(text: str) -> tuple[str, str] | None:
    """Name and value of a directive (`slide 3a`, `layout: corner, round`; `build` is `slide`), or
    None.

    >>> directive("slide 3a"), directive("say it slowly")
    (('slide', '3a'), None)
    """
    found = DIRECTIVE.fullmatch(" ".join(text.split()))
    if not found:
        return None
    name = found["name"].casefold()
    return ("slide" if name == "build" else name), found["value"].strip()


def _section(title: str, lines: Sequence[Line], number: int, problems: list[Problem]) -> Section:
    steps: list[SlideStep] = []
    layout = ""
    for line in lines:
        for note in filter(None, map(str.strip, line.notes.split(";"))):
            name, value = parse_directive(note) or ("", "")
            if name == "slide" and not SLIDE_NAME.fullmatch(value):
                problems.append(
                    Problem(
                        file=line.source,
                        row=line.source_line,
                        column="notes",
                        message=f"no slide's name: {value!r}",
                    )
                )
            elif name == "slide":
                steps.append(
                    SlideStep(slide=value, line_id=line.line_id, source_line=line.source_line)
                )
            elif name == "layout" and layout not in {"", value}:
                problems.append(
                    Problem(
                        file=line.source,
                        row=line.source_line,
                        column="notes",
                        message="a second layout for one section",
                        expected=f"only {layout!r}",
                        got=repr(value),
                    )
                )
            elif name == "layout":
                layout = value
    if not steps or steps[0].line_id != lines[0].line_id:
        steps.insert(
            0,
            SlideStep(
                slide=str(number), line_id=lines[0].line_id, source_line=lines[0].source_line
            ),
        )
    return Section(
        title=title,
        steps=tuple(steps),
        line_ids=tuple(line.line_id for line in lines),
        layout=layout,
        source_line=lines[0].source_line,
    )


def is_markdown(path: Path) -> bool:
    """Whether a lesson's script is Markdown, by its name."""
    return path.suffix.lower() in {".md", ".markdown"}


def replace_texts(
    script: LessonScript, titles: dict[str, str], texts: dict[str, str]
) -> LessonScript:
    """The script with other titles (by section's number from 1, as text) and texts (by line id), as
    a translation brings them.
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
