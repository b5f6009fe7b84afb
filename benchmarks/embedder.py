# SPDX-License-Identifier: Apache-2.0
"""Train the emotion embedder and its bank, with and without their parts, and measure each.

    python -m benchmarks.embedder .cache/corpus .cache/trained --seeds 0 1 2

Every arm is trained once a seed and measured on people it never saw. OUT/results.jsonl keeps the
results, so that a stopped run resumes. At the end all are written to OUT/results.parquet and
OUT/results.md. A few pairs of identity and emotion are held out of every training, to query the
bank with them. Corpora are synthetic: the numbers prove the mechanism, not recognition in human
faces or speech.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import torch

from benchmarks.embedder_bank import BankSubject, measure_bank
from manifests.corpus_rows import CorpusClip
from model.affect.embedder import BOTH, EmotionEmbedder
from model.affect.features import PROSODY_NUMBERS
from model.affect.prepared_corpus import Corpus
from model.affect.priors import EmotionPriors
from model.emotion import LABELS
from model.training import probes, train_bank, train_embedder
from model.training.batches import EmbedderClips, read_clips
from model.training.run import TrainingRun
from model.training.train_bank import BankSettings
from model.training.train_embedder import EmbedderSettings, encode_all
from pipeline.corpus import read

MODALITIES = {"both": BOTH, "audio": ("audio",), "video": ("video",)}
HELD_OUT = 0.5  # of the training identities lack one emotion


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One training of the embedder: its changes against the defaults."""

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
    """Train and measure all arms."""
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
    write_results(arguments.out)


def train_embedders(
    corpus: Corpus, arguments: argparse.Namespace, seed: int, arms: Sequence[Arm]
) -> None:
    """Train the embedder in some arms and measure it."""
    seen, _ = hold_out_pairs(corpus, seed)
    for arm in arms:
        if is_done(arguments.out, arm.name, seed):
            continue
        folder = arguments.out / f"{arm.name.replace(' ', '-')}-{seed}"
        settings = EmbedderSettings(seed=seed, steps=arguments.steps, **arm.change)
        with time_block() as seconds:
            train_embedder.train(seen, settings, TrainingRun(out=folder))
        append_result(
            arguments.out,
            arm.name,
            seed,
            seconds | measure_embedder(seen, folder, seed, split=arguments.split),
        )


def train_banks(corpus: Corpus, arguments: argparse.Namespace, seed: int) -> None:
    """Train on the full embedder, with and without bank, and measure both."""
    seen, left_out = hold_out_pairs(corpus, seed)
    place = arguments.out / f"full-{seed}"
    embedder, priors = EmotionEmbedder.load(place), EmotionPriors.load(place)
    for name, with_bank in BANKS.items():
        if is_done(arguments.out, name, seed):
            continue
        wanted = BankSettings(seed=seed, steps=arguments.bank_steps, with_bank=with_bank)
        with time_block() as seconds:
            run = TrainingRun(out=arguments.out / f"{name.replace(' ', '-')}-{seed}")
            bank, performer = train_bank.train(seen, embedder, wanted, run)
        subject = BankSubject(seen, embedder, priors, bank, performer)
        append_result(
            arguments.out,
            name,
            seed,
            seconds | measure_bank(subject, left_out, split=arguments.split),
        )


@contextmanager
def time_block() -> Iterator[dict[str, float]]:
    """Measure what passes meanwhile: CPU seconds of this process, and wall seconds."""
    seconds = dict[str, float]()
    cpu, wall = time.process_time(), time.monotonic()
    yield seconds
    seconds |= {"cpu seconds": time.process_time() - cpu, "wall seconds": time.monotonic() - wall}


def hold_out_pairs(corpus: Corpus, seed: int) -> tuple[Corpus, list[CorpusClip]]:
    """Hold out some training pairs of identity and emotion.

    Returns the rest of the corpus, and the clips held out.
    """
    chance = np.random.default_rng([seed, 8])
    identities = corpus.identities("train")
    chosen = chance.permutation(identities)[: int(HELD_OUT * len(identities))]
    emotions = [label for label in LABELS if label != "neutral"]
    pairs = {(str(name), str(chance.choice(emotions))) for name in chosen}
    out = [row for row in corpus.split("train") if (row.identity, row.emotion) in pairs]
    taken = {row.clip_id for row in out}
    return Corpus([row for row in corpus.clips if row.clip_id not in taken], corpus.folder), out


