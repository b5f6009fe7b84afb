# SPDX-License-Identifier: Apache-2.0
"""The autoencoder learns to move a portrait."""

from __future__ import annotations

import pytest
import torch

from model.nano.autoencoder import to_signed
from model.nano.networks import NanoNetworks
from model.nano.sizes import tiny_sizes
from model.training.train_autoencoder import AutoencoderInputs, AutoencoderSettings
from model.training.train_autoencoder import losses as autoencoder_losses


@pytest.mark.numeric
def test_the_autoencoder_learns_to_move_a_portrait() -> None:
    generator = torch.Generator().manual_seed(0)
    autoencoder = NanoNetworks.fresh(tiny_sizes()).autoencoder
    coarse = torch.rand(8, 3, 8, 8, generator=generator) * 2 - 1
    portraits = torch.nn.functional.interpolate(coarse, size=64, mode="bicubic").clamp(-1, 1)
    frames = portraits.roll(3, dims=-1)
    inputs = AutoencoderInputs(
        weights=torch.ones(8, 64, 64), noise=torch.zeros(8, 4, 8, 8), settings=AutoencoderSettings()
    )
    optimiser = torch.optim.Adam(autoencoder.parameters(), lr=5e-3)
    seen = []
    for _ in range(25):
        optimiser.zero_grad()
        found = autoencoder_losses(autoencoder, frames, portraits, inputs=inputs)
        torch.autograd.backward(found["loss/total"])
        optimiser.step()
        seen.append(found["loss/seen"].item())
    assert seen[-1] < 0.8 * seen[0]


@pytest.mark.numeric
def test_a_fresh_decoder_shows_the_portrait() -> None:
    autoencoder = NanoNetworks.fresh(tiny_sizes()).autoencoder
    portrait = to_signed(
        torch.randint(0, 256, (1, 64, 64, 3), generator=torch.Generator().manual_seed(0))
    )
    with torch.no_grad():
        made = autoencoder.decode(torch.zeros(1, 4, 8, 8), autoencoder.encode_portrait(portrait))
    share = torch.sigmoid(torch.tensor(-2.0))
    # Bilinear places on 64 pixels are exact to 64 eps, and neighbours differ by up to 2: 3e-5.
    assert made == pytest.approx(portrait * (1 - share), abs=1e-4)
