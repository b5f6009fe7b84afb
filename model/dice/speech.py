# SPDX-License-Identifier: Apache-2.0
"""Turn sound into audio tokens: log-mel, Whisper's hidden states, a window per frame, projection.

Frame i of a 12.5 fps clip starts at 50-Hz row 4i and reads rows 4i - 4 to 4i + 5: from 80 ms before
its start to 120 ms after. Long sound is cut in two ways: `hard` 30 s chunks as in the reference,
and `overlapped` chunks that cross-fade (production).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional

from model.dice.config import AudioSizes, Config
from model.dice.tokens import TokenProjection

SAMPLE_HZ = 16_000
ROW_SAMPLES = 320
"""Samples per Whisper row: 50 rows a second."""
FFT_SAMPLES = 400
HOP_SAMPLES = 160
CHUNK_ROWS = 1500
OVERLAP_ROWS = 200
"""Four seconds shared by neighbouring chunks in the overlapped cut."""
ROWS_PER_FRAME = 4
ROWS_BEFORE = 4
LONGEST_UNITS = 10_000
"""The reference silently stops after this many 40 ms units (400 s)."""


class AudioProjection(TokenProjection):
    """Tokens from a window of Whisper states, flattened in the order rows, layers, channels."""

    def __init__(self, sizes: AudioSizes) -> None:
        """Build at the given sizes."""
        width = sizes.rows * sizes.layers * sizes.channels
        super().__init__(width, hidden=sizes.hidden, tokens=sizes.tokens, dim=sizes.dim)

    def forward(
        self, windows: Float[Tensor, "*batch rows layers channels"]
    ) -> Float[Tensor, "*batch tokens dim"]:
        """Compute the tokens of each window.

        Silence is the projection of an all-zero window, not zeros.
        """
        return super().forward(
            rearrange(windows, "... rows layers channels -> ... (rows layers channels)")
        )


def build_whisper_encoder(config: Config) -> nn.Module:
    """Build Whisper's encoder at the sizes of a published configuration, with fresh weights.

    It is in evaluation mode.
    """
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    encoder: nn.Module = WhisperEncoder(WhisperConfig(**config)).eval()
    return encoder


def compute_log_mel(
    samples: Float32[np.ndarray, " samples"], *, bins: int = 80
) -> Float[Tensor, "bins frames"]:
    """Compute Whisper's log-mel of sound at 16 kHz.

    It has 100 frames a second and is zero-padded to whole 30 s chunks.

    The floor (8 below the loudest value) is taken in each chunk on its own.
    """
    size = CHUNK_ROWS * ROW_SAMPLES
    pieces = [samples[start : start + size] for start in range(0, max(len(samples), 1), size)]
    return torch.cat([_compute_chunk_mel(piece, bins) for piece in pieces], dim=-1)


@torch.no_grad()
def collect_hidden_states(
    encoder: nn.Module, mel: Float[Tensor, "bins 3000"]
) -> Float[Tensor, "rows layers channels"]:
    """Collect all hidden states of one 30 s chunk: the embedding, then each layer.

    The last layer is taken after the final norm.
    """
    parameter = next(encoder.parameters())
    seen: list[Tensor] = []
    layers: Any = encoder.layers
    handles = [
        layer.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
        for layer in layers
    ]
    try:
        final = encoder(mel[None].to(parameter)).last_hidden_state
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack([*seen, final], dim=2)[0].float()


def extract_hard_features(
    encoder: nn.Module,
    samples: Float32[np.ndarray, " samples"],
    *,
    limit_units: int = LONGEST_UNITS,
) -> Float[Tensor, "rows layers channels"]:
    """Extract the reference's features: 30 s chunks without overlap.

    There are two rows for every whole 40 ms, at most `limit_units` of them.
    """
    units = min(len(samples) // (2 * ROW_SAMPLES), limit_units)
    mel = compute_log_mel(samples, bins=_count_bins(encoder))
    chunks = [
        collect_hidden_states(encoder, piece) for piece in torch.split(mel, 2 * CHUNK_ROWS, dim=-1)
    ]
    return torch.cat(chunks)[: 2 * units]


def extract_overlapped_features(
    encoder: nn.Module, samples: Float32[np.ndarray, " samples"]
) -> Float[Tensor, "rows layers channels"]:
    """Extract features of all rows from 30 s chunks that cross-fade over four seconds.

    The last row may be partly silence.
    """
    rows = -(-len(samples) // ROW_SAMPLES)
    step = CHUNK_ROWS - OVERLAP_ROWS
    starts = range(0, max(rows - OVERLAP_ROWS, 1), step)
    ramp = (torch.arange(OVERLAP_ROWS) + 0.5)[:, None, None] / OVERLAP_ROWS
    done: list[Tensor] = []
    for start in starts:
        piece = samples[start * ROW_SAMPLES : (start + CHUNK_ROWS) * ROW_SAMPLES]
        states = collect_hidden_states(
            encoder, _compute_chunk_mel(piece, _count_bins(encoder))
        ).cpu()[: rows - start]
        if done:
            tail = done.pop()
            states[:OVERLAP_ROWS] = torch.lerp(
                tail, states[:OVERLAP_ROWS], ramp.to(states.dtype)[: len(tail)]
            )
        done += [states[:step], states[step:]]
    return torch.cat(done)


def cut_frame_windows(
    features: Float[Tensor, "rows layers channels"],
    *,
    frames: int,
    size: int = 10,
    first_row: int = 0,
) -> Float[Tensor, "frames size layers channels"]:
    """Cut the window of each frame. Rows outside the features are zero.

    `first_row`: the row at which frame 0 starts.
    """
    after = max(0, first_row + (frames - 1) * ROWS_PER_FRAME + size - ROWS_BEFORE - len(features))
    padded = functional.pad(features, (0, 0, 0, 0, ROWS_BEFORE, after))[first_row:]
    unfolded = padded.unfold(0, size, ROWS_PER_FRAME)[:frames]
    return rearrange(unfolded, "frames layers channels size -> frames size layers channels")


def cut_reference_windows(
    features: Float[Tensor, "rows layers channels"],
) -> Float[Tensor, "frames 10 layers channels"]:
    """Cut the reference's windows: one frame for every four whole rows."""
    return cut_frame_windows(features, frames=len(features) // ROWS_PER_FRAME)


def _compute_chunk_mel(
    samples: Float32[np.ndarray, " samples"], bins: int
) -> Float[Tensor, "bins 3000"]:
    """Compute the log-mel of a chunk in float64, but for the window.

    Float32 transforms differ between processors by more than the parity tolerance.
    """
    sound = torch.zeros(CHUNK_ROWS * ROW_SAMPLES, dtype=torch.float64)
    sound[: len(samples)] = torch.from_numpy(samples.astype(np.float64))
    window = torch.hann_window(FFT_SAMPLES).double()
    spectrum = torch.stft(sound, FFT_SAMPLES, HOP_SAMPLES, window=window, return_complex=True)
    power = _load_mel_filters(bins).T @ spectrum[:, :-1].abs().square()
    level = power.clamp(min=1e-10).log10()
    return ((level.clamp(min=float(level.max()) - 8) + 4) / 4).float()


@cache
def _load_mel_filters(bins: int) -> Float[Tensor, "frequencies bins"]:
    from transformers import WhisperFeatureExtractor

    return torch.from_numpy(WhisperFeatureExtractor(feature_size=bins).mel_filters).double()


def _count_bins(encoder: nn.Module) -> int:
    config: Any = encoder.config
    return int(config.num_mel_bins)