def measure_embedder(corpus: Corpus, folder: Path, seed: int, *, split: str) -> dict[str, float]:
    """Measure accuracies and probes on a split."""
    embedder, priors = EmotionEmbedder.load(folder), EmotionPriors.load(folder)
    taught = read_clips(corpus, corpus.split("train"), embedder.space)
    found = dict[str, float]()
    for which, rows in list_test_sets(corpus, split):
        clips = read_clips(corpus, rows, embedder.space)
        for name, modalities in MODALITIES.items():
            felt, intensity = encode_all(embedder, clips, modalities)
            found[f"{which} {name}"] = measure_share(priors.nearest(felt.mean) == clips.emotions)
            if name == "both":
                found[f"{which} intensity correlation"] = correlate(intensity, clips.intensities)
        found[f"{which} prosody classifier"] = measure_share(
            torch.from_numpy(
                probes.classify_by_discriminant(
                    read_prosody(taught), taught.emotions.numpy(), read_prosody(clips)
                )
            )
            == clips.emotions
        )
        found[f"{which} face discriminant"] = measure_share(
            torch.from_numpy(
                probes.classify_by_discriminant(
                    describe_faces(taught), taught.emotions.numpy(), describe_faces(clips)
                )
            )
            == clips.emotions
        )
    clips = read_clips(corpus, corpus.split(split), embedder.space)
    means = encode_all(embedder, clips)[0].mean.double().numpy()
    inputs = np.column_stack([describe_faces(clips), pool_tokens(clips.audio, clips)])
    who, what = clips.identities.numpy(), clips.emotions.numpy()
    shuffled = probes.probe_shuffled_identities(means, who, what, seed=seed)
    found |= {
        "identity chance": 1 / len(clips.names),
        "identity probe": probes.probe_identity(means, who, what, seed=seed),
        "identity shuffled low": float(np.quantile(shuffled, 0.025)),
        "identity shuffled high": float(np.quantile(shuffled, 0.975)),
        "identity probe of inputs": probes.probe_identity(inputs, who, what, seed=seed),
    }
    return found


def list_test_sets(corpus: Corpus, split: str) -> Iterator[tuple[str, list[CorpusClip]]]:
    """Yield the split, and the set whose expressions come from the 3D model's own units."""
    if split != "val":
        yield "val", corpus.split("val")  # settings are chosen by this one
    yield split, corpus.split(split)
    units = corpus.split("test", corpus="units")
    if units and split == "test":
        yield "units", units


def pool_tokens(rows: torch.Tensor, clips: EmbedderClips) -> np.ndarray:
    """Average over the real tokens."""
    real = (torch.arange(rows.shape[1]) < clips.lengths[:, None])[..., None]
    return np.asarray(((rows * real).sum(1) / real.sum(1)).double().numpy())


def describe_faces(clips: EmbedderClips) -> np.ndarray:
    """Describe faces once the emotion has set in."""
    return np.asarray(train_bank.average_settled(clips).double().numpy())


def read_prosody(clips: EmbedderClips) -> np.ndarray:
    """Read the eight prosody numbers."""
    return np.asarray(clips.audio[:, 0, -len(PROSODY_NUMBERS) :].double().numpy())


def measure_share(right: torch.Tensor) -> float:
    return float(right.float().mean())


def correlate(first: torch.Tensor, second: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([first, second.float()]))[0, 1])


def is_done(out: Path, arm: str, seed: int) -> bool:
    """Return whether this arm was trained and measured before."""
    results = out / RESULTS
    lines = results.read_text().splitlines() if results.is_file() else []
    return any((row["arm"], row["seed"]) == (arm, seed) for row in map(json.loads, lines))


def append_result(out: Path, arm: str, seed: int, measures: dict[str, float]) -> None:
    """Append a row of results."""
    row = {"arm": arm, "seed": seed, **measures}
    with (out / RESULTS).open("a") as file:
        file.write(json.dumps(row) + "\n")
    shown = {
        name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()
    }
    print(json.dumps(shown), flush=True)


def write_results(out: Path) -> None:
    """Write all rows as Parquet, and their mean, least and greatest over seeds as Markdown."""
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
