# SPDX-License-Identifier: Apache-2.0
"""Words for emotions: a synonym table, and the reading of parentheticals such as `(very angry)`.

The grammar and the eight labels are in `model.emotion`; this module adds the words that script
writers use. `emotion_synonyms.csv` beside this file may be edited, and a production may bring a
table of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from manifests.errors import InputError, Problem
from model.emotion import LABELS, MAXIMUM, EmotionCurve, EmotionError, Mix, parse_curve
from pipeline.script import sheet_columns, tables

DEGREES = {
    "very": 1.25,
    "quite": 0.8,
    "rather": 0.8,
    "slightly": 0.5,
    "a little": 0.5,
    "a bit": 0.5,
    "somewhat": 0.6,
}

Words = Mapping[str, Mix]

_SYNONYMS = Path(__file__).with_name("emotion_synonyms.csv")
_DEGREE = re.compile(rf"(?P<degree>{'|'.join(DEGREES)})\s+(?P<word>.+)")


def load_words(own: Path | None = None) -> Words:
    """Load the words for emotions: the packaged table, and a production's own table over it.

    A table has the columns `word, emotion`.

    Raises InputError with every word that appears twice or means no emotion.
    """
    table = _read_word_table(_SYNONYMS)
    return table if own is None else {**table, **_read_word_table(own)}


def parse_parenthetical(parenthetical: str, words: Words) -> tuple[EmotionCurve | None, str]:
    """Split a parenthetical into the emotion that it names, or None, and the remaining direction.

    >>> curve, rest = parse_parenthetical("slightly angry, to Mara", {})
    >>> str(curve), rest
    ('angry 0.5', 'to Mara')
    """
    curves: list[EmotionCurve] = []
    rest: list[str] = []
    for part in filter(None, map(str.strip, re.split(r"[,;]", parenthetical))):
        curve = _parse_degree(part, words)
        if curve is None or (curves and len(curve.mixes) > 1):
            rest.append(part)
        else:
            curves.append(curve)
    return _blend(curves), ", ".join(rest)


def add_emotion_hint(error: EmotionError, words: Words, problem: Problem) -> Problem:
    """Add to a problem which words are similar to the unknown emotion, or which words there are."""
    near = error.nearest_names
    expected = error.expected or (
        None
        if near
        else f"one of {', '.join(LABELS)}, or one of {len(words)} words in the synonym table"
    )
    return replace(problem, nearest=near, expected=expected)


def _parse_degree(part: str, words: Words) -> EmotionCurve | None:
    degree = _DEGREE.fullmatch(part.casefold())
    text = f"{degree['word']} {DEGREES[degree['degree']]}" if degree else part
    try:
        return parse_curve(text, words=words)
    except EmotionError:
        return None


def _blend(curves: list[EmotionCurve]) -> EmotionCurve | None:
    """Blend several emotions into one mix: each gets an equal part of the intensity."""
    if len(curves) < 2 or len(curves[0].mixes) > 1:
        return curves[0] if curves else None
    total: Counter[str] = Counter()
    for curve in curves:
        total.update({label: weight / len(curves) for label, weight in curve.mixes[0]})
    return parse_curve(
        " + ".join(f"{label} {min(weight, MAXIMUM):.4f}" for label, weight in total.items())
    )


def _read_word_table(path: Path) -> dict[str, Mix]:
    columns = sheet_columns.list_names(sheet_columns.WORDS)
    table = tables.read(path, needed=columns, known=columns)
    found: dict[str, Mix] = {}
    problems = []
    for record in table.records:
        word = " ".join(record["word"].casefold().split())
        if word in found or word in LABELS or not word:
            problems.append(table.problem(record, "word", _describe_bad_word(word)))
            continue
        try:
            found[word] = _parse_mix(record["emotion"])
        except EmotionError as error:
            problems.append(
                table.problem(record, "emotion", str(error), nearest=error.nearest_names)
            )
    if problems:
        raise InputError(problems)
    return found


def _describe_bad_word(word: str) -> str:
    if not word:
        return "this cell is empty"
    return f"{word!r} is already {'an emotion label' if word in LABELS else 'in this table'}"


def _parse_mix(text: str) -> Mix:
    curve = parse_curve(text)
    if len(curve.mixes) > 1:
        raise EmotionError("a word must stand for one emotion, not for a change", got=text)
    return curve.mixes[0]
