# SPDX-License-Identifier: Apache-2.0
"""Which of the eight emotions a clip shows, said by a small net that compares its frames with the person's neutral portrait.

Trained on identities that no generator saw. It sees luma of 64 px crops, frame by frame, and neither sound nor order: it reads faces, not
timing. Blur, noise, light and framing are varied in training so that it does not stumble over how a generator draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor, nn
from torch.nn import functional

from manifests.rows import CorpusClip
from model.emotion import LABELS
from model.judges.augment import Variation, varied
from model.judges.kept import Origin
from model.judges.shares import Shares
from model.judges.stability import luma
from model.training.corpus import Corpus
from model.training.reporting import Report, silent

VERSION = 1
WIDTH = 64
FRAMES = 8  # of a clip that are looked at
DRAWN = 4  # of those in one step of training
NEUTRAL = LABELS.index("neutral")

Faces = UInt8[np.ndarray, "frames 64 64 3"]
Face = UInt8[np.ndarray, "64 64 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the judge is trained."""

    epochs: int = 40
    clips_per_step: int = 32
    rate: float = 2e-3
    decay: float = 5e-2
    seed: int = 0


class EmotionJudge(nn.Module):
    """Features of faces, and the emotion by how those of the frames differ from the portrait's."""

    def __init__(self) -> None:
        """About 150,000 parameters."""
        super().__init__()
        sizes = (1, 16, 32, 64, 64)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(4, after), nn.SiLU()]
        self.look = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 16, WIDTH))
        self.name = nn.Sequential(nn.SiLU(), nn.Dropout(0.3), nn.Linear(2 * WIDTH, len(LABELS)))

    def features(self, faces: Float[Tensor, "faces 64 64"]) -> Float[Tensor, "faces width"]:
        """What is seen of single faces (`as_seen`)."""
        seen: Tensor = self.look(faces[:, None])
        return seen

    def forward(
        self, frames: Float[Tensor, "clips frames 64 64"], portraits: Float[Tensor, "clips 64 64"]
    ) -> Float[Tensor, "clips 8"]:
        """Logits of `LABELS`."""
        clips, count = frames.shape[:2]
        seen = self.features(torch.cat([frames.flatten(0, 1), portraits]))
        acting = seen[: clips * count].reshape(clips, count, -1).mean(dim=1)
        logits: Tensor = self.name(torch.cat([acting - seen[clips * count :], acting], dim=1))
        return logits


def as_seen(faces: UInt8[np.ndarray, "faces 64 64 3"]) -> Float[Tensor, "faces 64 64"]:
    """Luma of faces, each with mean 0 and deviation 1, so that light says little."""
    grey = luma(faces)
    centred = grey - grey.mean(axis=(1, 2), keepdims=True)
    return torch.from_numpy(centred / (grey.std(axis=(1, 2), keepdims=True) + 8.0)).float()


@torch.inference_mode()
def probabilities(net: EmotionJudge, faces: Faces, portrait: Face) -> Float64[np.ndarray, " 8"]:
    """How likely each of `LABELS` is, for one clip and the neutral portrait of its person."""
    frames = as_seen(faces[_spread(len(faces))])
    logits = net(frames[None], as_seen(portrait[None]))
    made: Float64[np.ndarray, " 8"] = functional.softmax(logits, dim=1)[0].double().numpy()
    return made


@torch.inference_mode()
def features(net: EmotionJudge, faces: Faces) -> Float64[np.ndarray, "frames width"]:
    """What is seen of single frames, for distances between sets."""
    made: Float64[np.ndarray, "frames width"] = net.features(as_seen(faces)).double().numpy()
    return made


def train(corpus: Corpus, shares: Shares, settings: Settings, report: Report = silent) -> tuple[EmotionJudge, Origin]:
    """Train on the clips to learn from, keep the epoch that does best on those aside."""
    learnt, aside = shares.learnt, shares.aside
    torch.manual_seed(settings.seed)
    net, chance = EmotionJudge(), np.random.default_rng(settings.seed)
    inputs, checks = _Gathered(corpus, learnt), _Gathered(corpus, aside)
    steps = settings.epochs * -(-len(learnt) // settings.clips_per_step)
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=steps)
    best, kept = -1.0, net.state_dict()
    for epoch in range(settings.epochs):
        net.train()
        losses = []
        for frames, portraits, labels in inputs.shuffled(settings.clips_per_step, chance):
            loss = functional.cross_entropy(net(frames, portraits), labels, label_smoothing=0.1)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        right = checks.right(net)
        report(epoch, {"loss": float(np.mean(losses)), "right": right})
        if right >= best:
            best, kept = right, {name: value.clone() for name, value in net.state_dict().items()}
    net.load_state_dict(kept)
    net.eval()
    return net, shares.origin(corpus, settings, judge="emotion", version=VERSION, score=("right", best))


class _Gathered:
    """Frames of some clips in memory, as the net sees them."""

    def __init__(self, corpus: Corpus, clips: Sequence[CorpusClip]) -> None:
        people = sorted({clip.identity for clip in clips})
        self.portraits = as_seen(np.stack([corpus.portrait(name).face for name in people]))
        self.who = torch.tensor([people.index(clip.identity) for clip in clips])
        self.labels = torch.tensor([LABELS.index(clip.emotion) for clip in clips])
        frames = [as_seen(corpus.array(clip, "faces")[_spread(clip.frames)]) for clip in clips]
        self.frames = torch.stack(frames)

    def shuffled(self, size: int, chance: np.random.Generator) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Varied frames, portraits and labels, once through."""
        order = chance.permutation(len(self.labels))
        for begin in range(0, len(order), size):
            picked = torch.from_numpy(order[begin : begin + size])
            some = torch.from_numpy(chance.permutation(FRAMES)[:DRAWN])
            frames, portraits = self.frames[picked][:, some], self.portraits[self.who[picked]]
            mirrored = chance.random(len(picked)) < 0.5  # a person and their portrait alike
            yield (
                varied(frames, Variation.draw(chance, len(picked), mirrored)),
                varied(portraits[:, None], Variation.draw(chance, len(picked), mirrored))[:, 0],
                self.labels[picked],
            )

    @torch.inference_mode()
    def right(self, net: EmotionJudge) -> float:
        """Share of the clips that are named rightly."""
        net.eval()
        said = [
            net(self.frames[begin : begin + 64], self.portraits[self.who[begin : begin + 64]]).argmax(dim=1)
            for begin in range(0, len(self.labels), 64)
        ]
        return float((torch.cat(said) == self.labels).double().mean())


def _spread(frames: int) -> np.ndarray:
    """Places of `FRAMES` frames evenly over a clip; a short clip's are shown twice."""
    return ((np.arange(FRAMES) + 0.5) * frames / FRAMES).astype(int)
