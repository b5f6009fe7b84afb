# SPDX-License-Identifier: Apache-2.0
"""Whether lips follow the sound: a small SyncNet trained here, and the correlation of the measured
mouth with the level of the voice.

The net embeds five frames of the mouth's part of the picture and the 0.2 s of sound that belong to
them, and learns that the two are near each other when they are of one moment (Chung & Zisserman
2016; the loss contrasts moments and clips as in van den Oord et al. 2018). Confidence and offset
are as there: the median of the mean distance over offsets less the least, and where it is least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int16, UInt8
from torch import Tensor, nn
from torch.nn import functional

from manifests.corpus_rows import CorpusClip
from model.affect.prepared_corpus import FACE_PX, Corpus
from model.judges import sound
from model.judges.augment import Variation, vary_frames
from model.judges.splits import ClipSplit
from model.judges.stability import compute_luma, crop_mouth
from model.judges.trained import JudgeOrigin
from model.training.reporting import Report, ignore_report

VERSION = 1
WIDTH = 64
SPAN = 5  # frames that are seen at once
STEPS = SPAN * sound.STEPS_PER_FRAME
MOST_OFFSET = 12  # frames of offset, either way
MOMENTS = 8  # of a clip in one step of training
TEMPERATURE = 0.07

Faces = UInt8[np.ndarray, "frames 64 64 3"]
Samples = Int16[np.ndarray, " samples"]
Series = Float64[np.ndarray, " frames"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LipsyncJudgeSettings:
    """How the net is trained."""

    steps: int = 1200
    clips_per_step: int = 12
    rate: float = 2e-3
    decay: float = 2e-2
    look_every: int = 100
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncScore:
    """What the net says of a clip. `offset`: frames by which the picture is late (negative:
    early).
    """

    confidence: float
    offset: int


class SyncNet(nn.Module):
    """Two nets into one space."""

    def __init__(self) -> None:
        """About 280,000 parameters."""
        super().__init__()
        high, wide = crop_mouth(np.empty((1, FACE_PX, FACE_PX))).shape[1:]
        self.see = nn.Sequential(
            *_build_layer(SPAN, 32, stride=1),
            nn.MaxPool2d(2),
            *_build_layer(32, 48, stride=1),
            *_build_layer(48, 64, stride=2),
            *_build_layer(64, 64, stride=2),
            nn.Flatten(),
            nn.Linear(64 * -(-high // 8) * -(-wide // 8), WIDTH),
        )
        self.hear = nn.Sequential(
            *_build_layer(1, 24, stride=1),
            nn.MaxPool2d((1, 2)),
            *_build_layer(24, 48, stride=2),
            *_build_layer(48, 64, stride=2),
            nn.Flatten(),
            nn.Linear(64 * (STEPS // 4) * (sound.BANDS // 8), WIDTH),
        )

    def forward(
        self,
        mouths: Float[Tensor, "moments span high wide"],
        sounds: Float[Tensor, "moments steps bands"],
    ) -> tuple[Float[Tensor, "moments width"], Float[Tensor, "moments width"]]:
        """Both embeddings, of length 1."""
        return functional.normalize(self.see(mouths), dim=1), functional.normalize(
            self.hear(sounds[:, None]), dim=1
        )


def measure_sync(net: SyncNet, faces: Faces, speech: Samples, *, first: int = 0) -> SyncScore:
    """Confidence and offset of a clip. `first`: which frame of the speech (25 a second) the first
    picture belongs to; sound before and after the pictures is used for the offsets. Raises
    ValueError for less than five pictures or no sound for them.
    """
    table = _measure_distances(net, faces, speech, first)
    offsets = sorted(table, key=abs)
    least = min(offsets, key=lambda offset: table[offset])
    return SyncScore(confidence=float(np.median(list(table.values())) - table[least]), offset=least)


@torch.inference_mode()
def extract_features(net: SyncNet, faces: Faces) -> Float64[np.ndarray, "moments width"]:
    """What is seen of every five frames of the mouth's part, for distances between sets of
    clips.
    """
    mouths = _prepare_mouths(faces)
    moments = torch.stack([mouths[start : start + SPAN] for start in range(len(mouths) - SPAN + 1)])
    made: Float64[np.ndarray, "moments width"] = (
        functional.normalize(net.see(moments), dim=1).double().numpy()
    )
    return made


def correlate(gap: Series, level: Series) -> float:
    """How closely the measured gap of the lips follows the level of the voice in the same frames
    (`sound.measure_level`).

    0 when one of them stands still; the longer is cut to the shorter.
    """
    count = min(len(gap), len(level))
    seen, heard = gap[:count], level[:count]
    if count < 2 or seen.std() < 1e-6 or heard.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(seen, heard)[0, 1])


def correlate_all(
    gaps: Sequence[Series], levels: Sequence[Series]
) -> Float64[np.ndarray, "gaps levels"]:
    """Every mouth against every voice; the diagonal is each with its own."""
    return np.array([[correlate(gap, level) for level in levels] for gap in gaps])


def correlate_shuffled(
    table: Float64[np.ndarray, "clips clips"], *, seed: int = 0, draws: int = 2000
) -> float:
    """The 95th percentile of the mean correlation when every clip is given another's sound.

    `table[i, j]`: a measure of picture i with sound j. Wrong sounds are given in turn (random
    cyclic orders), each to one clip.
    """
    count, chance = len(table), np.random.default_rng(seed)
    if count < 2:
        raise ValueError("one clip has nobody to take a sound from")
    means = []
    for _ in range(draws):
        order = chance.permutation(count)
        means.append(table[order, np.roll(order, 1)].mean())
    return float(np.percentile(means, 95))


def train_lipsync_judge(
    corpus: Corpus,
    shares: ClipSplit,
    settings: LipsyncJudgeSettings,
    report: Report = ignore_report,
) -> tuple[SyncNet, JudgeOrigin]:
    """Train on the clips to learn from, keep the state that does best on those aside."""
    learnt, aside = shares.training, shares.validation
    torch.manual_seed(settings.seed)
    net, chance = SyncNet(), np.random.default_rng(settings.seed)
    inputs, checks = _MouthsAndSounds(corpus, learnt), _MouthsAndSounds(corpus, aside)
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.rate, total_steps=settings.steps
    )
    best, kept, losses = -1.0, net.state_dict(), list[float]()
    for step in range(1, settings.steps + 1):
        net.train()
        mouths, sounds = inputs.draw_moments(settings.clips_per_step, chance)
        loss = _compute_loss(*net(mouths, sounds))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step % settings.look_every == 0 or step == settings.steps:
            right = _measure_accuracy(net, checks)
            report(step, {"loss": float(np.mean(losses)), "right": right})
            losses.clear()
            if right >= best:
                best, kept = (
                    right,
                    {name: value.clone() for name, value in net.state_dict().items()},
                )
    net.load_state_dict(kept)
    net.eval()
    return net, shares.describe_judge(
        settings, judge="lipsync", version=VERSION, score=("own sound nearest of eight", best)
    )


def _build_layer(before: int, after: int, *, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, 3, stride=stride, padding=1),
        nn.GroupNorm(4, after),
        nn.SiLU(),
    ]


def _compute_loss(seen: Tensor, heard: Tensor) -> Tensor:
    """Every moment's sound against all others of the step, and the other way round."""
    likeness = seen @ heard.T / TEMPERATURE
    own = torch.arange(len(seen))
    return (functional.cross_entropy(likeness, own) + functional.cross_entropy(likeness.T, own)) / 2


