# SPDX-License-Identifier: Apache-2.0
"""Judge which of the eight emotions a clip shows, by the points of the face.

A small net compares the points of the mesh with those of the person's neutral portrait. It was
trained on identities that no generator saw. It sees where brows, lids, lips and mouth corners stand
on average and how much they move, but neither pixels nor sound nor order: it reads the shape of a
feeling, not skin, tears or timing. A net on pixels learned too little from so few people
(docs/how-it-works/measurements/training.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn
from torch.nn import functional

from manifests.corpus_rows import CorpusClip
from model.affect.prepared_corpus import POINTS, Corpus
from model.emotion import LABELS
from model.judges.points import FaceTrack, track_face
from model.judges.splits import ClipSplit
from model.judges.trained import JudgeOrigin, copy_state
from model.previs.landmarks import Landmarker
from model.training.reporting import Report, ignore_report

VERSION = 1
FRAMES = 8  # frames of a clip that the judge sees
PLACE, MOVES = 16, 8  # main directions kept of the points' places, and of their movements
HIDDEN = 32

Features = Float64[np.ndarray, " facts"]
Table = Float64[np.ndarray, "clips facts"]
Labels = Int64[np.ndarray, " clips"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmotionJudgeSettings:
    """Settings of the training. `noise`: added to the main directions, in their deviations."""

    epochs: int = 120
    clips_per_step: int = 64
    rate: float = 3e-3
    decay: float = 0.1
    noise: float = 0.4
    seed: int = 0


class EmotionJudge(nn.Module):
    """The main directions of the features (fixed once fitted), then a net with one hidden layer."""

    middle: Tensor
    basis: Tensor

    def __init__(self) -> None:
        """Lay out the net; it has 1,100 trained parameters."""
        super().__init__()
        self.register_buffer("middle", torch.zeros(4 * POINTS))
        self.register_buffer("basis", torch.zeros(4 * POINTS, PLACE + MOVES))
        self.name = nn.Sequential(
            nn.Linear(PLACE + MOVES, HIDDEN),
            nn.SiLU(),
            nn.Dropout(0.3),
            nn.Linear(HIDDEN, len(LABELS)),
        )

    def forward(
        self, facts: Float[Tensor, "clips facts"], noise: float = 0.0
    ) -> Float[Tensor, "clips 8"]:
        """Return logits of `LABELS`."""
        seen = (facts - self.middle) @ self.basis
        logits: Tensor = self.name(seen + noise * torch.randn_like(seen) if noise else seen)
        return logits


def extract_features(clip: FaceTrack, rest: FaceTrack) -> Features:
    """Compare the points of a clip with the portrait's.

    The mean difference of every point comes first, then the points' deviations over the clip; both
    in inter-ocular distances (IOD), in the face's axes.
    """
    places = np.stack([face.local for face in clip.faces])
    return np.concatenate(
        [(places.mean(axis=0) - rest.faces[0].local).ravel(), places.std(axis=0).ravel()]
    )


@torch.inference_mode()
def predict_probabilities(
    net: EmotionJudge, clip: FaceTrack, rest: FaceTrack
) -> Float64[np.ndarray, " 8"]:
    """Return the probability of each of `LABELS` for a clip, given the neutral portrait."""
    some = FaceTrack(
        pictures=clip.pictures,
        faces=tuple(clip.faces[place] for place in _spread_frames(len(clip.faces))),
    )
    logits = net(torch.from_numpy(extract_features(some, rest)).float()[None])
    probabilities: Float64[np.ndarray, " 8"] = functional.softmax(logits, dim=1)[0].double().numpy()
    return probabilities


def train_emotion_judge(
    corpus: Corpus,
    split: ClipSplit,
    settings: EmotionJudgeSettings,
    *,
    landmarker: Landmarker,
    report: Report = ignore_report,
) -> tuple[EmotionJudge, JudgeOrigin]:
    """Train on the training clips, and keep the epoch that does best on the validation clips."""
    people = {clip.identity for clip in (*split.training, *split.validation)}
    rest = {
        name: track_face(landmarker, corpus.portrait(name).face[None]) for name in sorted(people)
    }
    sides = [
        _gather_features(corpus, clips, rest, landmarker)
        for clips in (split.training, split.validation)
    ]
    net, right = fit_emotion_judge(sides[0], sides[1], settings, report)
    return net, split.describe_judge(
        settings, judge="emotion", version=VERSION, score=("right", right)
    )


def fit_emotion_judge(
    training: tuple[Table, Labels],
    validation: tuple[Table, Labels],
    settings: EmotionJudgeSettings,
    report: Report = ignore_report,
) -> tuple[EmotionJudge, float]:
    """Fit a judge to features and labels; return it with its accuracy on the validation side."""
    torch.manual_seed(settings.seed)
    net, chance = EmotionJudge(), np.random.default_rng(settings.seed)
    net.middle, net.basis = _find_directions(training[0])
    inputs, labels = torch.from_numpy(training[0]).float(), torch.from_numpy(training[1])
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.rate, weight_decay=settings.decay)
    best, kept = -1.0, net.state_dict()
    for epoch in range(settings.epochs):
        net.train()
        order = torch.from_numpy(chance.permutation(len(labels)))
        losses = [
            _train_step(net, (inputs[picked], labels[picked]), settings.noise, optimiser)
            for picked in order.split(settings.clips_per_step)  # type: ignore[no-untyped-call]
        ]
        right = _measure_accuracy(net, validation)
        report(epoch, {"loss": float(np.mean(losses)), "right": right})
        if right > best:
            best, kept = right, copy_state(net)
    net.load_state_dict(kept)
    net.eval()
    return net, best


def _train_step(
    net: EmotionJudge, batch: tuple[Tensor, Tensor], noise: float, optimiser: torch.optim.Optimizer
) -> float:
    """Take a step on features and labels; return the loss."""
    loss = functional.cross_entropy(net(batch[0], noise), batch[1], label_smoothing=0.1)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return float(loss.detach())


@torch.inference_mode()
def _measure_accuracy(net: EmotionJudge, side: tuple[Table, Labels]) -> float:
    net.eval()
    predicted = net(torch.from_numpy(side[0]).float()).argmax(dim=1)
    return float((predicted.numpy() == side[1]).mean())


def _gather_features(
    corpus: Corpus,
    clips: Sequence[CorpusClip],
    rest: Mapping[str, FaceTrack],
    landmarker: Landmarker,
) -> tuple[Table, Labels]:
    rows = [
        extract_features(
            track_face(landmarker, corpus.array(clip, "faces")[_spread_frames(clip.frames)]),
            rest[clip.identity],
        )
        for clip in clips
    ]
    return np.stack(rows), np.array([LABELS.index(clip.emotion) for clip in clips])


def _find_directions(table: Table) -> tuple[Tensor, Tensor]:
    """Return the mean of the features and a basis in which the main directions have deviation 1.

    Places and movements have directions of their own; directions that do not vary are zero.
    """
    middle, half = table.mean(axis=0), table.shape[1] // 2
    basis = np.zeros((table.shape[1], PLACE + MOVES))
    for columns, first, count in ((slice(0, half), 0, PLACE), (slice(half, None), PLACE, MOVES)):
        _, lengths, directions = np.linalg.svd((table - middle)[:, columns], full_matrices=False)
        deviations = lengths[:count] / np.sqrt(len(table))
        kept = deviations > 1e-6
        basis[columns, first : first + len(deviations)] = np.where(
            kept, directions[:count].T / np.where(kept, deviations, 1), 0
        )
    return torch.from_numpy(middle).float(), torch.from_numpy(basis).float()


def _spread_frames(frames: int) -> np.ndarray:
    """Spread `FRAMES` frame numbers evenly over a clip; a short clip's frames repeat."""
    return ((np.arange(FRAMES) + 0.5) * frames / FRAMES).astype(int)
