# SPDX-License-Identifier: Apache-2.0
"""What people wrote for a lesson: its script, read and checked against its slides."""

from __future__ import annotations

import dataclasses

from flows.project import Film
from manifests.errors import InputError, Problem, collect_problems
from pipeline.lesson import layouts, markdown, slides
from pipeline.lesson import lesson_script as scripts
from pipeline.lesson.lesson_script import LessonScript
from pipeline.script import emotion_synonyms
from pipeline.script import production as productions
from pipeline.script import script as line_sheets
from pipeline.script.emotion_synonyms import Words


def read_script(film: Film, words: Words) -> LessonScript:
    """The lesson's script, checked against its slides. Raises InputError with every problem of
    script, slides and layouts.
    """
    production, problems = film.production, list[Problem]()
    script = collect_problems(problems, lambda: _read(film, words))
    base = collect_problems(problems, lambda: base_layout(film))
    names = collect_problems(problems, lambda: slides.list_names(production.resolve_path(production.lesson.slides)))
    if script and base and names:
        problems += scripts.check(script, slides=names, base=base, file=production.script)
    if problems or script is None:
        raise InputError(problems)
    return script


def _read(film: Film, words: Words) -> LessonScript:
    production = film.production
    path = production.resolve_path(production.script)
    if scripts.is_markdown(path):
        return markdown.read(
            path, words=words, language=production.language, narrator=production.lesson.presenter
        )
    return scripts.build_from_lines(
        line_sheets.read(path, words=words, language=production.language, folder=film.folder)
    )


def base_layout(film: Film) -> layouts.Arrangement:
    """The production's own layout; a slide that fills the picture still hides a presenter in a
    corner, unless the script says otherwise.
    """
    try:
        return dataclasses.replace(layouts.parse(film.production.lesson.layout), always=False)
    except layouts.LayoutError as error:
        raise InputError(
            Problem(
                file=productions.FILE,
                column="lesson.layout",
                message=str(error),
                expected=error.expected,
                nearest=error.nearest,
            )
        ) from error


def words_of(film: Film) -> Words:
    """The words for emotions that the production knows."""
    emotions = film.production.emotions
    return emotion_synonyms.load_words(film.production.resolve_path(emotions) if emotions else None)
