# SPDX-License-Identifier: Apache-2.0
"""The embedder on a tiny corpus: it learns, it does without a sense, its words and its files are
what they should be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import InputError
from model.affect.embedder import BOTH, DIMS, EmotionEmbedder, Gaussian, Modality
from model.affect.features import extract_audio
from model.affect.prepared_corpus import Corpus, write_tiny_corpus
from model.affect.priors import NEUTRAL, EmotionPriors
from model.emotion import LABELS, parse_curve
from model.training.batches import BatchSampler, read_clips
from model.training.run import TrainingRun
from model.training.train_embedder import EmbedderSettings, encode_all, train

SETTINGS = EmbedderSettings(steps=100, identities=5, axes=16, width=48, save_every=40)


@dataclass(frozen=True)
class Taught:
    corpus: Corpus
    folder: Path
    embedder: EmotionEmbedder
    priors: EmotionPriors


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    folder = tmp_path_factory.mktemp("embedder")
    corpus = write_tiny_corpus(folder)
    train(corpus, SETTINGS, TrainingRun(out=folder / "out"))
    return Taught(
        corpus,
        folder / "out",
        EmotionEmbedder.load(folder / "out"),
        EmotionPriors.load(folder / "out"),
    )


@pytest.mark.parametrize("modalities", [BOTH, ("audio",), ("video",)])
def test_emotions_of_people_never_seen_are_nearest_to_their_class_mean(
    taught: Taught, modalities: tuple[Modality, ...]
) -> None:
    clips = read_clips(taught.corpus, taught.corpus.split("test"), taught.embedder.space)
    found, _ = encode_all(taught.embedder, clips, modalities)
    assert float((taught.priors.nearest(found.mean) == clips.emotions).float().mean()) >= 0.9


def test_one_clip_is_encoded_as_it_is_among_others(taught: Taught) -> None:
    rows = taught.corpus.split("test")
    together, intensities = encode_all(
        taught.embedder, read_clips(taught.corpus, rows, taught.embedder.space)
    )
    alone, intensity = taught.embedder.encode(taught.corpus.load(rows[3]))
    torch.testing.assert_close(alone.mean, together.mean[3], rtol=1e-4, atol=1e-4)
    assert intensity == pytest.approx(float(intensities[3]), abs=1e-4)
    assert alone.embedder == taught.embedder.digest != ""


def test_a_long_clip_is_the_mean_of_its_windows(taught: Taught) -> None:
    embedder = EmotionEmbedder(replace(taught.embedder.sizes, window=4), taught.embedder.space)
    embedder.load_state_dict(taught.embedder.state_dict())
    clip = taught.corpus.load(taught.corpus.split("test")[0])  # eight tokens: two windows of four
    whole, _ = embedder.encode(clip)
    halves = []
    for first in (0, 8):
        part = {
            name: getattr(clip, name)[first : first + 8] for name in ("faces", "points", "prosody")
        }
        half = replace(clip, **part, heard=clip.heard[2 * first : 2 * first + 16])
        halves.append(embedder.encode(half)[0].mean)
    assert float((whole.mean - (halves[0] + halves[1]) / 2).abs().max()) < 0.35 * float(
        whole.mean.abs().max()
    )


def test_a_missing_sense_does_not_shape_what_is_felt(taught: Taught) -> None:
    clip = taught.corpus.load(taught.corpus.split("test")[0])
    deaf = replace(clip, heard=clip.heard * 0 + 5, prosody=clip.prosody * 0)
    one, other = (taught.embedder.encode(each, ("video",))[0].mean for each in (clip, deaf))
    assert torch.equal(one, other)
    blind = replace(clip, points=clip.points * 0)
    assert bool(taught.embedder.encode(blind, ("audio",))[0].mean.isfinite().all())


def test_without_sense_there_is_nothing_to_encode(taught: Taught) -> None:
    clip = taught.corpus.load(taught.corpus.split("test")[0])
    with pytest.raises(InputError, match="neither sound nor face"):
        taught.embedder.encode(clip, ())


def test_a_clip_is_put_in_words(taught: Taught) -> None:
    row = next(row for row in taught.corpus.split("test") if row.emotion == "sad")
    felt, intensity = taught.embedder.encode(taught.corpus.load(row))
    weights = taught.priors.mix(felt, intensity=intensity).at(0)
    assert LABELS[int(weights.argmax())] == "sad"
    assert weights.sum() == pytest.approx(row.intensity, abs=0.25)


def test_a_prior_is_put_in_its_own_words(taught: Taught) -> None:
    for text in ("happy 0.6", "angry 0.5 + fear 0.3", "neutral 1"):
        weights = torch.from_numpy(parse_curve(text).at(0)).float()
        found = taught.priors.mix(
            Gaussian(mean=taught.priors.at(weights), logvar=torch.zeros(DIMS))
        )
        np.testing.assert_allclose(found.at(0), parse_curve(text).at(0), atol=0.02)


@given(share=st.floats(0, 1), one=st.sampled_from(range(8)), other=st.sampled_from(range(8)))
def test_priors_of_blends_lie_between_their_ends(
    taught: Taught, share: float, one: int, other: int
) -> None:
    ends = torch.eye(8)[[one, other]]
    mixed = taught.priors.at(share * ends[0] + (1 - share) * ends[1])
    expected = share * taught.priors.at(ends[0]) + (1 - share) * taught.priors.at(ends[1])
    torch.testing.assert_close(mixed, expected, rtol=1e-3, atol=1e-3)


def test_intensity_leads_from_neutral_to_the_class(taught: Taught) -> None:
    happy = torch.eye(8)[LABELS.index("happy")]
    torch.testing.assert_close(taught.priors.at(0 * happy), taught.priors.mean[NEUTRAL])
    strength = float(taught.priors.intensity[LABELS.index("happy")])
    torch.testing.assert_close(
        taught.priors.at(strength * happy), taught.priors.mean[LABELS.index("happy")]
    )


def test_files_that_were_changed_are_refused(taught: Taught, tmp_path: Path) -> None:
    for file in taught.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace("CC0-1.0", "MIT"))
    with pytest.raises(InputError, match="have changed since they were written"):
        EmotionEmbedder.load(tmp_path)
    with pytest.raises(InputError, match="not a checkpoint"):
        EmotionEmbedder.load(tmp_path / "nowhere")


def test_a_batch_shows_each_identity_in_each_emotion(taught: Taught) -> None:
    clips = read_clips(taught.corpus, taught.corpus.split("train"), taught.embedder.space)
    places = BatchSampler(clips, identities=4).draw(torch.Generator().manual_seed(3))
    who, what = clips.identities[places].reshape(4, 8), clips.emotions[places].reshape(4, 8)
    assert len(set(who[:, 0].tolist())) == 4
    assert bool((who == who[:, :1]).all())
    assert bool((what == torch.arange(8)).all())


def test_a_corpus_without_an_emotion_is_refused_by_name(taught: Taught, tmp_path: Path) -> None:
    rows = [row for row in taught.corpus.clips if row.emotion != "fear"]
    with pytest.raises(InputError, match="performs fear"):
        train(Corpus(rows, taught.corpus.folder), SETTINGS, TrainingRun(out=tmp_path))


def test_hearing_has_a_row_for_two_frames(taught: Taught) -> None:
    clip = taught.corpus.load(taught.corpus.split("test")[0])
    assert extract_audio(clip).shape == (8, 398)
    assert extract_audio(replace(clip, heard=clip.heard[:-3], prosody=clip.prosody[:-1])).shape == (
        7,
        398,
    )
