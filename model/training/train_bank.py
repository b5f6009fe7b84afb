# SPDX-License-Identifier: Apache-2.0
"""Train the emotion bank on a trained embedder: read `train` from top to bottom.

The bank's tokens must move a neutral face as a clip does. A small performer takes an identity's
neutral landmarks and the tokens of an emotion that *another* identity's clip shows, and predicts
how the landmarks move; so tokens carry emotions and no people. Both ways of querying the bank learn
in each step. Blends are trained as blends: two emotions of one identity are mixed on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from manifests.corpus_rows import CorpusClip
from model.affect import checkpoint
from model.affect.bank import KIND, SIZES, EmotionBank
from model.affect.embedder import DIMS, EmotionEmbedder, Gaussian
from model.affect.prepared_corpus import Corpus
from model.affect.priors import EmotionPriors, fit_class_priors
from model.emotion import LABELS
from model.training.batches import BatchSampler, EmbedderClips, read_clips
from model.training.resuming import TrainingState, seed_step
from model.training.run import TrainingRun
from model.training.settings import within
from model.training.train_embedder import cosine_rate, describe_data, encode_all, training_rows

MOVED = 16  # first coordinates of a face that the performer moves


@dataclass(frozen=True, slots=True, kw_only=True)
class BankSettings:
    """Settings of the training.

    `codes`, `tokens`, `hidden`: sizes of the bank. `codebook_weight`: of the quantisation loss. The
    rest is about the queries of a step:

    - `named`: share of clips whose emotion is given as its class prior at the clip's intensity,
      instead of the clip's own embedding.
    - `noise`: of the samples from embeddings (1: the Gaussian's own).
    - `blended`: share of clips that are mixed with another emotion of the same identity.
    - `dropped`: share of priors that become zero, for guidance without emotion.
    - `blind`: share of retrievals in which only the entry says the emotion (`EmotionBank.recall`).
    """

    seed: int = within(0, 0, 2**31)
    steps: int = within(500, 1, 1_000_000)
    identities: int = within(16, 2, 1024)
    learning_rate: float = within(1e-3, 1e-6, 1)
    weight_decay: float = within(0.01, 0, 1)
    codes: int = within(64, 2, 4096)
    tokens: int = within(4, 1, 64)
    hidden: int = within(128, 8, 4096)
    codebook_weight: float = within(1.0, 0, 100)
    named: float = within(0.5, 0, 1)
    dropped: float = within(0.1, 0, 1)
    noise: float = within(1.0, 0, 1)
    blended: float = within(0.5, 0, 1)
    blind: float = within(0.5, 0, 1)
    revive_every: int = within(50, 1, 1_000_000)
    with_bank: bool = True
    save_every: int = within(100, 1, 1_000_000)


class Performer(nn.Module):
    """Predicts how a face moves, from its neutral coordinates and the tokens of an emotion.

    It teaches the bank and is not a talker.
    """

    def __init__(self, *, axes: int, tokens: int, dim: int) -> None:
        """Create fresh weights. `axes`: coordinates of the neutral face."""
        super().__init__()
        self.moves = nn.Sequential(
            nn.Linear(axes + tokens * dim, 128),
            nn.GELU(),
            nn.Linear(128, 128),
            nn.GELU(),
            nn.Linear(128, MOVED),
        )

    def forward(
        self, neutral: Float[Tensor, "batch axes"], tokens: Float[Tensor, "batch tokens dim"]
    ) -> Tensor:
        """Predict the movement of the first `MOVED` coordinates."""
        joined = torch.cat(
            [neutral, rearrange(tokens, "batch tokens dim -> batch (tokens dim)")], dim=-1
        )
        moved: Tensor = self.moves(joined)
        return moved


class LinearTokens(nn.Module):
    """Replaces the bank in the ablation: one linear layer from the prior to as many tokens."""

    def __init__(self, *, tokens: int, dim: int) -> None:
        """Create fresh weights; tokens have the bank's shape."""
        super().__init__()
        self.dim = dim
        self.linear = nn.Linear(DIMS, tokens * dim)

    def tokens(self, priors: Tensor) -> Tensor:
        """Compute the tokens of the priors; there is nothing to retrieve."""
        tokens: Tensor = rearrange(
            self.linear(priors), "... (tokens dim) -> ... tokens dim", dim=self.dim
        )
        return tokens


def train(
    corpus: Corpus, embedder: EmotionEmbedder, settings: BankSettings, run: TrainingRun
) -> tuple[EmotionBank | LinearTokens, Performer]:
    """Train on the split `train` and write the bank to `run.out`; resume a killed training.

    Raises InputError as the embedder's training does.
    """
    performances = read_performances(corpus, training_rows(corpus), embedder)
    sampler = BatchSampler(performances.clips, identities=settings.identities)

    torch.manual_seed(settings.seed)  # first weights
    sizes = replace(SIZES, bank=settings.codes, tokens=settings.tokens, hidden=settings.hidden)
    bank = (
        EmotionBank(sizes)
        if settings.with_bank
        else LinearTokens(tokens=sizes.tokens, dim=sizes.dim)
    )
    performer = Performer(axes=performances.neutral.shape[1], tokens=sizes.tokens, dim=sizes.dim)
    parameters = [*bank.parameters(), *performer.parameters()]
    optimiser = torch.optim.AdamW(
        parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    facts = {
        "settings": asdict(settings),
        "data": describe_data(corpus),
        "embedder": embedder.digest,
    }
    training = TrainingState(
        modules={"bank": bank, "performer": performer}, optimiser=optimiser, facts=facts
    )

    for step in range(run.begin(training), settings.steps):
        generator = seed_step(settings.seed, step)
        batch = draw(performances, sampler, settings, generator)
        if isinstance(bank, EmotionBank):
            if step == 0 or (step + 1) % settings.revive_every == 0:
                bank.revive(batch.clean, generator)
            bank.note_use(bank.codebook(batch.priors)[1])
        parts = compute_losses(
            settings, batch.of(run.workers.share(len(batch.priors))), bank, performer
        )
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * cosine_rate(step, settings.steps)
        optimiser.zero_grad()
        parts["loss/total"].backward()  # type: ignore[no-untyped-call]
        run.workers.average(parameters)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        averages = {name: float(run.workers.mean(value.detach())) for name, value in parts.items()}
        used = {"bank/perplexity": bank.perplexity()} if isinstance(bank, EmotionBank) else {}
        run.stepped(step, averages | used, training, save_every=settings.save_every)
    if run.workers.leads and isinstance(bank, EmotionBank):
        bank.digest = checkpoint.write(run.out, bank, make_config(settings, corpus, embedder, bank))
    return bank.eval(), performer.eval()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Performances:
    """A split as the bank sees it.

    `felt`: the embedding of each clip; `neutral`: the neutral face of its identity; `moves`: how
    that face moves.
    """

    clips: EmbedderClips
    felt: Gaussian
    priors: EmotionPriors
    neutral: Float[Tensor, "clips axes"]
    moves: Float[Tensor, "clips moved"]

    def named(self, clips: Tensor) -> Float[Tensor, "batch 256"]:
        """Compute the class priors of some clips' emotions at the clips' intensities."""
        weights = (
            functional.one_hot(self.clips.emotions[clips], len(LABELS))
            * self.clips.intensities[clips, None]
        )
        return self.priors.at(weights)


def read_performances(
    corpus: Corpus,
    rows: Sequence[CorpusClip],
    embedder: EmotionEmbedder,
    priors: EmotionPriors | None = None,
) -> Performances:
    """Read clips and neutral faces.

    `priors`: class means; computed from these clips when None.
    """
    space = embedder.space
    clips = read_clips(corpus, rows, space)
    felt, _ = encode_all(embedder, clips)
    faces = np.stack([np.asarray(corpus.portrait(name).points, np.float32) for name in clips.names])
    neutral = torch.from_numpy(space.coordinates(faces))[clips.identities]
    return Performances(
        clips=clips,
        felt=felt,
        priors=priors or fit_class_priors(felt, clips.emotions, clips.intensities),
        neutral=neutral,
        moves=average_settled(clips)[:, :MOVED] - neutral[:, :MOVED],
    )


def average_settled(clips: EmbedderClips) -> Float[Tensor, "clips seeing"]:
    """Average each clip's video features after its first third: the settled emotion."""
    places = torch.arange(clips.video.shape[1])
    late = (places >= clips.lengths[:, None] // 3) & (places < clips.lengths[:, None])
    return (clips.video * late[..., None]).sum(1) / late.sum(1, keepdim=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BankBatch:
    """The data of one step.

    `clean`: the priors before noise. `dropped`: whose prior becomes zero. `blind`: whose retrieval
    has no query.
    """

    priors: Float[Tensor, "batch 256"]
    clean: Float[Tensor, "batch 256"]
    neutral: Float[Tensor, "batch axes"]
    moves: Float[Tensor, "batch moved"]
    dropped: Bool[Tensor, "batch 1"]
    blind: Bool[Tensor, "batch 1"]

    def of(self, share: slice) -> BankBatch:
        """Return a worker's share."""
        return BankBatch(**{name: getattr(self, name)[share] for name in BankBatch.__slots__})


def draw(
    performances: Performances,
    sampler: BatchSampler,
    settings: BankSettings,
    generator: torch.Generator,
) -> BankBatch:
    """Draw the clips of a step: their conditions, and the movements to predict."""
    chosen = sampler.draw(generator)
    count = len(chosen)
    noise = settings.noise * torch.randn(count, DIMS, generator=generator)
    felt = Gaussian(mean=performances.felt.mean[chosen], logvar=performances.felt.logvar[chosen])
    by_name = torch.rand(count, 1, generator=generator) < settings.named
    clean = torch.where(by_name, performances.named(chosen), felt.mean)
    priors = torch.where(by_name, clean, felt.sample(noise))
    moves = performances.moves[chosen]
    shift = int(torch.randint(1, len(LABELS), (1,), generator=generator))
    share = torch.rand(count, 1, generator=generator)
    share = torch.where(torch.rand(count, 1, generator=generator) < settings.blended, share, 0)
    return BankBatch(
        priors=torch.lerp(priors, _other_emotion(priors, shift), share),
        clean=torch.lerp(clean, _other_emotion(clean, shift), share),
        neutral=performances.neutral[chosen],
        moves=torch.lerp(moves, _other_emotion(moves, shift), share),
        dropped=torch.rand(count, 1, generator=generator) < settings.dropped,
        blind=torch.rand(count, 1, generator=generator) < settings.blind,
    )


def compute_losses(
    settings: BankSettings, batch: BankBatch, bank: EmotionBank | LinearTokens, performer: Performer
) -> dict[str, Tensor]:
    """Compute each loss by its name, and their weighted sum as `loss/total`."""
    if isinstance(bank, LinearTokens):
        priors = torch.where(batch.dropped, 0.0, batch.priors)
        moved = functional.mse_loss(performer(batch.neutral, bank.tokens(priors)), batch.moves)
        return {"loss/total": moved, "loss/attended": moved}
    attended = performer(batch.neutral, bank(batch.priors, dropped=batch.dropped))
    tokens, quantised = bank.recall(batch.priors, blind=batch.blind, dropped=batch.dropped)
    parts = {
        "loss/attended": functional.mse_loss(attended, batch.moves),
        "loss/retrieved": functional.mse_loss(performer(batch.neutral, tokens), batch.moves),
        "loss/codebook": quantised,
    }
    total = parts["loss/attended"] + parts["loss/retrieved"] + settings.codebook_weight * quantised
    return {"loss/total": total, **parts}


def make_config(
    settings: BankSettings, corpus: Corpus, embedder: EmotionEmbedder, bank: EmotionBank
) -> dict[str, Any]:
    """Make the config of the checkpoint."""
    return {
        "kind": KIND,
        "sizes": bank.plain_sizes(),
        "settings": asdict(settings),
        "embedder": embedder.digest,
        "data": describe_data(corpus),
        "licences": list(corpus.licences),
    }


def _other_emotion(values: Tensor, shift: int) -> Tensor:
    """Exchange each clip's row for that of the same identity `shift` emotions on."""
    grouped = rearrange(
        values, "(identity emotion) width -> identity emotion width", emotion=len(LABELS)
    )
    return rearrange(
        grouped.roll(shift, dims=1), "identity emotion width -> (identity emotion) width"
    )
