# SPDX-License-Identifier: Apache-2.0
"""Train the emotion embedder: read `train` from top to bottom.

Everything random in a step is drawn from the seed and the step, for the whole batch. So a training
that was killed resumes to the same numbers, and two workers who share a batch do what one does.
Results are in docs/how-it-works/measurements/training.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from manifests.corpus_rows import CorpusClip
from manifests.errors import InputError, Problem
from manifests.identity import digest
from model.affect import checkpoint
from model.affect.embedder import BOTH, DIMS, EmbedderSizes, EmotionEmbedder, Gaussian, Modality
from model.affect.features import PITCH_COLUMNS
from model.affect.prepared_corpus import Corpus
from model.affect.priors import fit_class_priors
from model.emotion import LABELS
from model.training import losses
from model.training.batches import BatchSampler, EmbedderClips, fit_space, read_clips
from model.training.resuming import TrainingState, seed_step
from model.training.run import TrainingRun
from model.training.settings import one_of, within

KIND = "emotion embedder"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderSettings:
    """Settings of the training.

    `identities`: in a batch, each in eight emotions. `objective`: what separates emotions (`none`
    for the ablation). `hard_weight`: of negatives of the same identity. `audio_only`, `video_only`:
    shares of clips that lose the other modality. `identity_noise`: how far faces are moved toward
    other faces, in spreads of the training identities; `pitch_noise` the same for voices (log Hz);
    `feature_noise` on all inputs, in standard deviations. Others are weights of losses and sizes of
    `EmbedderSizes`.
    """

    seed: int = within(0, 0, 2**31)
    steps: int = within(1000, 1, 1_000_000)
    identities: int = within(8, 2, 1024)
    learning_rate: float = within(2e-3, 1e-6, 1)
    weight_decay: float = within(0.05, 0, 1)
    objective: str = one_of("infonce", "crossentropy", "none")
    temperature: float = within(0.1, 0.01, 10)
    hard_weight: float = within(2.0, 0, 100)
    kl_weight: float = within(0.001, 0, 10)
    identity_weight: float = within(0.3, 0, 100)
    intensity_weight: float = within(1.0, 0, 100)
    audio_only: float = within(0.25, 0, 1)
    video_only: float = within(0.25, 0, 1)
    identity_noise: float = within(0.7, 0, 10)
    pitch_noise: float = within(0.1, 0, 2)
    feature_noise: float = within(0.3, 0, 10)
    axes: int = within(40, 16, 400)
    width: int = within(64, 8, 1024)
    squeezed: int = within(16, 2, 256)
    window: int = within(25, 2, 1000)
    attend: bool = True
    save_every: int = within(100, 1, 1_000_000)

    SHARES: ClassVar = ("audio_only", "video_only")

    @property
    def sizes(self) -> EmbedderSizes:
        """Sizes of the network."""
        return EmbedderSizes(
            axes=self.axes,
            width=self.width,
            squeezed=self.squeezed,
            window=self.window,
            attend=self.attend,
        )


def train(corpus: Corpus, settings: EmbedderSettings, run: TrainingRun) -> EmotionEmbedder:
    """Train on the split `train` and write the checkpoint, with class priors, to `run.out`.

    A killed training resumes. Raises InputError when the corpus cannot be trained on, or the folder
    holds a training with other settings.
    """
    rows = training_rows(corpus)
    space = fit_space(corpus, rows, axes=settings.axes)
    clips = read_clips(corpus, rows, space)
    sampler = BatchSampler(clips, identities=settings.identities)

    torch.manual_seed(settings.seed)  # first weights
    embedder = EmotionEmbedder(settings.sizes, space)
    learn_scales(embedder, clips)
    classifier = nn.Linear(DIMS, len(LABELS))
    modules = {"embedder": embedder, "classifier": classifier}
    parameters = [*embedder.parameters(), *classifier.parameters()]
    optimiser = torch.optim.AdamW(
        parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    facts = {"settings": asdict(settings), "data": describe_data(corpus)}
    training = TrainingState(modules=modules, optimiser=optimiser, facts=facts)

    for step in range(run.begin(training), settings.steps):
        batch = draw(clips, sampler, embedder, settings, step)
        gaussian, intensity = embedder.train()(
            **batch.inputs(run.workers.share(len(batch.emotions)))
        )
        felt = Gaussian(
            mean=run.workers.gather(gaussian.mean), logvar=run.workers.gather(gaussian.logvar)
        )
        parts = compute_losses(settings, felt, run.workers.gather(intensity), batch, classifier)
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * cosine_rate(step, settings.steps)
        optimiser.zero_grad()
        parts["loss/total"].backward()  # type: ignore[no-untyped-call]
        run.workers.average(parameters)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        run.stepped(step, parts, training, save_every=settings.save_every)
    if run.workers.leads:
        write(embedder.eval(), clips, run.out, config=make_config(settings, corpus))
    return embedder.eval()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbedderBatch:
    """The data of one step, all draws made. `noise`: unit normal, to sample the Gaussians."""

    audio: Float[Tensor, "batch tokens hearing"]
    video: Float[Tensor, "batch tokens seeing"]
    real: Bool[Tensor, "batch tokens"]
    hears: Bool[Tensor, " batch"]
    sees: Bool[Tensor, " batch"]
    noise: Float[Tensor, "batch 256"]
    emotions: Int[Tensor, " batch"]
    identities: Int[Tensor, " batch"]
    intensities: Float[Tensor, " batch"]

    def inputs(self, share: slice) -> dict[str, Tensor]:
        """Return the embedder's inputs of a worker's share."""
        return {
            name: getattr(self, name)[share] for name in ("audio", "video", "real", "hears", "sees")
        }


def draw(
    clips: EmbedderClips,
    sampler: BatchSampler,
    embedder: EmotionEmbedder,
    settings: EmbedderSettings,
    step: int,
) -> EmbedderBatch:
    """Draw the batch of a step: clips, windows, dropped modalities, and augmentations.

    Augmentations change face, voice and features, and keep the emotion.
    """
    generator = seed_step(settings.seed, step)
    chosen = sampler.draw(generator)
    count = len(chosen)
    spare = (clips.lengths[chosen] - settings.window).clamp(min=0)
    starts = (torch.rand(count, generator=generator) * (spare + 1)).long()
    audio, video, real = clips.window(chosen, starts, settings.window)
    audio, video = augment(audio, video, embedder, settings, generator)
    lost = torch.rand(count, generator=generator)
    return EmbedderBatch(
        audio=audio,
        video=video,
        real=real,
        hears=lost >= settings.video_only,
        sees=lost < 1 - settings.audio_only,
        noise=torch.randn(count, DIMS, generator=generator),
        emotions=clips.emotions[chosen],
        identities=clips.identities[chosen],
        intensities=clips.intensities[chosen],
    )


def augment(
    audio: Tensor,
    video: Tensor,
    embedder: EmotionEmbedder,
    settings: EmbedderSettings,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Change features, faces and voices, and keep the emotion."""
    spread = torch.from_numpy(embedder.space.spread)
    noise = torch.randn(audio.shape, generator=generator)
    audio = audio + settings.feature_noise * embedder.audio.scale * noise
    noise = torch.randn(video.shape, generator=generator)
    video = video + settings.feature_noise * embedder.video.scale * noise
    others = torch.randn(len(audio), settings.axes, generator=generator) @ spread
    video[..., : settings.axes] += settings.identity_noise * others[:, None]
    voices = settings.pitch_noise * torch.randn(len(audio), 1, generator=generator)
    for column in PITCH_COLUMNS:
        audio[..., column] += voices
    return audio, video


