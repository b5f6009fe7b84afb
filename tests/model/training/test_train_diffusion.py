# SPDX-License-Identifier: Apache-2.0
"""Training the small talker on a tiny corpus: stages, resuming to the same numbers, slices of
batches, what stands beside weights."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from manifests.errors import InputError
from manifests.identity import digest
from model.affect import checkpoint
from model.affect import prepared_corpus as corpora
from model.affect.bank import EmotionBank
from model.affect.embedder import EmbedderSizes, EmotionEmbedder
from model.affect.packaged import PACKAGED
from model.affect.prepared_corpus import Corpus
from model.affect.priors import EmotionPriors
from model.emotion import LABELS
from model.nano.networks import NanoNetworks, read_config
from model.nano.sizes import tiny_sizes
from model.training.latent_dataset import LatentDataset, References
from model.training.run import TrainingRun
from model.training.train_autoencoder import AutoencoderSettings
from model.training.train_denoiser import DenoiserSettings, Learner, draw, losses, read_batch
from model.training.train_diffusion import DiffusionSettings, DiffusionStages, train
from model.training.training_loop import Video
from model.training.workers import Workers
from tests.data.rounding import rounding_of

QUICK = DiffusionStages(
    sizes=tiny_sizes(),
    autoencoder=AutoencoderSettings(steps=6, batch=8, save_every=2, bf16=False),
    motion=DenoiserSettings(steps=2, batch=4, save_every=2, bf16=False),
    emotion=DenoiserSettings(
        steps=5, batch=4, save_every=2, bf16=False, discriminator=0.1, examined=0.5, show_every=5
    ),
)


class Stopped(Exception):  # noqa: N818 - as a kill would
    """The training is killed."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpora.write_tiny_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def trained(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(corpus, QUICK, TrainingRun(out=tmp_path_factory.mktemp("trained")))


@pytest.fixture(scope="module")
def dataset(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> LatentDataset:
    cache = tmp_path_factory.mktemp("cache")
    references = References.of(
        corpus, corpus.split("train"), cache=cache, least=tiny_sizes().window
    )
    return LatentDataset.of(
        references, NanoNetworks.fresh(tiny_sizes()).autoencoder, cache=cache, weights="fresh"
    )


def test_a_finished_checkpoint_says_what_it_was_trained_on(corpus: Corpus, trained: Path) -> None:
    config = read_config(trained)
    assert config["data"]["digest"] == digest([clip.clip_id for clip in corpus.split("train")])
    assert (config["data"]["clips"], config["data"]["people"]) == (32, 4)
    assert config["licences"] == ["CC0-1.0"]
    assert config["seed"] == 0
    assert config["settings"]["emotion"]["discriminator"] == 0.1
    assert NanoNetworks.load(trained).sizes == tiny_sizes()


@pytest.mark.proof
def test_a_training_that_was_killed_goes_on_to_the_same_weights(
    corpus: Corpus, trained: Path, tmp_path: Path
) -> None:
    for last in (3, 9):  # in the first stage, and in the last

        def killed(step: int, _: object, last: int = last) -> None:
            if step == last:
                raise Stopped

        with pytest.raises(Stopped):
            train(corpus, QUICK, TrainingRun(out=tmp_path, report=killed))
    finished = train(corpus, QUICK, TrainingRun(out=tmp_path))
    for name in ("autoencoder", "motion", "emotion"):
        assert (tmp_path / name / "curve.jsonl").read_text() == (
            trained.parent / name / "curve.jsonl"
        ).read_text()
    assert (finished / "model.safetensors").read_bytes() == (
        trained / "model.safetensors"
    ).read_bytes()


@pytest.mark.proof
def test_a_process_that_was_killed_outright_goes_on_to_the_same_weights(
    trained: Path, tmp_path: Path
) -> None:
    corpus = corpora.write_tiny_corpus(tmp_path / "corpus")
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); "
        "from tests.model.training import test_train_diffusion as here; "
        "from model.affect.prepared_corpus import write_tiny_corpus; place = Path(sys.argv[2]); "
        "corpus = write_tiny_corpus(place / 'corpus'); "
        "here.train(corpus, here.QUICK, here.TrainingRun(out=place / 'out'))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(Path(__file__).parents[3]), str(tmp_path)]
    )
    first, until = tmp_path / "out" / "autoencoder" / "curve.jsonl", time.monotonic() + 120
    while not (first.is_file() and first.read_text().count("\n") >= 3) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    finished = train(corpus, QUICK, TrainingRun(out=tmp_path / "out"))
    assert first.read_text() == (trained.parent / "autoencoder" / "curve.jsonl").read_text()
    assert (finished / "model.safetensors").read_bytes() == (
        trained / "model.safetensors"
    ).read_bytes()


