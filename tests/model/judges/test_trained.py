# SPDX-License-Identifier: Apache-2.0
"""The two judges that are trained here: they learn what can be learnt, on people whom they do not
know."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from manifests.errors import InputError
from model.affect import prepared_corpus as corpora
from model.affect.prepared_corpus import Corpus
from model.emotion import LABELS
from model.judges import emotion, lipsync, sound, trained, training
from model.judges.splits import ClipSplit, split_clips

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpora.write_tiny_corpus(tmp_path_factory.mktemp("tiny"))


def learning(corpus: Corpus) -> ClipSplit:
    """More people than `shares` finds in so small a corpus."""
    return ClipSplit(training=corpus.split("train"), validation=corpus.split("val"))


@pytest.fixture(scope="module")
def lips(corpus: Corpus) -> lipsync.SyncNet:
    """Trained for a few seconds on four people."""
    settings = lipsync.LipsyncJudgeSettings(steps=30, clips_per_step=8, look_every=15)
    return lipsync.train_lipsync_judge(corpus, learning(corpus), settings)[0]


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


def test_the_level_of_a_voice_is_one_where_it_speaks_and_nought_where_it_is_silent() -> None:
    tone = 9000 * np.sin(np.arange(16_000) * 2 * np.pi * 1000 / 16_000)
    level = sound.measure_level(np.concatenate([tone, np.zeros(16_000)]).astype(np.int16), 50)
    assert level[2:23].min() > 0.9
    assert level[27:].max() < 0.05


def test_the_judges_that_ship_are_small_and_tell_what_they_learnt_from() -> None:
    for name, net in (("emotion", emotion.EmotionJudge()), ("lipsync", lipsync.SyncNet())):
        origin = trained.load_judge(net, name, trained.SHIPPED)
        assert (origin.judge, origin.corpus, origin.split) == (name, "synthetic", "judge+val")
        assert origin.licences == ("CC0-1.0",)
        assert origin.identities >= 10
        assert (trained.SHIPPED / f"{name}.safetensors").stat().st_size < 2e6


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


def test_a_corpus_without_people_for_judges_gives_them_some_of_its_choosing_people(
    corpus: Corpus,
) -> None:
    named = {"tiny-0": "train", "tiny-1": "test"}
    rows = [
        dataclasses.replace(clip, split=named.get(clip.identity, "val")) for clip in corpus.clips
    ]
    made = split_clips(Corpus(rows, corpus.folder))
    learnt, aside = ({clip.identity for clip in some} for some in (made.training, made.validation))
    assert learnt and aside and not learnt & aside
    assert not (learnt | aside) & set(named)


def test_a_corpus_with_nobody_for_judges_is_refused(corpus: Corpus) -> None:
    rows = [clip for clip in corpus.clips if clip.split == "train"]
    with pytest.raises(InputError, match="no generator learned from"):
        split_clips(Corpus(rows, corpus.folder))


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
