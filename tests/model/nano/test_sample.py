# SPDX-License-Identifier: Apache-2.0
"""Latents are sampled from arrays."""

from __future__ import annotations

from pathlib import Path

import torch

from model.nano.networks import NanoNetworks
from model.nano.sample import SampleRequest, sample
from model.nano.sampling import NanoPlan


def test_sampling_from_arrays_gives_bytes_of_the_right_shape(weights: Path) -> None:
    nano = NanoNetworks.load(weights)
    generator = torch.Generator().manual_seed(0)
    asked = SampleRequest(
        face=torch.randint(0, 256, (64, 64, 3), generator=generator).to(torch.uint8),
        states=torch.randn(20, 384, generator=generator),
        prosody=torch.randn(10, 6, generator=generator),
        weights=torch.eye(8)[4:5],
        frames=11,
    )
    made = sample(nano, asked, seed=3, plan=NanoPlan(steps=2))
    assert made.shape == (11, 64, 64, 3)
    assert made.dtype == torch.uint8
    assert torch.equal(made, sample(nano, asked, seed=3, plan=NanoPlan(steps=2)))
