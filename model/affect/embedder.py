# SPDX-License-Identifier: Apache-2.0
"""The emotion embedder: sound and face of a performance to one Gaussian of 256 dimensions.

The Gaussian describes the emotion and not the person. Each modality has an encoder; each then
attends to the other; means and spreads over time are joined and squeezed through a narrow layer. A
missing modality is replaced by one learned token. Inputs are standardised inside, so a checkpoint
needs nothing else. Training is in `train_embedder`, the names of emotions are in `priors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from einops import rearrange, reduce
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from manifests.errors import InputError, Problem
from model.affect import checkpoint
from model.affect.face_space import HEAD, FaceSpace
from model.affect.features import AUDIO_WIDTH, ClipFeatures, extract_features
from model.affect.prepared_corpus import POINTS, PreparedClip

DIMS = 256
Modality = Literal["audio", "video"]
BOTH: tuple[Modality, ...] = ("audio", "video")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderSizes:
    """Sizes of the embedder.

    `axes`: coordinates of a face. `width`: of the encoders. `squeezed`: numbers that a clip passes
    through before its Gaussian. `window`: tokens (12.5 a second) in one window. `attend`: whether
    the modalities attend to each other.
    """

    axes: int = 40
    width: int = 64
    heads: int = 4
    squeezed: int = 16
    window: int = 25
    attend: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gaussian:
    """The emotion of each clip of a batch.

    `embedder`: digest of the checkpoint, "" during its training.
    """

    mean: Float[Tensor, "*batch 256"]
    logvar: Float[Tensor, "*batch 256"]
    embedder: str = ""

    def sample(self, noise: Float[Tensor, "*batch 256"]) -> Float[Tensor, "*batch 256"]:
        """Draw a sample; `noise` is unit normal."""
        return self.mean + noise * (0.5 * self.logvar).exp()


class ModalityEncoder(nn.Module):
    """Encodes one modality by token: a linear layer, two residual convolutions over time."""

    def __init__(self, inputs: int, width: int) -> None:
        """Create fresh weights.

        `inputs`: numbers a token, standardised by what `learn_scale` measured.
        """
        super().__init__()
        self.register_buffer("centre", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        self.into = nn.Linear(inputs, width)
        self.convolutions = nn.ModuleList(nn.Conv1d(width, width, 3, padding=1) for _ in range(2))
        self.norm = nn.LayerNorm(width)
        self.absent = nn.Parameter(torch.zeros(width))

    def learn_scale(self, tokens: Float[Tensor, "tokens inputs"]) -> None:
        """Take mean and spread of the training data."""
        self.centre = tokens.mean(0)
        self.scale = tokens.std(0).clamp(min=1e-3)

    def forward(
        self,
        tokens: Float[Tensor, "batch tokens inputs"],
        *,
        present: Bool[Tensor, " batch"],
        real: Bool[Tensor, "batch tokens"],
    ) -> Float[Tensor, "batch tokens width"]:
        """Encode tokens.

        `present`: whether a clip has this modality; `real`: tokens that are not padding.
        """
        hidden = self.into((tokens - self.centre) / self.scale)
        for convolution in self.convolutions:
            shown = rearrange(hidden * real[..., None], "batch tokens width -> batch width tokens")
            hidden = hidden + rearrange(
                functional.gelu(convolution(shown)), "batch width tokens -> batch tokens width"
            )
        encoded: Tensor = self.norm(hidden)
        return torch.where(present[:, None, None], encoded, self.absent)


class CrossAttention(nn.Module):
    """Tokens of one modality attend to those of the other; then a small network for each token."""

    def __init__(self, width: int, heads: int) -> None:
        """Create fresh weights; `heads` share `width`."""
        super().__init__()
        self.heads = heads
        self.ask = nn.Linear(width, width)
        self.answer = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.each = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(
        self, tokens: Tensor, other: Tensor, *, real: Bool[Tensor, "batch tokens"]
    ) -> Tensor:
        """Attend from `tokens` (batch, tokens, width) to `other`, of the same shape, if `real`."""
        keys, values = torch.chunk(self.answer(other), 2, dim=-1)
        asked = (self.ask(tokens), keys, values)
        q, k, v = (rearrange(x, "b t (h w) -> b h t w", h=self.heads) for x in asked)
        found = functional.scaled_dot_product_attention(q, k, v, attn_mask=real[:, None, None, :])
        tokens = self.norms[0](tokens + self.out(rearrange(found, "b h t w -> b t (h w)")))
        attended: Tensor = self.norms[1](tokens + self.each(tokens))
        return attended


class EmotionEmbedder(nn.Module):
    """Embeds both modalities of a clip as a Gaussian.

    `space`: the fitted landmark coordinates, stored with the weights.
    """

    def __init__(self, sizes: EmbedderSizes, space: FaceSpace | None = None) -> None:
        """Build; without `space` its place is filled when weights are loaded."""
        super().__init__()
        self.sizes = sizes
        self.digest = ""
        for name, values in _space_arrays(sizes, space).items():
            self.register_buffer(f"space_{name}", torch.from_numpy(values))
        self.audio = ModalityEncoder(AUDIO_WIDTH, sizes.width)
        self.video = ModalityEncoder(sizes.axes + HEAD, sizes.width)
        if sizes.attend:
            self.audio_asks = CrossAttention(sizes.width, sizes.heads)
            self.video_asks = CrossAttention(sizes.width, sizes.heads)
        self.squeeze = nn.Sequential(
            nn.Linear(4 * sizes.width, 2 * sizes.width),
            nn.GELU(),
            nn.Linear(2 * sizes.width, sizes.squeezed),
        )
        self.to_mean = nn.Linear(sizes.squeezed, DIMS)
        self.to_logvar = nn.Linear(sizes.squeezed, DIMS)
        self.to_intensity = nn.Linear(sizes.squeezed, 1)

    @property
    def space(self) -> FaceSpace:
        """The landmark coordinates that the weights were trained with."""
        arrays = {name: getattr(self, f"space_{name}").numpy() for name in FaceSpace.__slots__}
        return FaceSpace(**arrays)

    def forward(
        self,
        audio: Float[Tensor, "batch tokens hearing"],
        video: Float[Tensor, "batch tokens seeing"],
        *,
        real: Bool[Tensor, "batch tokens"],
        hears: Bool[Tensor, " batch"],
        sees: Bool[Tensor, " batch"],
    ) -> tuple[Gaussian, Float[Tensor, " batch"]]:
        """Compute the Gaussian and the intensity of each clip.

        `hears`, `sees`: whether a clip has sound and picture.
        """
        audio = self.audio(audio, present=hears, real=real)
        video = self.video(video, present=sees, real=real)
        if self.sizes.attend:
            audio, video = (
                self.audio_asks(audio, video, real=real),
                self.video_asks(video, audio, real=real),
            )
        pooled = torch.cat([*_pool_tokens(audio, real), *_pool_tokens(video, real)], dim=-1)
        squeezed = self.squeeze(pooled)
        gaussian = Gaussian(
            mean=self.to_mean(squeezed), logvar=self.to_logvar(squeezed).clamp(-6, 3)
        )
        return gaussian, self.to_intensity(squeezed)[:, 0]

    @torch.no_grad()
    def encode(
        self, prepared: PreparedClip, modalities: Sequence[Modality] = BOTH
    ) -> tuple[Gaussian, float]:
        """Encode one clip of two frames or more: its Gaussian and its intensity.

        A long clip gets the mean over its windows. Raises InputError when the clip has neither
        modality or is too short.
        """
        if not modalities or prepared.frames < 2:
            message = "this clip has neither sound nor face to read an emotion from"
            raise InputError(Problem(file="clip", message=message))
        hears, sees = "audio" in modalities, "video" in modalities
        batch = cut_windows(
            extract_features(prepared, self.space, hears=hears, sees=sees), self.sizes.window
        )
        count = len(batch.audio)
        found, intensity = self.eval()(
            batch.audio,
            batch.video,
            real=batch.real,
            hears=torch.full((count,), hears),
            sees=torch.full((count,), sees),
        )
        weight = batch.real.sum(1).float() / batch.real.sum()
        mean, logvar = weight @ found.mean, weight @ found.logvar
        return Gaussian(mean=mean, logvar=logvar, embedder=self.digest), float(weight @ intensity)

    @classmethod
    def load(cls, folder: Path) -> EmotionEmbedder:
        """Load a finished checkpoint. Raises InputError when the folder is none or does not fit."""
        config = checkpoint.read_config(folder)
        if config.get("kind") != "emotion embedder":
            message, got = "this is no emotion embedder", repr(config.get("kind"))
            raise InputError(Problem(file=str(folder), message=message, got=got))
        embedder = cls(EmbedderSizes(**config["sizes"]))
        checkpoint.load_into(embedder, folder)
        embedder.digest = checkpoint.read_digest(folder)
        return embedder.eval()

    def plain_sizes(self) -> dict[str, int | bool]:
        """Convert the sizes for the config beside a checkpoint."""
        return asdict(self.sizes)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbedderWindows:
    """Windows of clips, padded to one length: the embedder's input. `real`: not padding."""

    audio: Float[Tensor, "batch tokens hearing"]
    video: Float[Tensor, "batch tokens seeing"]
    real: Bool[Tensor, "batch tokens"]


