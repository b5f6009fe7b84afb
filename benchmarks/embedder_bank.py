# SPDX-License-Identifier: Apache-2.0
"""Measure an emotion bank: explained movement of faces, entries in use, and walks between emotions.

`benchmarks.embedder` trains the banks and calls this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from manifests.corpus_rows import CorpusClip
from model.affect.bank import EmotionBank, perplexity
from model.affect.embedder import EmotionEmbedder
from model.affect.prepared_corpus import Corpus
from model.affect.priors import NEUTRAL, EmotionPriors
from model.emotion import LABELS
from model.training import train_bank
from model.training.batches import BatchSampler
from model.training.resuming import seed_step
from model.training.train_bank import BankSettings, Performances, read_performances


@dataclass(frozen=True)
class BankSubject:
    """A trained bank (or what replaces it) and its inputs."""

    corpus: Corpus
    embedder: EmotionEmbedder
    priors: EmotionPriors
    bank: EmotionBank | train_bank.LinearTokens
    performer: train_bank.Performer

    def paths(self) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
        """Return the ways from priors to tokens."""
        if not isinstance(self.bank, EmotionBank):
            return {"direct": self.bank.tokens}
        bank = self.bank
        return {
            "attended": bank.tokens,
            "retrieved": lambda priors: bank.tokens(priors, retrieve=True),
            "entry alone": lambda priors: bank.recall(
                priors, blind=fill_mask(priors, True), dropped=fill_mask(priors, False)
            )[0],
        }


def fill_mask(priors: torch.Tensor, value: bool) -> torch.Tensor:
    return torch.full((len(priors), 1), value)


@torch.no_grad()
def measure_bank(
    subject: BankSubject, left_out: list[CorpusClip], *, split: str
) -> dict[str, float]:
    """Measure the explained movement of faces, for people never seen and for pairs held out.

    The use of entries, and walks between emotions, are measured too.
    """
    found = dict[str, float]()
    sets = {
        split: subject.corpus.split(split),
        "left-out pairs": left_out,
        "train": subject.corpus.split("train"),
    }
    for which, rows in sets.items():
        acted = read_performances(subject.corpus, rows, subject.embedder, subject.priors)
        every = torch.arange(len(rows))
        for path, tokens in subject.paths().items():
            for kind, priors in {"named": acted.named(every), "felt": acted.felt.mean}.items():
                found[f"{which} {path} {kind}: explained"] = measure_explained(
                    acted, subject.performer(acted.neutral, tokens(priors))
                )
        if which == split:
            found |= measure_walks(subject, acted)
        if which == "train" and isinstance(subject.bank, EmotionBank):
            found |= measure_use(subject.bank, acted)
    return found


def measure_use(bank: EmotionBank, acted: Performances) -> dict[str, float]:
    """Count the entries in use, by three kinds of queries.

    Training's own, samples of the clips' embeddings, and the means of those.
    """
    settings, codes = BankSettings(), bank.sizes.bank
    sampler = BatchSampler(acted.clips, identities=settings.identities)
    batches = [
        train_bank.draw(acted, sampler, settings, seed_step(10_000, step)) for step in range(30)
    ]
    noise = torch.randn(acted.felt.mean.shape, generator=seed_step(10_000, 30))
    subject = {
        "scenes": torch.cat([batch.priors for batch in batches]),
        "draws": acted.felt.sample(noise),
        "means": acted.felt.mean,
    }
    found = {"codes": float(codes)}
    for name, priors in subject.items():
        places = bank.codebook(priors)[1]
        found[f"perplexity of {name}"] = perplexity(
            torch.bincount(places, minlength=codes) / len(places)
        )
    return found


def measure_explained(acted: Performances, moved: torch.Tensor) -> float:
    """Measure the share of the squared movement of landmarks that is explained."""
    return float(1 - (moved - acted.moves).square().sum() / acted.moves.square().sum())


def measure_walks(subject: BankSubject, acted: Performances) -> dict[str, float]:
    """Walk from neutral to each emotion, and from each emotion to each other.

    Measures whether every step goes forward, and stays between the ends.
    """
    eyes = torch.eye(len(LABELS))
    walks = {
        "intensity": [(eyes[NEUTRAL], eyes[e]) for e in range(len(LABELS)) if e != NEUTRAL],
        "blend": [
            (eyes[a], eyes[b])
            for a in range(len(LABELS))
            for b in range(a)
            if NEUTRAL not in (a, b)
        ],
    }
    firsts = torch.tensor(
        [
            int((acted.clips.identities == who).nonzero()[0, 0])
            for who in range(len(acted.clips.names))
        ]
    )
    neutral = acted.neutral[firsts]
    found = dict[str, float]()
    for kind, ends in walks.items():
        for path, tokens in subject.paths().items():
            forward, inside = [], []
            for start, end in ends:
                steps = torch.stack(
                    [torch.lerp(start, end, place) for place in torch.linspace(0, 1, 6)]
                )
                walked = tokens(subject.priors.at(steps))
                moved = torch.stack(
                    [subject.performer(neutral, t.expand(len(neutral), *t.shape)) for t in walked]
                )
                way = moved[-1] - moved[0]
                along = ((moved - moved[0]) * way).sum(-1) / way.square().sum(-1)
                forward.append((along.diff(dim=0) >= -0.01).float().mean())
                inside.append(((along >= -0.02) & (along <= 1.02)).float().mean())
            found[f"{kind} {path}: forward"] = float(torch.stack(forward).mean())
            found[f"{kind} {path}: inside"] = float(torch.stack(inside).mean())
    return found