def test_a_stage_that_is_done_is_not_done_again(corpus: Corpus, trained: Path) -> None:
    def report(step: int, _: object) -> None:
        raise Stopped(f"step {step}")

    assert train(corpus, QUICK, TrainingRun(out=trained.parent, report=report)) == trained


def test_other_settings_in_the_same_folder_are_refused(corpus: Corpus, trained: Path) -> None:
    other = replace(QUICK, motion=replace(QUICK.motion, learning_rate=0.5))
    with pytest.raises(InputError, match=r"motion.learning_rate: .*another value.*got 0\.5"):
        train(corpus, other, TrainingRun(out=trained.parent))


@pytest.mark.proof
def test_arms_start_from_a_shared_checkpoint(corpus: Corpus, trained: Path, tmp_path: Path) -> None:
    shared = DiffusionSettings(
        start=str(trained.parent / "motion"), cache=str(trained.parent / "cache")
    )
    plain = replace(QUICK, diffusion=shared, emotion=replace(QUICK.emotion, discriminator=0.0))
    shown: list[dict[str, Video]] = []
    steps: list[int] = []
    arm = train(
        corpus,
        plain,
        TrainingRun(out=tmp_path, report=lambda step, _: steps.append(step)),
        show=lambda _, films: shown.append(dict(films)),
    )
    assert steps == list(range(5))
    assert not (tmp_path / "motion").exists()
    own, other = NanoNetworks.load(arm).state_dict(), NanoNetworks.load(trained).state_dict()
    assert torch.equal(own["autoencoder.decode_in.weight"], other["autoencoder.decode_in.weight"])
    assert not torch.equal(own["unet.conv_in.weight"], other["unet.conv_in.weight"])
    assert {name: film.shape[0] for name, film in shown[0].items()} == {
        "emotion/strip": 1,
        "emotion/film": 8,
    }


@pytest.mark.numeric
def test_accumulation_and_workers_only_change_rounding(dataset: LatentDataset) -> None:
    nano = NanoNetworks.fresh(tiny_sizes())
    settings = replace(QUICK.emotion, batch=8)
    draws = draw(dataset, nano, settings, 3)
    learner = Learner(nano, seed=0)
    torch.nn.init.normal_(
        nano.unet.conv_out.weight, std=0.1, generator=torch.Generator().manual_seed(0)
    )

    def gradient(parts: list[slice]) -> torch.Tensor:
        learner.zero_grad()
        for part in parts:
            mine = {name: values[part] for name, values in draws.items()}
            torch.autograd.backward(
                losses(learner, read_batch(dataset, nano, mine), settings)["loss/total"]
                / len(parts)
            )
        return torch.cat([p.grad.flatten() for p in learner.parameters() if p.grad is not None])

    whole = gradient([slice(0, 8)])
    two = Workers(rank=0, count=2), Workers(rank=1, count=2)
    largest = float(whole.abs().max())
    assert largest > 1e-4
    rounding = 2 * rounding_of(learner, scale=largest)  # a pass forward and one back
    assert gradient([worker.share(8) for worker in two]) == pytest.approx(whole, abs=rounding)


@pytest.mark.numeric
def test_recomputing_activations_changes_no_gradient(dataset: LatentDataset) -> None:
    nano = NanoNetworks.fresh(tiny_sizes())
    torch.nn.init.normal_(
        nano.unet.conv_out.weight, std=0.1, generator=torch.Generator().manual_seed(0)
    )
    learner, settings = Learner(nano, seed=0), replace(QUICK.emotion, discriminator=0.0)
    found = []
    for checkpointing in (False, True):
        nano.unet.checkpointing = checkpointing
        learner.zero_grad()
        found_losses = losses(
            learner, read_batch(dataset, nano, draw(dataset, nano, settings, 0)), settings
        )
        torch.autograd.backward(found_losses["loss/total"])
        gradient = nano.unet.conv_in.weight.grad
        assert gradient is not None
        found.append(gradient.clone())
    largest = float(found[0].abs().max())
    assert largest > 0
    assert found[1] == pytest.approx(
        found[0], abs=2 * rounding_of(nano.unet, scale=largest)
    )  # forward and back


