# SPDX-License-Identifier: Apache-2.0
"""A bank learns how emotions move faces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from manifests.errors import InputError
from model.affect.bank import EmotionBank, perplexity
from model.affect.embedder import EmotionEmbedder
from model.affect.prepared_corpus import Corpus, write_tiny_corpus
from model.dice.config import EmotionSizes
from model.emotion import LABELS
from model.training import train_bank, train_embedder
from model.training.batches import BatchSampler
from model.training.resuming import seed_step
from model.training.run import TrainingRun
from model.training.train_bank import BankSettings, Performances, Performer, draw, read_performances

SETTINGS = BankSettings(steps=150, identities=5, codes=16, revive_every=20)


SMALL = EmotionSizes(prior=256, hidden=32, tokens=2, dim=256, bank=8, heads=4, feature=1)


@pytest.fixture
def bank() -> EmotionBank:
    torch.manual_seed(0)
    return EmotionBank(SMALL)


@dataclass(frozen=True)
class Taught:
    folder: Path
    corpus: Corpus
    bank: EmotionBank
    performer: Performer
    acted: Performances
    curve: list[dict[str, float]]


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taught]:
    folder = tmp_path_factory.mktemp("bank")
    corpus = write_tiny_corpus(folder)
    small = train_embedder.EmbedderSettings(steps=60, identities=4, axes=16, width=32)
    embedder = train_embedder.train(corpus, small, TrainingRun(out=folder / "embedder"))
    run = TrainingRun(out=folder / "bank")
    bank, performer = train_bank.train(corpus, embedder, SETTINGS, run)
    assert isinstance(bank, EmotionBank)
    acted = read_performances(corpus, corpus.split("train"), embedder)
    yield Taught(folder, corpus, bank, performer, acted, run.curve.read())


def test_both_paths_learn_to_move_faces(taught: Taught) -> None:
    still = float(taught.acted.moves.square().mean())
    last = taught.curve[-10:]  # blends and blind questions make single steps uneven
    for path in ("loss/attended", "loss/retrieved"):
        assert sum(step[path] for step in last) / len(last) < 0.5 * still


def test_half_the_entries_are_in_use_by_the_scenes_of_training(taught: Taught) -> None:
    sampler = BatchSampler(taught.acted.clips, identities=5)
    scenes = [draw(taught.acted, sampler, SETTINGS, seed_step(99, step)) for step in range(30)]
    places = torch.cat([taught.bank.codebook(batch.priors)[1] for batch in scenes])
    assert perplexity(torch.bincount(places, minlength=16) / len(places)) >= 8


@torch.no_grad()
def test_more_intensity_moves_a_face_further_along_its_way(taught: Taught) -> None:
    neutral = taught.acted.neutral[:1].expand(5, -1)
    falls = 0
    for label in range(len(LABELS)):
        if LABELS[label] == "neutral":
            continue
        steps = torch.linspace(0, 1, 5)[:, None] * torch.eye(8)[label] * 0.7
        moved = taught.performer(neutral, taught.bank.tokens(taught.acted.priors.at(steps)))
        way = moved[-1] - moved[0]
        along = (moved - moved[0]) @ way / way.square().sum()
        falls += int((along.diff() < 0).sum())
        assert float(along.min()) >= -0.1
        assert float(along.max()) <= 1.1
    assert falls <= 2  # of 28 steps


@pytest.mark.proof
def test_a_bank_that_was_stopped_goes_on_to_the_same_curve_and_weights(
    taught: Taught, tmp_path: Path
) -> None:
    embedder = EmotionEmbedder.load(taught.folder / "embedder")
    few = replace(SETTINGS, steps=12, save_every=5, revive_every=4)

    def stopped(step: int, _: object) -> None:
        if step == 7:
            raise KeyboardInterrupt

    train_bank.train(taught.corpus, embedder, few, TrainingRun(out=tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        train_bank.train(
            taught.corpus, embedder, few, TrainingRun(out=tmp_path / "stopped", report=stopped)
        )
    train_bank.train(taught.corpus, embedder, few, TrainingRun(out=tmp_path / "stopped"))
    for name in ("curve.jsonl", "digest"):
        assert (tmp_path / "whole" / name).read_text() == (tmp_path / "stopped" / name).read_text()


def test_a_bank_comes_back_from_its_files(taught: Taught) -> None:
    loaded = EmotionBank.load(taught.folder / "bank")
    priors = taught.acted.priors.mean
    torch.testing.assert_close(
        loaded.tokens(priors), taught.bank.tokens(priors), rtol=0.02, atol=0.02
    )
    assert loaded.perplexity() == pytest.approx(taught.bank.perplexity(), rel=0.01)
    with pytest.raises(InputError, match="this is no emotion bank"):
        EmotionBank.load(taught.folder / "embedder")
