# SPDX-License-Identifier: Apache-2.0
"""Read the script of a lesson and check it against its slides."""

from __future__ import annotations

import dataclasses

from flows.project import Project
from manifests.errors import InputError, Problem, collect_problems
from pipeline.lesson import layouts, markdown, slides
from pipeline.lesson import lesson_script as scripts
from pipeline.lesson.lesson_script import LessonScript
from pipeline.script import emotion_synonyms
from pipeline.script import script as line_sheets
from pipeline.script.emotion_synonyms import Words
from pipeline.script.settings import FILE


def read_script(project: Project, words: Words) -> LessonScript:
    """Read the lesson's script and check it against its slides.

    Raises:
        InputError: With every problem of script, slides and layouts.
    """
    production, problems = project.production, list[Problem]()
    script = collect_problems(problems, lambda: _read(project, words))
    base = collect_problems(problems, lambda: parse_base_layout(project))
    names = collect_problems(
        problems, lambda: slides.list_names(production.resolve_path(production.lesson.slides))
    )
    if script and base and names:
        problems += scripts.check(script, slides=names, base=base, file=production.script)
    if problems or script is None:
        raise InputError(problems)
    return script


def _read(project: Project, words: Words) -> LessonScript:
    production = project.production
    path = production.resolve_path(production.script)
    if scripts.is_markdown(path):
        return markdown.read(
            path, words=words, language=production.language, narrator=production.lesson.presenter
        )
    return scripts.build_from_lines(
        line_sheets.read(path, words=words, language=production.language, folder=project.folder)
    )


def parse_base_layout(project: Project) -> layouts.Arrangement:
    """Parse the layout of the production.

    A slide that fills the picture hides a presenter in a corner, unless the script says otherwise.

    Raises:
        InputError: There is no such layout.
    """
    try:
        return dataclasses.replace(layouts.parse(project.production.lesson.layout), always=False)
    except layouts.LayoutError as error:
        raise InputError(
            Problem(
                file=FILE,
                column="lesson.layout",
                message=str(error),
                expected=error.expected,
                nearest=error.nearest,
            )
        ) from error


def load_emotion_words(project: Project) -> Words:
    """Load the words for emotions that the production knows."""
    emotions = project.production.emotions
    return emotion_synonyms.load_words(
        project.production.resolve_path(emotions) if emotions else None
    )