@torch.inference_mode()
def _measure_accuracy(net: SyncNet, clips: _MouthsAndSounds) -> float:
    """How often the nearest of a clip's eight sounds is the right one, on clips as they are; chance
    is one in eight.
    """
    net.eval()
    right = []
    for mouths, sounds in clips.spread_moments():
        seen, heard = net(mouths, sounds)
        right.append((seen @ heard.T).argmax(dim=1) == torch.arange(len(seen)))
    return float(torch.cat(right).double().mean())


class _MouthsAndSounds:
    """Mouths and sounds of some clips in memory."""

    def __init__(self, corpus: Corpus, clips: Sequence[CorpusClip]) -> None:
        pairs = [
            (_prepare_mouths(corpus.array(clip, "faces")), corpus.array(clip, "speech"))
            for clip in clips
        ]
        self.mouths = [mouths for mouths, _ in pairs if len(mouths) >= SPAN + MOMENTS]
        self.sounds = [
            torch.from_numpy(sound.compute_mel(speech))
            for mouths, speech in pairs
            if len(mouths) >= SPAN + MOMENTS
        ]

    def draw_moments(self, count: int, chance: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Varied moments of some clips: [count * MOMENTS, SPAN, high, wide], [count * MOMENTS,
        STEPS, BANDS].
        """
        picked = chance.choice(len(self.mouths), count, replace=count > len(self.mouths))
        pairs = [
            _cut_moments(self.mouths[i], self.sounds[i], _draw_times(len(self.mouths[i]), chance))
            for i in picked
        ]
        frames = torch.stack([mouths for mouths, _ in pairs]).flatten(1, 2)
        seen = vary_frames(frames, Variation.draw(chance, count, chance.random(count) < 0.5))
        return seen.reshape(-1, SPAN, *frames.shape[2:]), torch.cat([sounds for _, sounds in pairs])

    def spread_moments(self) -> list[tuple[Tensor, Tensor]]:
        """Moments of every clip, evenly spaced and not varied."""
        ends = [np.linspace(0, len(mouths) - SPAN, MOMENTS).astype(int) for mouths in self.mouths]
        return [_cut_moments(*pair) for pair in zip(self.mouths, self.sounds, ends, strict=True)]


def _draw_times(frames: int, chance: np.random.Generator) -> np.ndarray:
    return np.sort(chance.choice(frames - SPAN + 1, MOMENTS, replace=False))


def _cut_moments(mouths: Tensor, sounds: Tensor, times: np.ndarray) -> tuple[Tensor, Tensor]:
    heard = [sounds[time * sound.STEPS_PER_FRAME :][:STEPS] for time in times]
    return torch.stack([mouths[time : time + SPAN] for time in times]), torch.stack(heard)


def _prepare_mouths(faces: Faces) -> Float[Tensor, "frames high wide"]:
    """Luma of the mouth's part, with mean 0 and deviation 1 over the clip."""
    part = compute_luma(crop_mouth(faces))
    return torch.from_numpy((part - part.mean()) / (part.std() + 4.0)).float()


@torch.inference_mode()
def _measure_distances(net: SyncNet, faces: Faces, speech: Samples, first: int) -> dict[int, float]:
    """Mean distance of pictures and sounds by offset in frames: sound taken `offset` frames before
    the picture.
    """
    mouths, heard = _prepare_mouths(faces), torch.from_numpy(sound.compute_mel(speech))
    seen_times = np.arange(len(mouths) - SPAN + 1)
    heard_times = np.arange(max(len(heard) // sound.STEPS_PER_FRAME - SPAN + 1, 0))
    if not len(seen_times) or first >= len(heard_times):
        raise ValueError(
            f"{len(mouths)} pictures from frame {first} on and {len(heard)} steps of sound are too few"
        )
    seen = functional.normalize(
        net.see(torch.stack([mouths[t : t + SPAN] for t in seen_times])), dim=1
    )
    windows = torch.stack([heard[t * sound.STEPS_PER_FRAME :][:STEPS] for t in heard_times])
    told = functional.normalize(net.hear(windows[:, None]), dim=1)
    apart_by = torch.cdist(seen, told).double().numpy()
    table = {}
    for offset in range(-MOST_OFFSET, MOST_OFFSET + 1):
        where = seen_times + first - offset
        kept = (where >= 0) & (where < len(heard_times))
        if kept.sum() * 2 >= len(seen_times):
            table[offset] = float(apart_by[seen_times[kept], where[kept]].mean())
    return table