def compute_losses(
    settings: EmbedderSettings,
    felt: Gaussian,
    intensity: Tensor,
    batch: EmbedderBatch,
    classifier: nn.Module,
) -> dict[str, Tensor]:
    """Compute each loss by its name, and their weighted sum as `loss/total`."""
    vectors, emotions, identities = felt.sample(batch.noise), batch.emotions, batch.identities
    kl = losses.kl_to_unit(felt.mean, felt.logvar)
    share = losses.identity_share(felt.mean, emotions, identities)
    strength = functional.mse_loss(intensity, batch.intensities)
    total = (
        settings.kl_weight * kl
        + settings.identity_weight * share
        + settings.intensity_weight * strength
    )
    parts = {"loss/kl": kl, "loss/identity": share, "loss/intensity": strength}
    parts |= _compute_objective(settings, vectors, batch, classifier)
    apart = parts.get("loss/" + settings.objective, torch.zeros(()))
    return {"loss/total": total + apart, **parts}


def _compute_objective(
    settings: EmbedderSettings, vectors: Tensor, batch: EmbedderBatch, classifier: nn.Module
) -> dict[str, Tensor]:
    """Compute the loss that separates emotions; nothing for the objective `none`."""
    if settings.objective == "infonce":
        scales = {"temperature": settings.temperature, "hard_weight": settings.hard_weight}
        loss = losses.info_nce(vectors, batch.emotions, batch.identities, **scales)
        return {"loss/infonce": loss}
    if settings.objective == "crossentropy":
        loss = functional.cross_entropy(classifier(vectors), batch.emotions)
        return {"loss/crossentropy": loss}
    return {}