def cut_windows(clip: ClipFeatures, length: int) -> EmbedderWindows:
    """Cut a clip into windows of `length` tokens; pad the last one with zeros."""
    tokens = min(len(clip.audio), len(clip.video))
    count = -(-tokens // length)
    real = torch.arange(count * length).reshape(count, length) < tokens

    def cut(rows: np.ndarray) -> Tensor:
        filled = np.zeros((count * length, rows.shape[1]), np.float32)
        filled[:tokens] = rows[:tokens]
        return torch.from_numpy(filled.reshape(count, length, -1))

    return EmbedderWindows(audio=cut(clip.audio), video=cut(clip.video), real=real)


def _pool_tokens(tokens: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Compute mean and spread over the real tokens."""
    weight = (real / real.sum(1, keepdim=True))[..., None]
    mean = reduce(tokens * weight, "batch tokens width -> batch width", "sum")
    square = reduce(
        (tokens - mean[:, None]).square() * weight, "batch tokens width -> batch width", "sum"
    )
    return mean, (square + 1e-6).sqrt()


def _space_arrays(sizes: EmbedderSizes, space: FaceSpace | None) -> dict[str, np.ndarray]:
    if space is not None:
        return {name: getattr(space, name) for name in FaceSpace.__slots__}
    flat = 2 * POINTS
    shapes = {
        "reference": (POINTS, 2),
        "mean": (flat,),
        "basis": (flat, sizes.axes),
        "spread": (sizes.axes, sizes.axes),
    }
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
