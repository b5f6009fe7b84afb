# SPDX-License-Identifier: Apache-2.0
"""Latents of a corpus."""

from __future__ import annotations

import pytest
import torch

from model.training.latent_dataset import emphasis


def test_emphasis_is_where_the_chosen_points_are() -> None:
    points = torch.full((1, 468, 2), 0.25)
    weights = emphasis(points, chosen=(0, 1), side=64)[0]
    assert float(weights[16, 16]) == pytest.approx(1, abs=0.06)
    assert float(weights[48, 48]) < 1e-3