def training_rows(corpus: Corpus) -> list[CorpusClip]:
    """Return the clips of the split `train`. Raises InputError when an emotion is missing."""
    rows = corpus.split("train")
    missing = sorted(set(LABELS) - {row.emotion for row in rows})
    if missing:
        message = f"no training clip performs {', '.join(missing)}"
        raise InputError(
            Problem(
                file=str(corpus.folder), message=message, expected="clips of all eight emotions"
            )
        )
    return rows


def learn_scales(embedder: EmotionEmbedder, clips: EmbedderClips) -> None:
    """Let the encoders standardise as the training clips need it."""
    real = torch.arange(clips.audio.shape[1]) < clips.lengths[:, None]
    embedder.audio.learn_scale(clips.audio[real])
    embedder.video.learn_scale(clips.video[real])


@torch.no_grad()
def encode_all(
    embedder: EmotionEmbedder, clips: EmbedderClips, modalities: Sequence[Modality] = BOTH
) -> tuple[Gaussian, Float[Tensor, " clips"]]:
    """Encode all clips to Gaussians and intensities, from the middle window of each."""
    length = embedder.sizes.window
    means, logvars, intensities = [], [], []
    for part in torch.split(torch.arange(len(clips)), 256):
        starts = (clips.lengths[part] - length).clamp(min=0) // 2
        audio, video, real = clips.window(part, starts, length)
        hears, sees = (torch.full((len(part),), name in modalities) for name in BOTH)
        found, intensity = embedder.eval()(audio, video, real=real, hears=hears, sees=sees)
        means.append(found.mean)
        logvars.append(found.logvar)
        intensities.append(intensity)
    return Gaussian(mean=torch.cat(means), logvar=torch.cat(logvars)), torch.cat(intensities)


def make_config(settings: EmbedderSettings, corpus: Corpus) -> dict[str, Any]:
    """Make the config of the checkpoint."""
    return {
        "kind": KIND,
        "sizes": asdict(settings.sizes),
        "settings": asdict(settings),
        "data": describe_data(corpus),
        "licences": list(corpus.licences),
    }


def describe_data(corpus: Corpus) -> dict[str, Any]:
    """Describe the training data of a checkpoint: the clips of the split `train`.

    The other clips of the corpus do not count.
    """
    rows = corpus.split("train")
    return {
        "digest": digest([row.clip_id for row in rows]),
        "clips": len(rows),
        "corpora": sorted({row.corpus for row in rows}),
    }


def write(
    embedder: EmotionEmbedder, clips: EmbedderClips, out: Path, *, config: Mapping[str, Any]
) -> None:
    """Write the checkpoint and its class priors."""
    found, _ = encode_all(embedder, clips)
    fit_class_priors(found, clips.emotions, clips.intensities).save(out)
    embedder.digest = checkpoint.write(out, embedder, config)


def cosine_rate(step: int, steps: int) -> float:
    """Return the learning rate's factor: a short rise, then half a cosine down to nearly nothing.

    >>> round(cosine_rate(500, 1000), 2), cosine_rate(1000, 1000) < 0.01
    (0.5, True)
    """
    rise = max(steps // 20, 1)
    return min((step + 1) / rise, 1) * (0.5 + 0.5 * math.cos(math.pi * min(step / steps, 1)))
