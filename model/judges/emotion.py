# SPDX-License-Identifier: Apache-2.0
"""Which of the eight emotions a clip shows, said by how the points of the face differ from those of
the person's neutral portrait.

A small net over the mesh of the crop, trained on identities that no generator saw. It sees where
brows, lids, lips and corners stand on average and how much they move; neither pixels nor sound nor
order. So it reads the shape of a feeling, not skin, tears or timing. A net on pixels learnt too
little from so few people (docs/experiments.md).
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
from model.judges.trained import JudgeOrigin
from model.previs.landmarks import Landmarker
from model.training.reporting import Report, ignore_report

VERSION = 1
FRAMES = 8  # of a clip that are looked at
PLACE, MOVES = 16, 8  # main directions that are kept of where points stand, and of how they move
HIDDEN = 32

Features = Float64[np.ndarray, " facts"]
Table = Float64[np.ndarray, "clips facts"]
Labels = Int64[np.ndarray, " clips"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmotionJudgeSettings:
    """How the judge is trained. `noise`: added to the main directions, in their deviations."""

    epochs: int = 120
    clips_per_step: int = 64
    rate: float = 3e-3
    decay: float = 0.1
    noise: float = 0.4
    seed: int = 0


class EmotionJudge(nn.Module):
    """Main directions of the facts (fixed once they are fitted), then a net with one hidden
    layer.
    """

    middle: Tensor
    basis: Tensor

    def __init__(self) -> None:
        """1,100 parameters that are learnt."""
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
        """Logits of `LABELS`."""
        seen = (facts - self.middle) @ self.basis
        logits: Tensor = self.name(seen + noise * torch.randn_like(seen) if noise else seen)
        return logits


def extract_features(clip: FaceTrack, rest: FaceTrack) -> Features:
    """Where the points of a clip stand on average against the portrait's, then their deviations: in
    inter-ocular distances, face's axes.
    """
    places = np.stack([face.local for face in clip.faces])
    return np.concatenate(
        [(places.mean(axis=0) - rest.faces[0].local).ravel(), places.std(axis=0).ravel()]
    )


@torch.inference_mode()
def predict_probabilities(
    net: EmotionJudge, clip: FaceTrack, rest: FaceTrack
) -> Float64[np.ndarray, " 8"]:
    """How likely each of `LABELS` is, for one clip and the neutral portrait of its person."""
    some = FaceTrack(
        pictures=clip.pictures,
        faces=tuple(clip.faces[place] for place in _spread_frames(len(clip.faces))),
    )
    logits = net(torch.from_numpy(extract_features(some, rest)).float()[None])
    made: Float64[np.ndarray, " 8"] = functional.softmax(logits, dim=1)[0].double().numpy()
    return made


def train_emotion_judge(
    corpus: Corpus,
    shares: ClipSplit,
    settings: EmotionJudgeSettings,
    *,
    landmarker: Landmarker,
    report: Report = ignore_report,
) -> tuple[EmotionJudge, JudgeOrigin]:
    """Train on the clips to learn from, keep the epoch that does best on those aside."""
    people = {clip.identity for clip in (*shares.training, *shares.validation)}
    rest = {
        name: track_face(landmarker, corpus.portrait(name).face[None]) for name in sorted(people)
    }
    sides = [
        _gather_features(corpus, clips, rest, landmarker)
        for clips in (shares.training, shares.validation)
    ]
    net, right = fit_emotion_judge(sides[0], sides[1], settings, report)
    return net, shares.describe_judge(
        settings, judge="emotion", version=VERSION, score=("right", right)
    )


def fit_emotion_judge(
    learnt: tuple[Table, Labels],
    aside: tuple[Table, Labels],
    settings: EmotionJudgeSettings,
    report: Report = ignore_report,
) -> tuple[EmotionJudge, float]:
    """A judge of facts and labels, and the share of those aside that it names rightly."""
    torch.manual_seed(settings.seed)
    net, chance = EmotionJudge(), np.random.default_rng(settings.seed)
    net.middle, net.basis = _find_directions(learnt[0])
    inputs, labels = torch.from_numpy(learnt[0]).float(), torch.from_numpy(learnt[1])
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.rate, weight_decay=settings.decay)
    best, kept = -1.0, net.state_dict()
    for epoch in range(settings.epochs):
        net.train()
        losses = []
        order = torch.from_numpy(chance.permutation(len(labels)))
        for picked in order.split(settings.clips_per_step):  # type: ignore[no-untyped-call]
            logits = net(inputs[picked], settings.noise)
            loss = functional.cross_entropy(logits, labels[picked], label_smoothing=0.1)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(float(loss.detach()))
        right = _measure_accuracy(net, aside)
        report(epoch, {"loss": float(np.mean(losses)), "right": right})
        if right > best:
            best, kept = right, {name: value.clone() for name, value in net.state_dict().items()}
    net.load_state_dict(kept)
    net.eval()
    return net, best


@torch.inference_mode()
def _measure_accuracy(net: EmotionJudge, side: tuple[Table, Labels]) -> float:
    net.eval()
    said = net(torch.from_numpy(side[0]).float()).argmax(dim=1)
    return float((said.numpy() == side[1]).mean())


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
    """Mean of the facts, and a basis in which the main directions of either half have deviation 1;
    directions that do not vary are nil.
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
    """Places of `FRAMES` frames evenly over a clip; a short clip's are shown twice."""
    return ((np.arange(FRAMES) + 0.5) * frames / FRAMES).astype(int)
