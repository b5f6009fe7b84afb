# SPDX-License-Identifier: Apache-2.0
"""Sizes of the DICE-Talk networks: the released ones, and a tiny set that runs in seconds.

Not the choices of a shot (`settings`). Sizes follow the published checkpoints;
docs/how-it-works/dice.md says where they were taken from.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

Config = dict[str, Any]
"""A configuration in the form that diffusers and transformers write beside their weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioSizes:
    """The audio projection: `rows` x `layers` x `channels` Whisper states to `tokens` x `dim`."""

    rows: int = 10
    layers: int = 5
    channels: int = 384
    hidden: int = 1024
    tokens: int = 32
    dim: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class EmotionSizes:
    """The emotion model: a prior queries `bank` entries and becomes `tokens` x `dim`."""

    prior: int = 256
    hidden: int = 1024
    tokens: int = 32
    dim: int = 1024
    bank: int = 64
    heads: int = 8
    feature: int = 1280


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseSizes:
    """The face-mask encoder: `inputs` to `channels`, two convolutions each, to `outputs`."""

    inputs: int = 3
    channels: tuple[int, ...] = (16, 32, 96, 256)
    outputs: int = 320


UNET: Config = {
    "sample_size": 96,
    "in_channels": 8,
    "out_channels": 4,
    "down_block_types": ["CrossAttnDownBlockSpatioTemporal"] * 3 + ["DownBlockSpatioTemporal"],
    "up_block_types": ["UpBlockSpatioTemporal"] + ["CrossAttnUpBlockSpatioTemporal"] * 3,
    "block_out_channels": [320, 640, 1280, 1280],
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 768,
    "layers_per_block": 2,
    "cross_attention_dim": 1024,
    "transformer_layers_per_block": 1,
    "num_attention_heads": [5, 10, 20, 20],
    "num_frames": 25,
}
VAE: Config = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 768,
    "scaling_factor": 0.18215,
    "force_upcast": True,
}
CLIP: Config = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 16,
    "image_size": 224,
    "patch_size": 14,
    "projection_dim": 1024,
    "hidden_act": "gelu",
}
WHISPER: Config = {
    "d_model": 384,
    "encoder_layers": 4,
    "decoder_layers": 4,
    "encoder_attention_heads": 6,
    "decoder_attention_heads": 6,
    "encoder_ffn_dim": 1536,
    "decoder_ffn_dim": 1536,
    "num_mel_bins": 80,
    "max_source_positions": 1500,
}
SCHEDULER: Config = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "interpolation_type": "linear",
    "use_karras_sigmas": True,
    "sigma_min": 0.002,
    "sigma_max": 700.0,
    "timestep_spacing": "leading",
    "timestep_type": "continuous",
    "steps_offset": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DiceSizes:
    """Every network of one build. The defaults are the released sizes."""

    audio: AudioSizes = field(default_factory=AudioSizes)
    emotion: EmotionSizes = field(default_factory=EmotionSizes)
    pose: PoseSizes = field(default_factory=PoseSizes)
    interpolation: int = 90
    unet: Config = field(default_factory=lambda: dict(UNET))
    vae: Config = field(default_factory=lambda: dict(VAE))
    clip: Config = field(default_factory=lambda: dict(CLIP))
    whisper: Config = field(default_factory=lambda: dict(WHISPER))
    scheduler: Config = field(default_factory=lambda: dict(SCHEDULER))

    def plain(self) -> Config:
        """Convert to JSON-ready values, the form that `from_plain` reads."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: Config) -> DiceSizes:
        """Read what `plain` returned. Raises TypeError for an unknown name."""
        pose = {**values["pose"], "channels": tuple(values["pose"]["channels"])}
        own = {
            "audio": AudioSizes(**values["audio"]),
            "emotion": EmotionSizes(**values["emotion"]),
            "pose": PoseSizes(**pose),
        }
        return cls(**{**values, **own})


def tiny_sizes() -> DiceSizes:
    """Return the same classes at toy size: 64 x 64 pixels, two steps, seconds on one core.

    The output means nothing.
    """
    width = 32
    return DiceSizes(
        audio=AudioSizes(channels=16, hidden=32, dim=width),
        emotion=EmotionSizes(hidden=32, dim=width, bank=6, heads=4, feature=64),
        pose=PoseSizes(channels=(8, 8, 16, 16), outputs=32),
        interpolation=16,
        unet=UNET
        | {
            "sample_size": 8,
            "block_out_channels": [32, 32, 64, 64],
            "addition_time_embed_dim": 16,
            "projection_class_embeddings_input_dim": 48,
            "layers_per_block": 1,
            "cross_attention_dim": width,
            "num_attention_heads": [2, 2, 4, 4],
        },
        vae=VAE
        | {"block_out_channels": [32, 32, 32, 32], "layers_per_block": 1, "sample_size": 64},
        clip=CLIP
        | {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "patch_size": 32,
            "projection_dim": width,
        },
        whisper=WHISPER
        | {
            "d_model": 16,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 32,
            "decoder_ffn_dim": 32,
            "decoder_layers": 1,
        },
    )
