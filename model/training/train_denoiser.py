# SPDX-License-Identifier: Apache-2.0
"""Train the denoiser, the second and third stage of diffusion training: motion, then emotion.

Both stages run one loop with different settings. A window of a clip's latents is noised, and the
denoiser predicts v from it and the portrait, the sound, the emotion, and in half of the windows the
first frames. Conditions are dropped now and then for the branches of guidance; the motion stage
always drops emotion. With a discriminator, the emotion of part of the batch is classified too (see
`discriminator`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from model import v_prediction
from model.nano.networks import NanoNetworks
from model.nano.unet import NanoConditions
from model.training import diffusion, discriminator, training_loop
from model.training.diffusion import ConditionDropout, NoiseDistribution
from model.training.discriminator import EmotionDiscriminator
from model.training.latent_dataset import LatentDataset
from model.training.resuming import seed_step
from model.training.run import TrainingRun
from model.training.samples import sample_strips
from model.training.settings import within
from model.training.training_loop import (
    Draws,
    LoopSettings,
    Losses,
    Show,
    TrainingStage,
    Video,
    ignore_samples,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DenoiserSettings:
    """Settings of a stage.

    `emotion`: whether the denoiser knows emotions. `noise_mean`, `noise_deviation`: of ln sigma.
    `drop_*`: shares of windows that lose both, the emotion, or the sound. `given`: share of windows
    that know their first frames; `given_noise`: deviation added to those, since a talker's own
    frames are not perfect. `acting`: additional weight of places that act. `discriminator`: its
    weight, 0 for none; `examined`: share of the batch that it examines; `examined_noise`: noise
    level at which it examines predictions.
    """

    seed: int = within(0, 0, 2**31)
    emotion: bool = True
    steps: int = within(2000, 1, 10_000_000)
    batch: int = within(16, 1, 65_536)
    accumulate: int = within(1, 1, 65_536)
    learning_rate: float = within(1e-3, 1e-7, 1)
    ema: float = within(0.995, 0, 0.99999)
    noise_mean: float = within(0.0, -10, 10)
    noise_deviation: float = within(1.4, 0.01, 10)
    drop_both: float = within(0.1, 0, 1)
    drop_emotion: float = within(0.1, 0, 1)
    drop_sound: float = within(0.05, 0, 1)
    given: float = within(0.5, 0, 1)
    given_noise: float = within(0.1, 0, 10)
    acting: float = within(4.0, 0, 100)
    discriminator: float = within(0.0, 0, 100)
    examined: float = within(0.5, 0, 1)
    examined_noise: float = within(0.2, 0.001, 10)
    bf16: bool = True
    checkpointing: bool = False
    save_every: int = within(100, 1, 1_000_000)
    show_every: int = within(0, 0, 1_000_000)

    SHARES: ClassVar = ("drop_both", "drop_emotion", "drop_sound")


class Learner(nn.Module):
    """The networks that learn: the denoiser, its two encoders, and the discriminator."""

    def __init__(self, nano: NanoNetworks, *, seed: int) -> None:
        """Take the networks of `nano`, which learn in place."""
        super().__init__()
        self.unet, self.hearing, self.feeling = nano.unet, nano.hearing, nano.feeling
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.reader = EmotionDiscriminator(nano.sizes.channels[1], (nano.sizes.grid // 2) ** 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DenoiserData:
    """Clips to learn from, clips of other people for samples, and other facts of the training."""

    dataset: LatentDataset
    shown: LatentDataset
    facts: dict[str, Any]


def train(
    nano: NanoNetworks,
    data: DenoiserData,
    settings: DenoiserSettings,
    run: TrainingRun,
    *,
    show: Show = ignore_samples,
) -> None:
    """Train everything of `nano` but its autoencoder, in place.

    State and curve are kept in the run's folder.
    """
    learner = Learner(nano, seed=settings.seed)
    nano.unet.checkpointing = settings.checkpointing

    stage = TrainingStage(
        module=learner,
        draw=lambda step: draw(data.dataset, nano, settings, step),
        loss=lambda part: losses(learner, read_batch(data.dataset, nano, part), settings),
        films=lambda mean: sample_mean(nano, mean, data.shown),
        facts={"settings": asdict(settings), **data.facts},
    )
    mean = training_loop.run_stage(stage, LoopSettings.of(settings), run, show=show)
    learner.load_state_dict(mean.state_dict())
    nano.unet.checkpointing = False
    nano.eval()


def sample_mean(nano: NanoNetworks, mean: nn.Module, shown: LatentDataset) -> dict[str, Video]:
    """Sample clips with the running mean of the learner's weights."""
    networks = NanoNetworks.fresh(nano.sizes)
    own = {
        name: value for name, value in mean.state_dict().items() if not name.startswith("reader.")
    }
    networks.load_state_dict(nano.state_dict() | own)
    return sample_strips(networks, shown)


