# SPDX-License-Identifier: Apache-2.0
"""Lip sync: lips are told from lips with another's sound."""

from __future__ import annotations

import numpy as np
import pytest

from model.affect import prepared_corpus as corpora
from model.affect.prepared_corpus import Corpus
from model.judges import lipsync
from tests.model.judges.test_trained import learning


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpora.write_tiny_corpus(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def lips(corpus: Corpus) -> lipsync.SyncNet:
    """Trained for a few seconds on four people."""
    settings = lipsync.LipsyncJudgeSettings(steps=30, clips_per_step=8, look_every=15)
    return lipsync.train_lipsync_judge(corpus, learning(corpus), settings)[0]


def test_lips_with_their_own_sound_are_told_from_lips_with_anothers(
    corpus: Corpus, lips: lipsync.SyncNet
) -> None:
    clips = [corpus.load(clip) for clip in corpus.split("test")]
    right = [lipsync.measure_sync(lips, clip.faces, clip.speech) for clip in clips]
    wrong = [
        lipsync.measure_sync(lips, one.faces, other.speech)
        for one, other in zip(clips, clips[1:] + clips[:1], strict=True)
    ]
    assert np.mean([one.confidence for one in right]) > 1.5 * np.mean(
        [one.confidence for one in wrong]
    )
    assert (
        np.mean([one.offset == 0 for one in right])
        > np.mean([one.offset == 0 for one in wrong]) + 0.3
    )


def test_a_picture_that_is_late_by_three_frames_is_said_to_be(
    corpus: Corpus, lips: lipsync.SyncNet
) -> None:
    offsets = []
    for clip in corpus.split("test"):
        prepared = corpus.load(clip)
        early = prepared.speech[3 * 640 :]  # the sound begins three frames later in the clip
        offsets.append(lipsync.measure_sync(lips, prepared.faces, early).offset)
    assert np.median(offsets) == 3


@pytest.mark.proof
def test_a_clip_in_the_middle_of_its_sound_is_matched_there(
    corpus: Corpus, lips: lipsync.SyncNet
) -> None:
    offsets = []
    for clip in corpus.split("test"):
        prepared = corpus.load(clip)
        offsets.append(
            lipsync.measure_sync(lips, prepared.faces[4:13], prepared.speech, first=4).offset
        )
    assert np.median(offsets) == 0


def test_four_pictures_are_too_few_for_lip_sync() -> None:
    with pytest.raises(ValueError, match="too few"):
        lipsync.measure_sync(
            lipsync.SyncNet(), np.zeros((4, 64, 64, 3), np.uint8), np.zeros(6400, np.int16)
        )


def test_a_mouth_that_follows_its_voice_stands_above_shuffled_sounds_and_noise_does_not() -> None:
    chance = np.random.default_rng(0)
    voices = [
        np.abs(np.sin(np.arange(40) * chance.uniform(0.3, 1.2) + chance.uniform(0, 3)))
        for _ in range(20)
    ]
    following = [voice + chance.normal(0, 0.3, 40) for voice in voices]
    noise = [chance.normal(0, 1, 40) for _ in voices]
    for gaps, follows in ((following, True), (noise, False)):
        table = lipsync.correlate_all(gaps, voices)
        assert bool(np.diagonal(table).mean() > lipsync.correlate_shuffled(table)) is follows
