# SPDX-License-Identifier: Apache-2.0
"""Samples of a performance: a recording, a picture and a film are put in words, once; what holds
nobody is refused."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from flows.talk import translate_emotion
from manifests.errors import InputError
from manifests.identity import digest, digest_file
from manifests.rows import Actor
from model.affect.embedder import DIMS, Gaussian
from model.affect.packaged import VARIABLE
from model.affect.prepared_corpus import write_tiny_corpus
from model.emotion import parse_curve
from model.talker import EmotionGaussian
from model.talkers import describe
from model.training import train_embedder
from model.training.run import TrainingRun
from model.weights import cache_folder
from pipeline.corpus import emotion_sample
from pipeline.frame_writer import FrameWriter
from pipeline.script import cast

STARTER = Path(__file__).parents[3] / "pipeline" / "script" / "starter"
SPEECH, FACE = STARTER / "recordings" / "dialogue.flac", STARTER / "portraits" / "robin.jpg"


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    small = train_embedder.EmbedderSettings(steps=5, identities=2, axes=16, width=16)
    train_embedder.train(write_tiny_corpus(folder), small, TrainingRun(out=folder / "embedder"))
    return folder / "embedder"


@pytest.fixture(autouse=True)
def _chosen(embedder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(embedder))


def test_a_recording_is_felt_by_its_sound_and_a_picture_by_its_face(embedder: Path) -> None:
    heard, seen = emotion_sample.measure_emotion(SPEECH), emotion_sample.measure_emotion(FACE)
    assert (heard.senses, seen.senses) == (("audio",), ("video",))
    assert heard.gaussian.embedder == (embedder / "digest").read_text().strip()
    assert heard.gaussian.mean.shape == (DIMS,)
    assert bool(
        torch.isfinite(heard.gaussian.mean).all() and torch.isfinite(seen.gaussian.mean).all()
    )
    assert not torch.allclose(heard.gaussian.mean, seen.gaussian.mean)


def test_words_are_found_once_for_the_same_file(embedder: Path) -> None:
    name = digest([emotion_sample.VERSION, (embedder / "digest").read_text().strip()])
    kept = cache_folder() / "emotions" / f"{digest_file(SPEECH)}-{name}.json"
    kept.unlink(missing_ok=True)
    try:
        first = emotion_sample.describe_emotion(SPEECH)
        assert str(parse_curve(first)) == first
        assert emotion_sample.find_cached(SPEECH) == [kept]
        kept.write_text('{"words": "sad 0.25"}')
        assert emotion_sample.describe_emotion(SPEECH) == "sad 0.25"
    finally:
        kept.unlink(missing_ok=True)


def test_a_file_without_face_and_speech_is_refused(tmp_path: Path) -> None:
    grey = tmp_path / "grey.mkv"
    with FrameWriter(grey, size=(320, 320), rate=Fraction(25)) as writer:
        for _ in range(14):
            writer.write(np.full((320, 320, 3), 90, np.uint8))
    with pytest.raises(InputError, match="no face in the first frame"):
        emotion_sample.measure_emotion(grey)


def test_a_folder_that_is_no_embedder_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match=r"there is no embedder here.*CALLSHEET_EMBEDDER"):
        emotion_sample.measure_emotion(FACE)


def test_only_a_talker_of_the_same_embedder_gets_the_gaussian() -> None:
    gaussian = Gaussian(mean=torch.ones(DIMS), logvar=torch.zeros(DIMS), embedder="e1")
    felt = emotion_sample.SampleEmotion(
        gaussian=gaussian, intensity=0.5, words=parse_curve("sad 0.5"), senses=("audio",)
    )
    labels_only = describe("previs", {})
    assert translate_emotion(felt, labels_only) == parse_curve("sad 0.5")
    same = translate_emotion(felt, replace(labels_only, embedder="e1"))
    assert isinstance(same, EmotionGaussian)
    assert same.mean.tolist() == [1.0] * DIMS
    with pytest.raises(
        InputError, match=r"another emotion embedder.*expected embedder e2; got embedder e1"
    ):
        translate_emotion(felt, replace(labels_only, embedder="e2"))


def test_a_sample_says_the_default_emotion_that_the_sheet_does_not_write() -> None:
    actors = [
        Actor(
            character="A", actor="a", portrait="a.png", emotion_sample="a.wav", default_emotion=""
        ),
        Actor(
            character="B",
            actor="b",
            portrait="b.png",
            emotion_sample="b.wav",
            default_emotion="happy 1",
        ),
    ]
    found = cast.fill_default_emotions(actors, estimate={"a.wav": "sad 0.4"}.__getitem__)
    assert [actor.default_emotion for actor in found] == ["sad 0.4", "happy 1"]
