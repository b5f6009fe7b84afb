# SPDX-License-Identifier: Apache-2.0
"""Train the emotion embedder and its bank with several seeds and without their parts, and measure
each on people never seen.

    python -m benchmarks.embedder .cache/corpus .cache/trained --seeds 0 1 2

Each arm is trained once; results are kept in OUT/results.jsonl, so that a stopped run goes on. At
the end all are written to OUT/results.parquet and OUT/results.md. A few pairs of identity and
emotion are kept out of every training, to ask the bank for them. Corpora are synthetic: the numbers
prove the mechanism, not recognition in human faces or speech.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import torch

from manifests.corpus_rows import CorpusClip
from model.affect.bank import EmotionBank, perplexity
from model.affect.embedder import BOTH, EmotionEmbedder
from model.affect.features import PROSODY_NUMBERS
from model.affect.prepared_corpus import Corpus
from model.affect.priors import NEUTRAL, EmotionPriors
from model.emotion import LABELS
from model.training import probes, train_bank, train_embedder
from model.training.batches import BatchSampler, EmbedderClips, read_clips
from model.training.resuming import seed_step
from model.training.run import TrainingRun
from model.training.train_bank import BankSettings, Performances, read_performances
from model.training.train_embedder import EmbedderSettings, encode_all
from pipeline.corpus import read

SENSES = {"both": BOTH, "audio": ("audio",), "video": ("video",)}
HELD_OUT = 0.5  # of the training identities lack one emotion


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One training of the embedder: what differs from the defaults."""

    name: str
    change: dict[str, Any]


ARMS = (
    Arm(name="full", change={}),
    Arm(name="no InfoNCE", change={"objective": "none"}),
    Arm(name="cross-entropy instead", change={"objective": "crossentropy"}),
    Arm(name="no cross-attention", change={"attend": False}),
)
RESULTS = "results.jsonl"
BANKS = {"bank": True, "no bank": False}


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(1)
    corpus = read(arguments.corpus)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in arguments.seeds:  # what others build on comes first
        train_embedders(corpus, arguments, seed, ARMS[:1])
        if arguments.only != "embedders":
            train_banks(corpus, arguments, seed)
    for seed in arguments.seeds:
        if arguments.only != "banks":
            train_embedders(corpus, arguments, seed, ARMS[1:])
    write(arguments.out)


def train_embedders(
    corpus: Corpus, arguments: argparse.Namespace, seed: int, arms: Sequence[Arm]
) -> None:
    """Train the embedder in some arms and measure it."""
    seen, _ = without_pairs(corpus, seed)
    for arm in arms:
        if done(arguments.out, arm.name, seed):
            continue
        folder = arguments.out / f"{arm.name.replace(' ', '-')}-{seed}"
        settings = EmbedderSettings(seed=seed, steps=arguments.steps, **arm.change)
        with spent() as seconds:
            train_embedder.train(seen, settings, TrainingRun(out=folder))
        keep(
            arguments.out,
            arm.name,
            seed,
            seconds | embedder_measures(seen, folder, seed, split=arguments.split),
        )


def train_banks(corpus: Corpus, arguments: argparse.Namespace, seed: int) -> None:
    """Train on the full embedder, with and without bank, and measure both."""
    seen, left_out = without_pairs(corpus, seed)
    place = arguments.out / f"full-{seed}"
    embedder, priors = EmotionEmbedder.load(place), EmotionPriors.load(place)
    for name, with_bank in BANKS.items():
        if done(arguments.out, name, seed):
            continue
        wanted = BankSettings(seed=seed, steps=arguments.bank_steps, with_bank=with_bank)
        with spent() as seconds:
            run = TrainingRun(out=arguments.out / f"{name.replace(' ', '-')}-{seed}")
            bank, performer = train_bank.train(seen, embedder, wanted, run)
        asked = Asked(seen, embedder, priors, bank, performer)
        keep(
            arguments.out,
            name,
            seed,
            seconds | bank_measures(asked, left_out, split=arguments.split),
        )


@contextmanager
def spent() -> Iterator[dict[str, float]]:
    """What passes meanwhile: this process' own seconds, and the clock's."""
    seconds = dict[str, float]()
    cpu, wall = time.process_time(), time.monotonic()
    yield seconds
    seconds |= {"cpu seconds": time.process_time() - cpu, "wall seconds": time.monotonic() - wall}


def without_pairs(corpus: Corpus, seed: int) -> tuple[Corpus, list[CorpusClip]]:
    """The corpus without some training pairs of identity and emotion, and the clips that were taken
    out.
    """
    chance = np.random.default_rng([seed, 8])
    identities = corpus.identities("train")
    chosen = chance.permutation(identities)[: int(HELD_OUT * len(identities))]
    emotions = [label for label in LABELS if label != "neutral"]
    pairs = {(str(name), str(chance.choice(emotions))) for name in chosen}
    out = [row for row in corpus.split("train") if (row.identity, row.emotion) in pairs]
    taken = {row.clip_id for row in out}
    return Corpus([row for row in corpus.clips if row.clip_id not in taken], corpus.folder), out


