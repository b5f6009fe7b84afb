# SPDX-License-Identifier: Apache-2.0
"""Words for moods: the synonym table, and what a parenthetical such as `(slightly furious, to
Mara)` means by it.

The grammar and the eight labels are `model.emotion`; this adds the words that script writers use.
`emotion_synonyms.csv` beside this file may be edited, and a production may bring a table of its
own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from manifests.errors import InputError, Problem
from model.emotion import LABELS, MAXIMUM, Curve, EmotionError, Mix, parse_curve
from pipeline.script import tables

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
    """The words for emotions beside the eight labels: the table that comes with the package, and a
    production's own over it.

    A table has the columns `word, emotion`. Raises InputError with every word that stands twice or
    means no emotion.
    """
    table = _word_table(_SYNONYMS)
    return table if own is None else {**table, **_word_table(own)}


def parse_parenthetical(parenthetical: str, words: Words) -> tuple[Curve | None, str]:
    """The emotion that a parenthetical names, or None, and what is left of it as direction.

    >>> curve, rest = mood_of("slightly angry, to Mara", {})
    >>> str(curve), rest
    ('angry 0.5', 'to Mara')
    """
    moods: list[Curve] = []
    rest: list[str] = []
    for part in filter(None, map(str.strip, re.split(r"[,;]", parenthetical))):
        mood = _mood(part, words)
        if mood is None or (moods and len(mood.mixes) > 1):
            rest.append(part)
        else:
            moods.append(mood)
    return _blend(moods), ", ".join(rest)


def add_emotion_hint(error: EmotionError, words: Words, problem: Problem) -> Problem:
    """The Problem, saying what the grammar found wrong and which words are like it or which there
    are.
    """
    near = error.nearest_names
    expected = error.expected or (
        None
        if near
        else f"one of {', '.join(LABELS)}, or a word of the synonym table ({len(words)} words)"
    )
    return replace(problem, nearest=near, expected=expected)


def _mood(part: str, words: Words) -> Curve | None:
    degree = _DEGREE.fullmatch(part.casefold())
    text = f"{degree['word']} {DEGREES[degree['degree']]}" if degree else part
    try:
        return parse_curve(text, words=words)
    except EmotionError:
        return None


def _blend(moods: list[Curve]) -> Curve | None:
    """Several moods at once share the face: each has its part of the intensity."""
    if len(moods) < 2 or len(moods[0].mixes) > 1:
        return moods[0] if moods else None
    total: Counter[str] = Counter()
    for mood in moods:
        total.update({label: weight / len(moods) for label, weight in mood.mixes[0]})
    return parse_curve(
        " + ".join(f"{label} {min(weight, MAXIMUM):.4f}" for label, weight in total.items())
    )


def _word_table(path: Path) -> dict[str, Mix]:
    table = tables.read(path, needed=("word", "emotion"), known=("word", "emotion"))
    found: dict[str, Mix] = {}
    problems = []
    for record in table.records:
        word = " ".join(record["word"].casefold().split())
        if word in found or word in LABELS or not word:
            reason = (
                "is a label already" if word in LABELS else "stands twice" if word else "is empty"
            )
            problems.append(table.problem(record, "word", f"the word {word!r} {reason}"))
            continue
        try:
            found[word] = _held_mix(record["emotion"])
        except EmotionError as error:
            problems.append(
                table.problem(record, "emotion", str(error), nearest=error.nearest_names)
            )
    if problems:
        raise InputError(problems)
    return found


def _held_mix(text: str) -> Mix:
    curve = parse_curve(text)
    if len(curve.mixes) > 1:
        raise EmotionError("a word stands for one mix, not for a curve", got=text)
    return curve.mixes[0]
