# SPDX-License-Identifier: Apache-2.0
"""The two judges that are trained here: they learn what can be learnt, on people whom they do not
know."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.errors import InputError
from model.affect import prepared_corpus as corpora
from model.affect.prepared_corpus import Corpus
from model.judges import emotion, lipsync, trained
from model.judges.splits import ClipSplit


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpora.write_tiny_corpus(tmp_path_factory.mktemp("tiny"))


def learning(corpus: Corpus) -> ClipSplit:
    """More people than `shares` finds in so small a corpus."""
    return ClipSplit(training=corpus.split("train"), validation=corpus.split("val"))


def test_the_judges_that_ship_are_small_and_tell_what_they_learnt_from() -> None:
    for name, net in (("emotion", emotion.EmotionJudge()), ("lipsync", lipsync.SyncNet())):
        origin = trained.load_judge(net, name, trained.SHIPPED)
        assert (origin.judge, origin.corpus, origin.split) == (name, "synthetic", "judge+val")
        assert origin.licences == ("CC0-1.0",)
        assert origin.identities >= 10
        assert (trained.SHIPPED / f"{name}.safetensors").stat().st_size < 2e6


def test_weights_that_are_not_those_of_their_page_are_refused(
    corpus: Corpus, tmp_path: Path
) -> None:
    origin = learning(corpus).describe_judge(
        emotion.EmotionJudgeSettings(), judge="emotion", version=1, score=("right", 0.5)
    )
    trained.save_judge(emotion.EmotionJudge(), origin, tmp_path)
    file = tmp_path / "emotion.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(InputError, match="not the weights that its page names"):
        trained.load_judge(emotion.EmotionJudge(), "emotion", tmp_path)


def test_a_missing_judge_is_named_with_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--train") as caught:
        trained.load_judge(emotion.EmotionJudge(), "emotion", tmp_path)
    assert len(caught.value.problems) == 2