def embedder_measures(corpus: Corpus, folder: Path, seed: int, *, split: str) -> dict[str, float]:
    """Accuracies and probes on a split."""
    embedder, priors = EmotionEmbedder.load(folder), EmotionPriors.load(folder)
    taught = read_clips(corpus, corpus.split("train"), embedder.space)
    found = dict[str, float]()
    for which, rows in test_sets(corpus, split):
        clips = read_clips(corpus, rows, embedder.space)
        for name, modalities in SENSES.items():
            felt, intensity = encode_all(embedder, clips, modalities)
            found[f"{which} {name}"] = share(priors.nearest(felt.mean) == clips.emotions)
            if name == "both":
                found[f"{which} intensity correlation"] = correlation(intensity, clips.intensities)
        found[f"{which} prosody classifier"] = share(
            torch.from_numpy(
                probes.discriminant(prosody(taught), taught.emotions.numpy(), prosody(clips))
            )
            == clips.emotions
        )
        found[f"{which} face discriminant"] = share(
            torch.from_numpy(
                probes.discriminant(faces(taught), taught.emotions.numpy(), faces(clips))
            )
            == clips.emotions
        )
    clips = read_clips(corpus, corpus.split(split), embedder.space)
    means = encode_all(embedder, clips)[0].mean.double().numpy()
    given = np.column_stack([faces(clips), pooled(clips.audio, clips)])
    who, what = clips.identities.numpy(), clips.emotions.numpy()
    shuffled = probes.shuffled_identity_probes(means, who, what, seed=seed)
    found |= {
        "identity chance": 1 / len(clips.names),
        "identity probe": probes.identity_probe(means, who, what, seed=seed),
        "identity shuffled low": float(np.quantile(shuffled, 0.025)),
        "identity shuffled high": float(np.quantile(shuffled, 0.975)),
        "identity probe of inputs": probes.identity_probe(given, who, what, seed=seed),
    }
    return found


def test_sets(corpus: Corpus, split: str) -> Iterator[tuple[str, list[CorpusClip]]]:
    """The split, and beside it the set whose expressions come from the 3D model's own units."""
    if split != "val":
        yield "val", corpus.split("val")  # settings are chosen by this one
    yield split, corpus.split(split)
    units = corpus.split("test", corpus="units")
    if units and split == "test":
        yield "units", units


@dataclass(frozen=True)
class Asked:
    """A trained bank (or what stands for it) and what it is asked with."""

    corpus: Corpus
    embedder: EmotionEmbedder
    priors: EmotionPriors
    bank: EmotionBank | train_bank.LinearTokens
    performer: train_bank.Performer

    def paths(self) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
        """The ways from priors to tokens."""
        if not isinstance(self.bank, EmotionBank):
            return {"direct": self.bank.tokens}
        bank = self.bank
        return {
            "attended": bank.tokens,
            "retrieved": lambda priors: bank.tokens(priors, retrieve=True),
            "entry alone": lambda priors: bank.recall(
                priors, blind=all_of(priors, True), dropped=all_of(priors, False)
            )[0],
        }


def all_of(priors: torch.Tensor, value: bool) -> torch.Tensor:
    return torch.full((len(priors), 1), value)


@torch.no_grad()
def bank_measures(asked: Asked, left_out: list[CorpusClip], *, split: str) -> dict[str, float]:
    """How much of faces' movement is explained, for people never seen and for pairs left out; use;
    behaviour in between.
    """
    found = dict[str, float]()
    sets = {
        split: asked.corpus.split(split),
        "left-out pairs": left_out,
        "train": asked.corpus.split("train"),
    }
    for which, rows in sets.items():
        acted = read_performances(asked.corpus, rows, asked.embedder, asked.priors)
        every = torch.arange(len(rows))
        for path, tokens in asked.paths().items():
            for given, priors in {"named": acted.named(every), "felt": acted.felt.mean}.items():
                found[f"{which} {path} {given}: explained"] = explained(
                    acted, asked.performer(acted.neutral, tokens(priors))
                )
        if which == split:
            found |= between(asked, acted)
        if which == "train" and isinstance(asked.bank, EmotionBank):
            found |= use(asked.bank, acted)
    return found


