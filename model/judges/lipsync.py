# SPDX-License-Identifier: Apache-2.0
"""Judge whether lips follow the sound: a small SyncNet trained here, and a correlation.

The net embeds five frames of the mouth and the 0.2 s of sound that belong to them. It learns that
the two are near each other when they are of the same moment (Chung & Zisserman 2016; the loss
contrasts moments and clips as in van den Oord et al. 2018). Confidence and offset are defined as
there: the median of the mean distance over offsets less the least, and the offset of the least. The
correlation compares the measured mouth opening with the level of the voice.
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
from model.judges.trained import JudgeOrigin, copy_state
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
    """Settings of the training."""

    steps: int = 1200
    clips_per_step: int = 12
    rate: float = 2e-3
    decay: float = 2e-2
    look_every: int = 100
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncScore:
    """The net's answer for a clip.

    `offset`: frames by which the picture is late (negative: early).
    """

    confidence: float
    offset: int


class SyncNet(nn.Module):
    """A net for mouths and a net for sounds that embed into the same space."""

    def __init__(self) -> None:
        """Lay out the nets; they have about 280,000 parameters."""
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
        """Return both embeddings, of length 1."""
        return functional.normalize(self.see(mouths), dim=1), functional.normalize(
            self.hear(sounds[:, None]), dim=1
        )


def measure_sync(net: SyncNet, faces: Faces, speech: Samples, *, first: int = 0) -> SyncScore:
    """Measure confidence and offset of a clip.

    `first`: the frame of the speech (25 a second) to which the first picture belongs; sound before
    and after the pictures is used for the offsets.

    Raises:
        ValueError: There are fewer than five pictures, or no sound for them.
    """
    table = _measure_distances(net, faces, speech, first)
    offsets = sorted(table, key=abs)
    least = min(offsets, key=lambda offset: table[offset])
    return SyncScore(confidence=float(np.median(list(table.values())) - table[least]), offset=least)


@torch.inference_mode()
def extract_features(net: SyncNet, faces: Faces) -> Float64[np.ndarray, "moments width"]:
    """Embed every five frames of the mouth, for distances between sets of clips."""
    mouths = _prepare_mouths(faces)
    moments = torch.stack([mouths[start : start + SPAN] for start in range(len(mouths) - SPAN + 1)])
    features: Float64[np.ndarray, "moments width"] = (
        functional.normalize(net.see(moments), dim=1).double().numpy()
    )
    return features


def correlate(gap: Series, level: Series) -> float:
    """Correlate the measured gap of the lips with the level of the voice (`sound.measure_level`).

    0 when either stands still; the longer is cut to the shorter.
    """
    count = min(len(gap), len(level))
    mouth, voice = gap[:count], level[:count]
    if count < 2 or mouth.std() < 1e-6 or voice.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(mouth, voice)[0, 1])


def correlate_all(
    gaps: Sequence[Series], levels: Sequence[Series]
) -> Float64[np.ndarray, "gaps levels"]:
    """Correlate every mouth with every voice; the diagonal is each with its own."""
    return np.array([[correlate(gap, level) for level in levels] for gap in gaps])


def correlate_shuffled(
    table: Float64[np.ndarray, "clips clips"], *, seed: int = 0, draws: int = 2000
) -> float:
    """Return the 95th percentile of the mean correlation when every clip gets another's sound.

    `table[i, j]`: a measure of picture i with sound j. Wrong sounds go round in random cyclic
    orders, each to one clip.
    """
    count, chance = len(table), np.random.default_rng(seed)
    if count < 2:
        raise ValueError("a single clip cannot be shuffled")
    means = []
    for _ in range(draws):
        order = chance.permutation(count)
        means.append(table[order, np.roll(order, 1)].mean())
    return float(np.percentile(means, 95))


def train_lipsync_judge(
    corpus: Corpus, split: ClipSplit, settings: LipsyncJudgeSettings, report: Report = ignore_report
) -> tuple[SyncNet, JudgeOrigin]:
    """Train on the training clips, and keep the state that does best on the validation clips."""
    torch.manual_seed(settings.seed)
    net, chance = SyncNet(), np.random.default_rng(settings.seed)
    inputs, checks = (
        _MouthsAndSounds(corpus, clips) for clips in (split.training, split.validation)
    )
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.rate, total_steps=settings.steps
    )
    best, kept, losses = -1.0, net.state_dict(), list[float]()
    for step in range(1, settings.steps + 1):
        losses.append(
            _train_step(net, inputs.draw_moments(settings.clips_per_step, chance), optimiser)
        )
        schedule.step()
        if step % settings.look_every == 0 or step == settings.steps:
            right = _measure_accuracy(net, checks)
            report(step, {"loss": float(np.mean(losses)), "right": right})
            losses.clear()
            if right >= best:
                best, kept = right, copy_state(net)
    net.load_state_dict(kept)
    net.eval()
    return net, split.describe_judge(
        settings, judge="lipsync", version=VERSION, score=("own sound nearest of eight", best)
    )


def _train_step(
    net: SyncNet, moments: tuple[Tensor, Tensor], optimiser: torch.optim.Optimizer
) -> float:
    """Take a step on mouths and sounds; return the loss."""
    net.train()
    loss = _compute_loss(*net(*moments))
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return float(loss.detach())


def _build_layer(before: int, after: int, *, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, 3, stride=stride, padding=1),
        nn.GroupNorm(4, after),
        nn.SiLU(),
    ]


def _compute_loss(mouths: Tensor, sounds: Tensor) -> Tensor:
    """Contrast every moment's sound with all others of the step, and the other way round."""
    likeness = mouths @ sounds.T / TEMPERATURE
    own = torch.arange(len(mouths))
    return (functional.cross_entropy(likeness, own) + functional.cross_entropy(likeness.T, own)) / 2


