# SPDX-License-Identifier: Apache-2.0
"""Weights that no training made, for tests of nano."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model.nano.networks import NanoNetworks
from model.nano.sizes import tiny_sizes


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights whose last layers say something."""
    folder = tmp_path_factory.mktemp("weights")
    nano, generator = NanoNetworks.fresh(tiny_sizes()), torch.Generator().manual_seed(0)
    for layer in (nano.unet.conv_out, nano.autoencoder.decode_head):
        torch.nn.init.normal_(layer.weight, std=0.1, generator=generator)
    nano.save(folder, {"data": {"digest": "none"}})
    return folder
