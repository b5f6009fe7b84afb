# SPDX-License-Identifier: Apache-2.0
"""Encode a voice as 256 numbers: the GE2E speaker encoder as a pyannote.audio model.

pyannote's diarization pipeline takes it as its `embedding`; enrolment compares voice samples by it.
It is part of the pyannote door: only `pyannote_pipeline` imports it, and only when something is to
be diarized.

Reference: Wan, Wang, Papir and Lopez Moreno (2018), Generalized end-to-end loss for speaker
verification; weights of Resemblyzer (40 mels of 25 ms every 10 ms, windows of 1.6 s, the mean of
the normalised window embeddings).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torchaudio
from jaxtyping import Float, Float32
from pyannote.audio.core.model import Model
from pyannote.audio.core.task import Problem, Resolution, Specifications
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from manifests.timebase import ANALYSIS_HZ

N_FFT = 400
HOP = 160
WINDOW_FRAMES = 160  # 1.6 s, what the encoder was trained on
STEP_FRAMES = 80
LEAST_FRAMES = 20  # under 0.2 s nothing can be said about a voice
QUIET_POWER = 1e-3  # quieter speech is raised to -30 dBFS, as the encoder's training data was


class GE2E(Model):  # type: ignore[misc]
    """The encoder: 16 kHz waveforms (batch, 1, samples) to unit embeddings (batch, 256).

    Takes weights (batch, frames) in [0, 1]; frames with 0.5 or less are cut out. An item with too
    little left gives NaN, which pyannote's clustering leaves out.
    """

    def __init__(
        self, *, mels: int = 40, hidden_size: int = 256, num_layers: int = 3, dimension: int = 256
    ) -> None:
        """Build the encoder; weights are loaded by `load`."""
        super().__init__(sample_rate=ANALYSIS_HZ, num_channels=1)
        self.lstm = nn.LSTM(mels, hidden_size, num_layers, batch_first=True)
        self.linear = nn.Linear(hidden_size, dimension)
        bank = torchaudio.functional.melscale_fbanks(
            N_FFT // 2 + 1,
            0.0,
            ANALYSIS_HZ / 2,
            mels,
            ANALYSIS_HZ,
            norm="slaney",
            mel_scale="slaney",
        )
        self.register_buffer("bank", bank, persistent=False)
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        self.specifications = Specifications(
            problem=Problem.REPRESENTATION,
            resolution=Resolution.CHUNK,
            duration=WINDOW_FRAMES * HOP / ANALYSIS_HZ,
        )

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return self.linear.out_features

    def forward(
        self,
        waveforms: Float[Tensor, "batch 1 samples"],
        weights: Float[Tensor, "batch frames"] | None = None,
    ) -> Float[Tensor, "batch dimension"]:
        """Embed a batch of waveforms.

        Raises ValueError for waveforms that are too short for a voice (pyannote asks for this
        limit).
        """
        if waveforms.shape[-1] < LEAST_FRAMES * HOP:
            raise ValueError(f"a voice needs at least {LEAST_FRAMES * HOP} samples")
        mels = self._mels(waveforms[:, 0])
        keep = _build_mask(weights, batch=mels.shape[0], frames=mels.shape[1])
        pieces: list[Tensor] = []
        owners: list[int] = []
        for owner, (mel, kept) in enumerate(zip(mels, keep, strict=True)):
            cut = _split_into_windows(_raise_quiet_speech(mel[kept], waveforms[owner, 0], kept))
            pieces += cut
            owners += [owner] * len(cut)
        return self._pool(pieces, torch.tensor(owners, dtype=torch.long), batch=len(mels))

    def _mels(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch frames mels"]:
        spectrum = torch.stft(
            waveform, N_FFT, HOP, window=self.window, pad_mode="constant", return_complex=True
        )
        mels: Tensor = spectrum.abs().pow(2).transpose(1, 2) @ self.bank
        return mels

    def _pool(
        self, pieces: list[Tensor], owners: Tensor, *, batch: int
    ) -> Float[Tensor, "batch dimension"]:
        out = torch.full((batch, self.dimension), float("nan"))
        if not pieces:
            return out
        _, (hidden, _) = self.lstm(torch.stack(pieces))
        embedded = functional.normalize(torch.relu(self.linear(hidden[-1])), dim=1)
        total = torch.zeros(batch, self.dimension).index_add_(0, owners, embedded)
        known = torch.bincount(owners, minlength=batch) > 0
        out[known] = functional.normalize(total[known], dim=1)
        return out


def load(folder: Path) -> GE2E:
    """Load the encoder from `model.safetensors` and `config.json`, strictly, ready to run."""
    config = json.loads((folder / "config.json").read_text())
    model = GE2E(
        **{name: config[name] for name in ("mels", "hidden_size", "num_layers", "dimension")}
    )
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    model.eval()
    return model


def embed(
    model: GE2E, samples: Float32[np.ndarray, " samples"]
) -> Float32[np.ndarray, " dimension"] | None:
    """Embed mono 16 kHz samples as a unit vector; None when there is too little speech."""
    if len(samples) < LEAST_FRAMES * HOP:
        return None
    with torch.inference_mode():
        vector: Float32[np.ndarray, " dimension"] = model(torch.from_numpy(samples)[None, None])[
            0
        ].numpy()
    return None if np.isnan(vector).any() else vector


def embed_many(
    model: GE2E, sounds: Sequence[Float32[np.ndarray, " samples"]], *, batch: int = 64
) -> Float32[np.ndarray, "sounds dimension"]:
    """Embed each sound as a unit vector; zero where there is too little speech.

    Sounds of one length go through the encoder together.
    """
    vectors = np.zeros((len(sounds), model.dimension), dtype=np.float32)
    by_length: dict[int, list[int]] = {}
    for i, sound in enumerate(sounds):
        by_length.setdefault(len(sound), []).append(i)
    for length, members in by_length.items():
        if length >= LEAST_FRAMES * HOP:
            for first in range(0, len(members), batch):
                some = members[first : first + batch]
                with torch.inference_mode():
                    vectors[some] = model(
                        torch.from_numpy(np.stack([sounds[i] for i in some]))[:, None]
                    ).numpy()
    return np.nan_to_num(vectors)


def _build_mask(weights: Tensor | None, *, batch: int, frames: int) -> Tensor:
    if weights is None:
        return torch.ones(batch, frames, dtype=torch.bool)
    return functional.interpolate(weights[:, None].float(), size=frames, mode="nearest")[:, 0] > 0.5


def _raise_quiet_speech(
    mel: Float[Tensor, "frames mels"], waveform: Float[Tensor, " samples"], kept: Tensor
) -> Tensor:
    """Raise quiet speech. Power is measured on the kept frames' samples."""
    samples = (
        functional.interpolate(kept[None, None].float(), size=waveform.shape[0], mode="nearest")[
            0, 0
        ]
        > 0.5
    )
    power = waveform[samples].pow(2).mean().clamp_min(1e-12) if samples.any() else torch.tensor(1.0)
    return mel * torch.clamp(QUIET_POWER / power, min=1.0)


def _split_into_windows(mel: Float[Tensor, "frames mels"]) -> list[Float[Tensor, "window mels"]]:
    """Split into windows of 1.6 s every 0.8 s; shorter speech is repeated until it fills one."""
    count = mel.shape[0]
    if count < LEAST_FRAMES:
        return []
    if count < WINDOW_FRAMES:
        return [mel.repeat(-(-WINDOW_FRAMES // count), 1)[:WINDOW_FRAMES]]
    starts = list(range(0, count - WINDOW_FRAMES + 1, STEP_FRAMES))
    if count - WINDOW_FRAMES - starts[-1] > STEP_FRAMES // 2:
        starts.append(count - WINDOW_FRAMES)
    return [mel[start : start + WINDOW_FRAMES] for start in starts]
