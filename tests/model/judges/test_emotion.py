# SPDX-License-Identifier: Apache-2.0
"""Emotions are told by the points of a face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from model.affect import prepared_corpus as corpora
from model.affect.prepared_corpus import Corpus
from model.emotion import LABELS
from model.judges import emotion, trained
from tests.model.judges.test_trained import learning


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpora.write_tiny_corpus(tmp_path_factory.mktemp("tiny"))


def acted(clips: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Facts of clips that move points along a direction of their emotion, more or less, beside much
    that means nothing."""
    directions = np.random.default_rng(7).normal(size=(len(LABELS), 4 * 468))
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, len(LABELS), clips)
    noise = chance.normal(size=(clips, 6)) @ np.random.default_rng(8).normal(size=(6, 4 * 468))
    return chance.uniform(0.3, 1, clips)[:, None] * directions[labels] + 0.5 * noise, labels


def test_emotions_that_points_tell_are_learnt_and_kept_to_the_same_numbers(
    corpus: Corpus, tmp_path: Path
) -> None:
    net, right = emotion.fit_emotion_judge(
        acted(300, 1), acted(100, 2), emotion.EmotionJudgeSettings(epochs=30)
    )
    assert right > 0.6  # chance is 1/8
    facts, labels = acted(100, 3)
    with torch.inference_mode():
        said = net(torch.from_numpy(facts).float())
    assert float((said.argmax(dim=1).numpy() == labels).mean()) > 0.6
    origin = learning(corpus).describe_judge(
        emotion.EmotionJudgeSettings(), judge="emotion", version=1, score=("right", right)
    )
    written = trained.save_judge(net, origin, tmp_path)
    again = emotion.EmotionJudge()
    assert trained.load_judge(again, "emotion", tmp_path) == written
    with torch.inference_mode():
        assert torch.equal(again(torch.from_numpy(facts).float()), said)
