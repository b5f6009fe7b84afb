# SPDX-License-Identifier: Apache-2.0
"""Judges learn, and a page tells from whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.affect import prepared_corpus as corpora
from model.affect.prepared_corpus import Corpus
from model.judges import emotion, lipsync, trained, training


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpora.write_tiny_corpus(tmp_path_factory.mktemp("tiny"))


def test_judges_learn_from_people_of_their_own_and_keep_a_page_about_it(
    corpus: Corpus, tmp_path: Path
) -> None:
    heard: set[str] = set()
    origins = training.train_judges(
        corpus,
        tmp_path,
        emotion_settings=emotion.EmotionJudgeSettings(epochs=1),
        lipsync_settings=lipsync.LipsyncJudgeSettings(steps=1, clips_per_step=2),
        report=lambda _, values: heard.update(values),
    )
    assert [(one.judge, one.split, one.identities) for one in origins] == [
        ("emotion", "judge+val", 1),
        ("lipsync", "judge+val", 1),
    ]
    assert heard == {"emotion/loss", "emotion/right", "lipsync/loss", "lipsync/right"}
    assert trained.has_all_judges(tmp_path)