@pytest.mark.numeric
def test_in_the_motion_stage_the_label_changes_nothing(dataset: LatentDataset) -> None:
    nano = NanoNetworks.fresh(tiny_sizes())
    torch.nn.init.normal_(
        nano.unet.conv_out.weight, std=0.1, generator=torch.Generator().manual_seed(0)
    )
    learner = Learner(nano, seed=0)
    other = replace(dataset, labels=(dataset.labels + 1) % len(LABELS))
    for emotion, same in ((False, True), (True, False)):
        settings = replace(QUICK.motion, emotion=emotion, drop_both=0.0, drop_emotion=0.0)
        part = draw(dataset, nano, settings, 0)
        values = [
            losses(learner, read_batch(one, nano, part), settings)["loss/v"].item()
            for one in (dataset, other)
        ]
        assert (values[0] == values[1]) is same


def test_latents_are_normalised_and_restored(dataset: LatentDataset, trained: Path) -> None:
    autoencoder = NanoNetworks.load(trained).autoencoder
    latents = torch.randn(3, 2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    assert autoencoder.denormalize(autoencoder.normalize(latents)) == pytest.approx(
        latents, abs=1e-5
    )
    assert dataset.window(1, 2, 8).shape == (8, 4, 8, 8)
    assert torch.equal(dataset.window(1, 2, 8), dataset.latents[16 + 2 : 16 + 10].float())


def test_an_arm_may_feel_through_a_bank_that_stays_as_it_is(
    corpus: Corpus, trained: Path, tmp_path: Path
) -> None:
    priors = EmotionPriors(
        mean=torch.randn(8, 256), logvar=torch.zeros(8, 256), intensity=torch.ones(8)
    )
    felt, bank = EmotionEmbedder(EmbedderSizes()), EmotionBank()
    own = {"kind": "emotion embedder", "sizes": felt.plain_sizes()}
    digest = checkpoint.write(tmp_path / "embedder", felt, own)
    priors.save(tmp_path / "embedder")
    for name, embedder in (("bank", digest), ("other bank", "of another")):
        facts = {"kind": "emotion bank", "sizes": bank.plain_sizes(), "embedder": embedder}
        checkpoint.write(tmp_path / name, bank, facts)
    told = DiffusionSettings(
        start=str(trained.parent / "motion"),
        cache=str(trained.parent / "cache"),
        embedder=str(tmp_path / "embedder"),
        bank=str(tmp_path / "bank"),
    )
    arm = train(corpus, replace(QUICK, diffusion=told), TrainingRun(out=tmp_path / "arm"))
    nano, config = NanoNetworks.load(arm), read_config(arm)
    assert config["told by"]["embedder"] == digest
    assert config["begun after"]["digest"] == checkpoint.read_digest(trained.parent / "motion")
    assert list(config["settings"]) == ["emotion"]
    assert nano.sizes.banked
    kept = nano.feeling.bank.codebook.codebook.weight
    assert kept == pytest.approx(bank.codebook.codebook.weight.detach(), abs=1e-4)
    assert nano.feeling.priors == pytest.approx(priors.mean, abs=2e-3)
    with pytest.raises(
        InputError, match=r"other bank, column diffusion.bank: the bank of another embedder"
    ):
        train(
            corpus,
            replace(QUICK, diffusion=replace(told, bank=str(tmp_path / "other bank"))),
            TrainingRun(out=tmp_path),
        )


def test_folders_to_begin_with_that_hold_something_else_are_all_told_at_once(
    corpus: Corpus, tmp_path: Path
) -> None:
    wrong = DiffusionSettings(
        start=str(tmp_path), embedder=str(PACKAGED), bank=str(tmp_path / "none")
    )
    with pytest.raises(InputError) as caught:
        train(corpus, replace(QUICK, diffusion=wrong), TrainingRun(out=tmp_path / "out"))
    assert [problem.column for problem in caught.value.problems] == [
        "diffusion.start",
        "diffusion.bank",
    ]
    assert not (tmp_path / "out").exists()
