# SPDX-License-Identifier: Apache-2.0
"""Encode a portrait to its latent and CLIP token, and decode latents to frames.

`decode_seamed` is the reference's: each chunk restarts the temporal convolutions. Production
decodes with `stream.decode_overlapped`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.dice.config import Config

Latent = Float[Tensor, "4 h w"]
Image = Float[Tensor, "3 height width"]


def build_autoencoder(config: Config) -> nn.Module:
    """Build SVD's autoencoder with its temporal decoder, fresh weights, evaluation mode."""
    from diffusers import AutoencoderKLTemporalDecoder

    vae: nn.Module = AutoencoderKLTemporalDecoder.from_config(config).eval()
    return vae


def build_image_encoder(config: Config) -> nn.Module:
    """Build CLIP's picture tower with its projection, fresh weights, evaluation mode."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    tower: nn.Module = CLIPVisionModelWithProjection(CLIPVisionConfig(**config)).eval()
    return tower


@torch.no_grad()
def encode_image(vae: Any, picture: Float[Tensor, "3 height width"]) -> Latent:
    """Encode a picture in [-1, 1] to its mean latent, unscaled, float32.

    The encoder overflows in float16.
    """
    weight = vae.quant_conv.weight
    latent: Tensor = vae.encode(picture[None].to(weight)).latent_dist.mean[0]
    return latent.float()


def read_scaling(vae: Any) -> float:
    """Read the factor that scales latents for the UNet."""
    return float(vae.config.scaling_factor)


@torch.no_grad()
def encode_clip_token(tower: Any, pixels: Float[Tensor, "3 224 224"]) -> Float[Tensor, " dim"]:
    """Compute CLIP's projected embedding of the portrait."""
    parameter = next(tower.parameters())
    token: Tensor = tower(pixels[None].to(parameter)).image_embeds[0]
    return token


@torch.no_grad()
def decode(
    vae: Any, latents: Float[Tensor, "frames 4 h w"]
) -> Float[Tensor, "frames 3 height width"]:
    """Decode one chunk of scaled latents to RGB in [0, 1], float32."""
    parameter = vae.decoder.conv_in.weight
    decoded = vae.decode(
        (latents / read_scaling(vae)).to(parameter), num_frames=len(latents)
    ).sample
    clamped: Tensor = (decoded.float() * 0.5 + 0.5).clamp(0, 1)
    return clamped


def decode_seamed(vae: Any, latents: Iterable[Latent], *, chunk: int) -> Iterator[Image]:
    """Decode consecutive chunks, each by itself."""
    held: list[Tensor] = []
    for latent in latents:
        held.append(latent)
        if len(held) == chunk:
            yield from decode(vae, torch.stack(held))
            held.clear()
    if held:
        yield from decode(vae, torch.stack(held))
