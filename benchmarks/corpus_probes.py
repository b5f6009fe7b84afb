# SPDX-License-Identifier: Apache-2.0
"""Probe a corpus with simple classifiers of emotion: it should be neither trivial nor hopeless.

    python -m benchmarks.corpus_probes FOLDER [--corpus synthetic] [--picture sheet.png]

Classifiers are fitted to the identities of `train` and tested on those of `test`. landmarks:
logistic regression on the mean over time of the 468 points, without subtracting the portrait's
neutral face; as they lie in the crop, and with place, size and roll of each face removed. prosody:
logistic regression on the eight numbers of `model.affect.prosody.SUMMARY`. Prints a table with 95 %
intervals over identities (bootstrap). `--picture` writes a sheet instead: a row for each of a few
test identities, a column for each emotion.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from manifests.corpus_rows import CorpusClip
from model.affect import prosody
from model.affect.prepared_corpus import Corpus
from model.emotion import LABELS
from pipeline.corpus import read

DRAWS = 1000


def average_landmarks(corpus: Corpus, clip: CorpusClip) -> np.ndarray:
    """Compute the mean points in the crop."""
    return np.asarray(corpus.array(clip, "points"), np.float64).mean(axis=0).ravel()


def align_landmarks(corpus: Corpus, clip: CorpusClip) -> np.ndarray:
    """Compute the mean points in the axes of the eyes: between them, in eye distances, level."""
    points = average_landmarks(corpus, clip).reshape(-1, 2)
    left, right = points[[33, 133]].mean(axis=0), points[[263, 362]].mean(axis=0)
    across = right - left
    axes = np.array([across, [-across[1], across[0]]]) / (across @ across)
    return ((points - (left + right) / 2) @ axes.T).ravel()


def summarize_voice(corpus: Corpus, clip: CorpusClip) -> np.ndarray:
    """Compute the eight numbers of prosody."""
    return prosody.summarize_utterance(np.asarray(corpus.array(clip, "speech"), np.float64) / 32768)


PROBES = {
    "landmarks in the crop": average_landmarks,
    "landmarks, aligned": align_landmarks,
    "eight prosody numbers": summarize_voice,
}


def run_probe(corpus: Corpus, name: str, *, test: list[CorpusClip]) -> np.ndarray:
    """Return for each test clip whether its emotion was predicted."""
    train = corpus.split("train")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    model.fit(
        np.stack([PROBES[name](corpus, clip) for clip in train]),
        [LABELS.index(clip.emotion) for clip in train],
    )
    predicted = model.predict(np.stack([PROBES[name](corpus, clip) for clip in test]))
    return np.asarray(predicted == [LABELS.index(clip.emotion) for clip in test])


def bootstrap_interval(right: np.ndarray, test: list[CorpusClip]) -> tuple[float, float]:
    """Compute the central 95 % of the means when identities are resampled."""
    people = sorted({clip.identity for clip in test})
    by_person = [right[[clip.identity == person for clip in test]] for person in people]
    chance = np.random.default_rng(0)
    draws = [
        np.concatenate([by_person[i] for i in chance.integers(len(people), size=len(people))])
        for _ in range(DRAWS)
    ]
    low, high = np.quantile([draw.mean() for draw in draws], [0.025, 0.975])
    return float(low), float(high)


def draw_sheet(corpus: Corpus, out: Path) -> None:
    """Draw six identities of the synthetic test set and two of the units set.

    One frame of each emotion, levels mixed.
    """
    chance = np.random.default_rng(0)
    rows = []
    for source, count in (("synthetic", 6), ("units", 2)):
        people = corpus.identities("test", corpus=source)
        for person in chance.choice(people, min(count, len(people)), replace=False):
            own = [clip for clip in corpus.split("test", corpus=source) if clip.identity == person]
            chosen = [[clip for clip in own if clip.emotion == label] for label in LABELS]
            clips = [some[int(chance.integers(len(some)))] for some in chosen]
            rows.append(
                np.hstack([corpus.array(clip, "faces", slice(-12, -11))[0] for clip in clips])
            )
    cv2.imwrite(
        str(out),
        cv2.resize(np.vstack(rows)[..., ::-1], None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC),
    )


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--corpus", default="synthetic", help="which test clips: synthetic or units"
    )
    parser.add_argument(
        "--picture", type=Path, help="write a sheet of test clips to look at, and no table"
    )
    arguments = parser.parse_args()
    corpus = read(arguments.folder)
    if arguments.picture:
        draw_sheet(corpus, arguments.picture)
        return
    test = corpus.split("test", corpus=arguments.corpus)
    print(
        f"{arguments.corpus} corpus, {len(corpus.split('train'))} clips to train on, {len(test)} "
        f"to test, digest {corpus.digest}"
    )
    for name in PROBES:
        right = run_probe(corpus, name, test=test)
        low, high = bootstrap_interval(right, test)
        levels = ", ".join(
            f"level {level}: {right[[clip.level == level for clip in test]].mean():.2f}"
            for level in sorted({clip.level for clip in test})
        )
        print(f"{name:24} {right.mean():.3f} ({low:.2f} to {high:.2f}); {levels}")


if __name__ == "__main__":
    main()
