# SPDX-License-Identifier: Apache-2.0
"""An evaluation: real clips, a talker that only shows the portrait, and what the page says of the
two."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from manifests.corpus_rows import Score
from manifests.errors import InputError
from model.affect import prepared_corpus as corpora
from model.affect.prepared_corpus import Corpus
from model.judges import evaluation, report
from model.judges.evaluation import CorpusEvaluation, FrameWindow
from model.judges.metrics import MetricSuite
from tests.data import talking_heads


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("heads")
    return Corpus(talking_heads.write(folder), folder)


@pytest.fixture(scope="module")
def judged(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> CorpusEvaluation:
    """Both subjects, by judges that learnt nothing: what is asserted does not hang on them."""
    folder = tmp_path_factory.mktemp("judges")
    talking_heads.write_judges(folder)
    portraits = {path.stem: corpus.portrait(path.stem).face for path in talking_heads.HEADS}
    suite = MetricSuite(folder, portraits)
    made = CorpusEvaluation(
        corpus=corpus,
        clips=corpus.split("test"),
        metrics=suite,
        window=FrameWindow(frames=12),
        run_id="run",
    )
    assert len(list(made.judge_subject("real", made.read_real_frames))) == 8
    assert (
        len(
            list(
                made.judge_subject(
                    "still", lambda clip, _: np.stack([portraits[clip.identity]] * 12)
                )
            )
        )
        == 8
    )
    return made


@pytest.fixture(scope="module")
def scores(judged: CorpusEvaluation) -> dict[tuple[str, str], Score]:
    return {(score.subject, score.measure): score for score in judged.compute_scores()}


def test_a_talker_that_shows_a_still_keeps_the_person_and_moves_nothing(
    scores: dict[tuple[str, str], Score],
) -> None:
    assert scores["still", "identity_right"].value == 1
    assert scores["still", "identity_distance"].value == pytest.approx(0, abs=0.05)
    assert scores["still", "flicker"].value == scores["still", "mouth_motion"].value == 0
    assert scores["still", "mouth_motion_of_real"].value == 0
    assert scores["still", "jitter"].value < 0.01


def test_mouths_that_open_with_the_voice_stand_above_shuffled_sounds_and_stills_do_not(
    scores: dict[tuple[str, str], Score],
) -> None:
    assert (
        scores["real", "opening_correlation"].value
        > scores["real", "opening_correlation_shuffled"].value
    )
    assert scores["real", "opening_spread"].value > 5 * scores["still", "opening_spread"].value
    assert abs(scores["still", "opening_correlation"].value) < 0.3


def test_every_score_says_what_stands_behind_it(scores: dict[tuple[str, str], Score]) -> None:
    right = scores["real", "emotion_right"]
    assert (right.clips, right.identities, right.reference, right.compared) == (
        8,
        4,
        0.125,
        "chance",
    )
    assert right.low is not None
    assert right.high is not None
    assert 0 <= right.low <= right.value <= right.high <= 1
    assert scores["real", "emotion_packaged_right"].clips == 4  # contempt is not among its classes
    assert scores["real", "identity_right"].reference == pytest.approx(1 / 4)  # four portraits


def test_the_page_says_that_nobody_acted_and_puts_the_real_clips_first(
    judged: CorpusEvaluation,
) -> None:
    page = report.format_page(judged.compute_scores(), judged.metrics.origins, {"corpus": "heads"})
    assert "## synthetic corpus" in page
    assert "no person acted here" in page
    assert "| measure | real | still | reference |" in page
    assert "lipsync 1: 1 clip of 1 identity" in page


def test_the_same_clips_are_judged_alike_again(judged: CorpusEvaluation, corpus: Corpus) -> None:
    again = CorpusEvaluation(
        corpus=corpus,
        clips=judged.clips[:1],
        metrics=judged.metrics,
        window=judged.window,
        run_id="run",
    )
    list(again.judge_subject("real", again.read_real_frames))
    before = {
        row.measure: row.value
        for row in judged.rows
        if row.clip_id == again.clips[0].clip_id and row.subject == "real"
    }
    after = {row.measure: row.value for row in again.rows}
    kept_alike = [
        name for name in after if "wrong" not in name and not name.startswith("identity")
    ]  # those depend on who sits beside
    assert len(kept_alike) >= 8
    assert {name: after[name] for name in kept_alike} == {name: before[name] for name in kept_alike}


def test_clips_are_drawn_with_the_emotions_in_turn(tmp_path: Path) -> None:
    corpus = corpora.write_tiny_corpus(tmp_path)
    made = evaluation.choose_clips(corpus, split="test", limit=8)
    assert len({one.emotion for one in made}) == 8
    assert made == evaluation.choose_clips(corpus, split="test", limit=8)
    with pytest.raises(InputError, match="no clips of split 'nobody' can be judged"):
        evaluation.choose_clips(corpus, split="nobody")


def test_a_window_lies_in_the_middle_and_never_outside() -> None:
    assert FrameWindow(frames=16).select_frames(50) == slice(17, 33)
    assert FrameWindow(frames=16).select_frames(10) == slice(0, 10)
    assert FrameWindow().select_frames(7) == slice(0, 7)
