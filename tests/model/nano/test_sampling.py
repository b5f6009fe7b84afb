# SPDX-License-Identifier: Apache-2.0
"""Latents are sampled window by window."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from model.nano.networks import NanoNetworks
from model.nano.sampling import NanoPlan, SamplingRun, plan_windows, stream_latents


@given(st.integers(1, 300))
@profile(max_examples=40)
def test_windows_cover_a_clip_without_gaps(frames: int) -> None:
    windows = plan_windows(frames, window=16, overlap=4)
    assert windows[0].start == 0
    assert windows[-1].stop >= frames
    assert all(after.start == before.stop - 4 for before, after in pairwise(windows))
    assert len(windows) == 1 or windows[-1].start + 4 < frames


@pytest.mark.parametrize("frames", [1, 8, 9, 20])
def test_a_stream_has_as_many_latents_as_frames(weights: Path, frames: int) -> None:
    latents, run = sampled(weights, frames=frames, plan=NanoPlan(steps=2))
    assert len(latents) == frames
    assert run.count.windows == len(plan_windows(frames, window=8, overlap=2))


@pytest.mark.numeric
def test_guidance_one_takes_one_branch_and_two_branches_at_one_are_the_same(weights: Path) -> None:
    single, run = sampled(weights, frames=8, plan=NanoPlan(steps=2, guidance=1.0))
    nearly, double = sampled(weights, frames=8, plan=NanoPlan(steps=2, guidance=1.00001))
    assert (run.count.evaluations, double.count.evaluations) == (16, 32)
    # 1e-5 of the difference of two branches of about 1; rounding adds 1e-4 at most.
    assert nearly == pytest.approx(single, abs=1e-3)
    apart, _ = sampled(weights, frames=8, plan=NanoPlan(steps=2, guidance=3.0))
    assert float((apart - single).abs().max()) > 1e-3


@pytest.mark.numeric
def test_windows_carry_on_where_the_one_before_ended(weights: Path) -> None:
    whole, _ = sampled(weights, frames=14, plan=NanoPlan(steps=3))
    start, _ = sampled(weights, frames=8, plan=NanoPlan(steps=3))
    assert torch.equal(whole[:8], start)


def told(nano: NanoNetworks) -> tuple[torch.Tensor, torch.Tensor]:
    sizes, generator = nano.sizes, torch.Generator().manual_seed(5)
    heard = torch.randn(200, sizes.told, generator=generator)
    return heard, torch.randn(200, sizes.tokens, sizes.told, generator=generator)


def sampled(weights: Path, *, frames: int, plan: NanoPlan) -> tuple[torch.Tensor, SamplingRun]:
    nano = NanoNetworks.load(weights)
    heard, felt = told(nano)
    run = SamplingRun(plan=plan, generator=torch.Generator().manual_seed(0))
    look = torch.zeros(nano.sizes.look, nano.sizes.grid, nano.sizes.grid)
    pieces = stream_latents(
        nano, look, lambda span: (heard[list(span)], felt[list(span)]), frames=frames, run=run
    )
    return torch.cat(list(pieces)), run
