# SPDX-License-Identifier: Apache-2.0
"""Write a lesson's script as Markdown that `markdown` reads as the same script."""

from __future__ import annotations

import re

from manifests.rows import Line
from pipeline.lesson.lesson_script import NARRATOR, LessonScript

_PLAIN_MARKS = re.compile(r"([\\`*_\[\]<>&|])")
_FIRST_MARKS = re.compile(r"^(?=[#+\-=~(]|\d+[.)]|[A-Z][A-Z0-9 .'-]{1,40}:)")


def write(script: LessonScript, *, narrator: str = NARRATOR) -> str:
    """Write the script as Markdown.

    `markdown.read` reads it as the same script, except for line numbers and ids of its own.
    """
    parts = []
    for section in script.sections:
        head = [f"# {_escape_title(section.title)}"]
        head += [f"<!-- layout: {section.layout} -->"] if section.layout else []
        parts.append("\n".join(head))
        speaking = narrator
        for line in script.lines_of(section):
            parts += [
                f"<!-- slide {step.slide} -->"
                for step in section.steps
                if step.line_id == line.line_id
            ]
            parts.append(_write_paragraph(line, speaking))
            speaking = line.character
    return "\n\n".join(parts) + "\n"


def _write_paragraph(line: Line, speaking: str) -> str:
    """Write a line as a paragraph that names its speaker when another one was speaking."""
    name = f"**{line.character}:** " if line.character != speaking else ""
    direction = f"({_escape(line.direction)}) " if line.direction else ""
    emotion = f"[[emotion: {line.performance}]] " if line.performance else ""
    notes = "".join(f" [[{_escape(note)}]]" for note in line.notes.split("; ") if note)
    text = _escape(line.text) if name or direction or emotion else _escape_start(line.text)
    return f"{name}{direction}{emotion}{text}{notes}"


def _escape(text: str) -> str:
    """Escape every mark of a text."""
    return _PLAIN_MARKS.sub(r"\\\1", text)


def _escape_start(text: str) -> str:
    """Escape a text that begins a paragraph, where more marks mean something."""
    if not _FIRST_MARKS.match(text):
        return _escape(text)
    mark = re.search(r"[^\w\s.'-]|(?<=\d)[.)]|^-", text)
    at = mark.start() if mark else 0
    return f"{_escape(text[:at])}\\{text[at]}{_escape(text[at + 1 :])}"


def _escape_title(title: str) -> str:
    return re.sub(r"(?<=\s)#", r"\\#", re.sub("^#", r"\\#", _escape(title)))