def draw(
    dataset: LatentDataset, nano: NanoNetworks, settings: DenoiserSettings, step: int
) -> Draws:
    """Draw everything random of a step."""
    generator, sizes, count = seed_step(settings.seed, step), nano.sizes, settings.batch
    clips = torch.randint(len(dataset.starts), (count,), generator=generator)
    spare = dataset.references.lengths[clips] - sizes.window + 1
    shape = (count, sizes.window, sizes.latent, sizes.grid, sizes.grid)
    dropout = ConditionDropout(
        everything=settings.drop_both, emotion=settings.drop_emotion, sound=settings.drop_sound
    )
    silent, moodless = dropout.draw(count, generator)
    noise = NoiseDistribution(mean=settings.noise_mean, deviation=settings.noise_deviation)
    return {
        "clips": clips,
        "firsts": (torch.rand(count, generator=generator) * spare).long(),
        "sigma": noise.draw(count, generator),
        "silent": silent,
        "moodless": moodless if settings.emotion else torch.ones_like(moodless),
        "given": torch.rand(count, generator=generator) < settings.given,
        "examined": torch.rand(count, generator=generator) < settings.examined,
        "noise": torch.randn(shape, generator=generator),
        "given_noise": torch.randn(shape, generator=generator) * settings.given_noise,
    }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DenoiserBatch:
    """Draws together with the data of their clips."""

    clean: Tensor
    states: Tensor
    prosody: Tensor
    look: Tensor
    weights: Tensor
    labels: Tensor
    is_known: Tensor
    acting: Tensor
    part: Draws


def read_batch(dataset: LatentDataset, nano: NanoNetworks, part: Draws) -> DenoiserBatch:
    """Read the data of a slice of draws."""
    sizes, clips = nano.sizes, part["clips"]
    places = list(zip(clips.tolist(), part["firsts"].tolist(), strict=True))
    sounds = [dataset.sound(clip, first, sizes=sizes) for clip, first in places]
    is_known = part["given"][:, None] & (torch.arange(sizes.window) < sizes.overlap)
    return DenoiserBatch(
        clean=torch.stack([dataset.window(clip, first, sizes.window) for clip, first in places]),
        states=torch.stack([states for states, _ in sounds]),
        prosody=torch.stack([prosody for _, prosody in sounds]),
        look=dataset.looks[clips],
        weights=dataset.weights(clips)[:, None].expand(-1, sizes.window, -1),
        labels=dataset.labels[clips],
        is_known=is_known,
        acting=dataset.acting[clips],
        part=part,
    )


def losses(learner: Learner, batch: DenoiserBatch, settings: DenoiserSettings) -> Losses:
    """Compute the error of v, and the losses of the discriminator."""
    part, clean, sigma = batch.part, batch.clean, batch.part["sigma"]
    conditions = NanoConditions(
        batch.look,
        clean + part["given_noise"],
        batch.is_known,
        learner.hearing(batch.states, batch.prosody, dropped=part["silent"]),
        learner.feeling(batch.weights, dropped=part["moodless"]),
    )
    noisy = v_prediction.add_noise(clean, part["noise"], sigma)
    v = learner.unet(v_prediction.scale_input(noisy, sigma), sigma, conditions).float()
    places = 1 + settings.acting * batch.acting
    places = places / places.mean((1, 2), keepdim=True)
    error = diffusion.v_loss(
        v,
        v_prediction.compute_target(clean, part["noise"], sigma),
        free=~batch.is_known,
        places=places,
    )
    found = {"loss/total": error, "loss/v": error}
    chosen = part["examined"] & ~part["moodless"]
    if settings.discriminator and bool(chosen.any()):
        predicted_clean = v_prediction.recover_clean(noisy, v, sigma)[chosen]
        found |= _examine(learner, batch, predicted_clean, chosen, settings)
        found["loss/total"] = error + settings.discriminator * (
            found["loss/read"] + found["loss/kept"]
        )
    elif settings.discriminator:
        found |= _zero_examination()
    return found


def _examine(
    learner: Learner,
    batch: DenoiserBatch,
    predicted_clean: Tensor,
    chosen: Tensor,
    settings: DenoiserSettings,
) -> Losses:
    """Classify the emotion of real windows and of predicted ones.

    Real windows train reader and UNet, predicted ones train the prediction.
    """
    part, labels, sigma = batch.part, batch.labels[chosen], batch.part["sigma"][chosen]
    count, frames = predicted_clean.shape[:2]
    untold = torch.ones(count, dtype=torch.bool)
    conditions = NanoConditions(
        batch.look[chosen],
        torch.zeros_like(predicted_clean),
        torch.zeros(count, frames, dtype=torch.bool),
        learner.hearing.silence(count, frames),
        learner.feeling(batch.weights[chosen], dropped=untold),
    )
    noise = part["noise"][chosen]
    noisy = v_prediction.add_noise(batch.clean[chosen], noise, sigma)
    real = learner.reader(
        learner.unet.deepest(v_prediction.scale_input(noisy, sigma), sigma, conditions)
    )
    usual = settings.examined * len(part["sigma"])
    low = torch.full_like(sigma, settings.examined_noise)
    blurred = v_prediction.add_noise(predicted_clean, noise.flip(1), low)
    with discriminator.frozen(learner.unet), discriminator.frozen(learner.reader):
        predicted = learner.reader(
            learner.unet.deepest(v_prediction.scale_input(blurred, low), low, conditions)
        )
    return {
        "loss/read": discriminator.loss(real, labels, sigma, of=usual),
        "loss/kept": discriminator.loss(predicted, labels, sigma, of=usual),
        "accuracy/read": _count_right(real, labels),
        "accuracy/kept": _count_right(predicted, labels),
    }


def _zero_examination() -> Losses:
    """Return what `_examine` returns for no window."""
    return {
        "loss/read": torch.zeros(()),
        "loss/kept": torch.zeros(()),
        "accuracy/read": torch.zeros(2),
        "accuracy/kept": torch.zeros(2),
    }


def _count_right(logits: Tensor, labels: Tensor) -> Tensor:
    """Count the right answers, and all answers."""
    return torch.stack([(logits.argmax(1) == labels).sum(), torch.tensor(len(labels))]).float()