def use(bank: EmotionBank, acted: Performances) -> dict[str, float]:
    """How many entries are in use: by what training asks, by draws from what is felt in clips, by
    the means of that.
    """
    settings, codes = BankSettings(), bank.sizes.bank
    sampler = BatchSampler(acted.clips, identities=settings.identities)
    batches = [
        train_bank.draw(acted, sampler, settings, seed_step(10_000, step)) for step in range(30)
    ]
    noise = torch.randn(acted.felt.mean.shape, generator=seed_step(10_000, 30))
    asked = {
        "scenes": torch.cat([batch.priors for batch in batches]),
        "draws": acted.felt.sample(noise),
        "means": acted.felt.mean,
    }
    found = {"codes": float(codes)}
    for name, priors in asked.items():
        places = bank.codebook(priors)[1]
        found[f"perplexity of {name}"] = perplexity(
            torch.bincount(places, minlength=codes) / len(places)
        )
    return found


def explained(acted: Performances, moved: torch.Tensor) -> float:
    """The share of the squared movement of landmarks that is explained."""
    return float(1 - (moved - acted.moves).square().sum() / acted.moves.square().sum())


def between(asked: Asked, acted: Performances) -> dict[str, float]:
    """Walks from neutral to each emotion and from each emotion to each other: does every step go
    forward, and stay between the ends?
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
        for path, tokens in asked.paths().items():
            forward, inside = [], []
            for one, other in ends:
                steps = torch.stack(
                    [torch.lerp(one, other, place) for place in torch.linspace(0, 1, 6)]
                )
                told = tokens(asked.priors.at(steps))
                moved = torch.stack(
                    [asked.performer(neutral, t.expand(len(neutral), *t.shape)) for t in told]
                )
                way = moved[-1] - moved[0]
                along = ((moved - moved[0]) * way).sum(-1) / way.square().sum(-1)
                forward.append((along.diff(dim=0) >= -0.01).float().mean())
                inside.append(((along >= -0.02) & (along <= 1.02)).float().mean())
            found[f"{kind} {path}: forward"] = float(torch.stack(forward).mean())
            found[f"{kind} {path}: inside"] = float(torch.stack(inside).mean())
    return found


def pooled(rows: torch.Tensor, clips: EmbedderClips) -> np.ndarray:
    """Means over the real tokens."""
    real = (torch.arange(rows.shape[1]) < clips.lengths[:, None])[..., None]
    return np.asarray(((rows * real).sum(1) / real.sum(1)).double().numpy())


def faces(clips: EmbedderClips) -> np.ndarray:
    """What is seen once the emotion has set in."""
    return np.asarray(train_bank.average_settled(clips).double().numpy())


def prosody(clips: EmbedderClips) -> np.ndarray:
    """The eight prosody numbers."""
    return np.asarray(clips.audio[:, 0, -len(PROSODY_NUMBERS) :].double().numpy())


def share(right: torch.Tensor) -> float:
    return float(right.float().mean())


def correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([one, other.float()]))[0, 1])


def done(out: Path, arm: str, seed: int) -> bool:
    """Whether this was trained and measured before."""
    results = out / RESULTS
    lines = results.read_text().splitlines() if results.is_file() else []
    return any((row["arm"], row["seed"]) == (arm, seed) for row in map(json.loads, lines))


def keep(out: Path, arm: str, seed: int, measures: dict[str, float]) -> None:
    """Add a row."""
    row = {"arm": arm, "seed": seed, **measures}
    with (out / RESULTS).open("a") as file:
        file.write(json.dumps(row) + "\n")
    shown = {
        name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()
    }
    print(json.dumps(shown), flush=True)


def write(out: Path) -> None:
    """All rows as Parquet, and their means over seeds with the least and the greatest as
    Markdown.
    """
    table = pandas.DataFrame(
        [json.loads(line) for line in (out / RESULTS).read_text().splitlines()]
    )
    table.to_parquet(out / "results.parquet")
    lines = ["Synthetic corpus. Mean over seeds (least to greatest).", ""]
    arms = list(dict.fromkeys(table["arm"]))
    for group in ([a for a in arms if a not in BANKS], [a for a in arms if a in BANKS]):
        rows = table[table["arm"].isin(group)].dropna(axis=1, how="all")
        lines += ["| measure | " + " | ".join(group) + " |", "|---|" + "---|" * len(group)]
        for measure in [name for name in rows.columns if name not in ("arm", "seed")]:
            cells = [_cell(rows[rows["arm"] == arm][measure].dropna()) for arm in group]
            lines.append(f"| {measure} | " + " | ".join(cells) + " |")
        lines.append("")
    (out / "results.md").write_text("\n".join(lines))
    print("\n".join(lines))


def _cell(values: pandas.Series) -> str:
    if values.empty:
        return ""
    return f"{values.mean():.3g} ({values.min():.3g} to {values.max():.3g})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=EmbedderSettings().steps)
    parser.add_argument("--bank-steps", type=int, default=BankSettings().steps)
    parser.add_argument("--only", choices=("embedders", "banks"), help="a part of it")
    parser.add_argument(
        "--split", choices=("val", "test"), default="test", help="val while settings are chosen"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
