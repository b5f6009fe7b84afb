# SPDX-License-Identifier: Apache-2.0
"""Words for emotions, and a production's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.errors import InputError
from model.emotion import LABELS
from pipeline.script import emotion_synonyms

WORDS = emotion_synonyms.load_words()


def test_the_synonym_table_is_wide_and_reaches_every_label() -> None:
    assert len(WORDS) >= 120
    assert {label for mix in WORDS.values() for label, _ in mix} == set(LABELS)


@pytest.mark.parametrize(
    ("parenthetical", "mood", "rest"),
    [
        ("furious", "angry 1.2", ""),
        ("Furious, to Mara", "angry 1.2", "to Mara"),
        ("very sad", "sad 1.25", ""),
        ("a little nervous", "fear 0.3", ""),
        ("happy 0.6 + surprised 0.4", "happy 0.6 + surprised 0.4", ""),
        ("calm -> furious", "neutral 1 -> angry 1.2", ""),
        ("happy, sad", "happy 0.5 + sad 0.5", ""),
        ("not angry", None, "not angry"),
        ("beat", None, "beat"),
        ("very terrified", None, "very terrified"),
        ("", None, ""),
    ],
)
def test_a_parenthetical_is_a_mood_or_direction(
    parenthetical: str, mood: str | None, rest: str
) -> None:
    curve, direction = emotion_synonyms.parse_parenthetical(parenthetical, WORDS)
    assert (str(curve) if curve else None, direction) == (mood, rest)


def test_a_production_can_bring_its_own_words(tmp_path: Path) -> None:
    own = tmp_path / "emotions.csv"
    own.write_text("word,emotion\nhangry,angry 0.6 + sad 0.2\nfurious,angry 1.4\n")
    words = emotion_synonyms.load_words(own)
    assert words["hangry"] == (("angry", 0.6), ("sad", 0.2))
    assert words["furious"] == (("angry", 1.4),)
    assert words["scared"] == WORDS["scared"]


def test_every_wrong_word_of_an_own_table_is_reported(tmp_path: Path) -> None:
    own = tmp_path / "emotions.csv"
    own.write_text(
        "word,emotion\na,happpy\nhappy,sad\na,sad\nb,sad\nb,fear\nc,sad -> happy\n,sad\n"
    )
    with pytest.raises(InputError) as caught:
        emotion_synonyms.load_words(own)
    assert [(problem.row, problem.column) for problem in caught.value.problems] == [
        (2, "emotion"),
        (3, "word"),
        (6, "word"),
        (7, "emotion"),
        (8, "word"),
    ]