@torch.inference_mode()
def _measure_accuracy(net: SyncNet, clips: _MouthsAndSounds) -> float:
    """Measure how often the nearest of a clip's eight sounds is the right one; chance is 1 in 8."""
    net.eval()
    right = []
    for mouths, sounds in clips.spread_moments():
        of_mouths, of_sounds = net(mouths, sounds)
        right.append((of_mouths @ of_sounds.T).argmax(dim=1) == torch.arange(len(of_mouths)))
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
        """Draw varied moments of some clips.

        Shapes: [count * MOMENTS, SPAN, high, wide] and [count * MOMENTS, STEPS, BANDS].
        """
        picked = chance.choice(len(self.mouths), count, replace=count > len(self.mouths))
        pairs = [
            _cut_moments(self.mouths[i], self.sounds[i], _draw_times(len(self.mouths[i]), chance))
            for i in picked
        ]
        frames = torch.stack([mouths for mouths, _ in pairs]).flatten(1, 2)
        varied = vary_frames(frames, Variation.draw(chance, count, chance.random(count) < 0.5))
        sounds = torch.cat([sounds for _, sounds in pairs])
        return varied.reshape(-1, SPAN, *frames.shape[2:]), sounds

    def spread_moments(self) -> list[tuple[Tensor, Tensor]]:
        """Return moments of every clip, evenly spaced and not varied."""
        ends = [np.linspace(0, len(mouths) - SPAN, MOMENTS).astype(int) for mouths in self.mouths]
        return [_cut_moments(*pair) for pair in zip(self.mouths, self.sounds, ends, strict=True)]


def _draw_times(frames: int, chance: np.random.Generator) -> np.ndarray:
    return np.sort(chance.choice(frames - SPAN + 1, MOMENTS, replace=False))


def _cut_moments(mouths: Tensor, sounds: Tensor, times: np.ndarray) -> tuple[Tensor, Tensor]:
    windows = [sounds[time * sound.STEPS_PER_FRAME :][:STEPS] for time in times]
    return torch.stack([mouths[time : time + SPAN] for time in times]), torch.stack(windows)


def _prepare_mouths(faces: Faces) -> Float[Tensor, "frames high wide"]:
    """Return the luma of the mouth, with mean 0 and deviation 1 over the clip."""
    part = compute_luma(crop_mouth(faces))
    return torch.from_numpy((part - part.mean()) / (part.std() + 4.0)).float()


@torch.inference_mode()
def _measure_distances(net: SyncNet, faces: Faces, speech: Samples, first: int) -> dict[int, float]:
    """Measure the mean distance of pictures and sounds by offset in frames.

    At an offset, the sound is taken `offset` frames before the picture.
    """
    mouths, mel = _prepare_mouths(faces), torch.from_numpy(sound.compute_mel(speech))
    picture_times = np.arange(len(mouths) - SPAN + 1)
    sound_times = np.arange(max(len(mel) // sound.STEPS_PER_FRAME - SPAN + 1, 0))
    if not len(picture_times) or first >= len(sound_times):
        pictures = f"{len(mouths)} pictures from frame {first} on"
        raise ValueError(f"{pictures} and {len(mel)} steps of sound are too few")
    of_mouths = functional.normalize(
        net.see(torch.stack([mouths[t : t + SPAN] for t in picture_times])), dim=1
    )
    windows = torch.stack([mel[t * sound.STEPS_PER_FRAME :][:STEPS] for t in sound_times])
    of_sounds = functional.normalize(net.hear(windows[:, None]), dim=1)
    distances = torch.cdist(of_mouths, of_sounds).double().numpy()
    return _average_by_offset(distances, picture_times, first)


def _average_by_offset(
    distances: Float64[np.ndarray, "pictures sounds"], picture_times: np.ndarray, first: int
) -> dict[int, float]:
    """Average distances over the pictures of a clip, at offsets with sound for half of them."""
    table = {}
    for offset in range(-MOST_OFFSET, MOST_OFFSET + 1):
        sound_times = picture_times + first - offset
        inside = (sound_times >= 0) & (sound_times < distances.shape[1])
        if inside.sum() * 2 >= len(picture_times):
            table[offset] = float(distances[picture_times[inside], sound_times[inside]].mean())
    return table
