# SPDX-License-Identifier: Apache-2.0
"""Export a lesson's script to translators as XLIFF, and import the translation as Markdown."""

from __future__ import annotations

from pathlib import Path

from flows.lesson_inputs import load_emotion_words, read_script
from flows.project import Project, open_project
from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem
from pipeline.lesson import lesson_script, markdown_writer, xliff
from pipeline.lesson.lesson_script import LessonScript
from pipeline.lesson.xliff import Version
from pipeline.script.settings import FILE


def export_xliff(folder: Path, *, language: str, out: Path, version: Version = "1.2") -> int:
    """Write a lesson's script as XLIFF, and return the number of its units.

    `language`: the language to translate into. Raises InputError.
    """
    if not xliff.LANGUAGE.fullmatch(language):
        raise InputError(
            Problem(
                file="--to", message="not a language code", expected="de, or pt-BR", got=language
            )
        )
    project, script = _read_lesson(folder)
    production = project.production
    text = xliff.export(
        script,
        original=production.script,
        source=production.language,
        target=language,
        version=version,
    )
    _write(out, text)
    return len(script.sections) + len(script.lines)


def import_xliff(folder: Path, translated: Path, *, out: Path) -> str:
    """Write the translated script, and return its language.

    Raises InputError with every unit that does not fit.
    """
    project, script = _read_lesson(folder)
    found = xliff.read(translated, script)
    _write(
        out,
        markdown_writer.write(
            lesson_script.replace_texts(script, found.titles, found.texts),
            narrator=project.production.lesson.presenter,
        ),
    )
    return found.language


def _read_lesson(folder: Path) -> tuple[Project, LessonScript]:
    project = open_project(folder)
    if project.production.kind != "lesson":
        raise InputError(
            Problem(
                file=FILE,
                column="kind",
                message="only lessons can be translated",
                got=project.production.kind,
            )
        )
    return project, read_script(project, load_emotion_words(project))


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")
