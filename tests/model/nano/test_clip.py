# SPDX-License-Identifier: Apache-2.0
"""Frames of a clip between its latents."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from model.nano.clip import count_generated_frames, interpolate_latents


@given(
    st.integers(1, 200),
    st.sampled_from(
        [Fraction(25), Fraction(24), Fraction(30000, 1001), Fraction(60), Fraction(10)]
    ),
)
@profile(max_examples=40)
def test_places_between_latents_are_exact(frames: int, rate: Fraction) -> None:
    source = (
        torch.tensor([float(number)]) for number in range(count_generated_frames(frames, rate))
    )
    found = torch.cat(list(interpolate_latents(source, frames=frames, rate=rate)))
    wanted = torch.tensor([float(frame * 25 / rate) for frame in range(frames)])
    assert found == pytest.approx(wanted, abs=1e-3)
    assert next(source, None) is None
