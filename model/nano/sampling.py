# SPDX-License-Identifier: Apache-2.0
"""Sample latents from noise, window after window: a clip of any length in the memory of one window.

Every window but the first knows its first frames, the last ones of the window before. The network
is told these frames, and they follow their own noise down. Steps are Euler's on Karras' levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from model.dice.config import SCHEDULER
from model.dice.schedule import Schedule
from model.nano.guidance import add_silent_branch, predict_guided
from model.nano.networks import NanoNetworks
from model.nano.unet import NanoConditions
from model.v_prediction import scale_input, step_euler

Latents = Float[Tensor, "frames latent grid grid"]
FrameConditions = tuple[Float[Tensor, "frames told"], Float[Tensor, "frames tokens told"]]
"""Sound and emotion at each frame of a window."""
ConditionSource = Callable[[range], FrameConditions]
"""Gives the conditions of some frames of a clip; frames past its end repeat the last one."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NanoPlan:
    """How to sample.

    `guidance`: 1 follows the conditions as learnt (one branch), more exaggerates them (two
    branches).
    """

    steps: int = 10
    guidance: float = 2.0
    sigma_max: float = 20.0
    sigma_min: float = 0.02

    @property
    def schedule(self) -> Schedule:
        """The noise levels."""
        return Schedule.of(
            SCHEDULER | {"sigma_max": self.sigma_max, "sigma_min": self.sigma_min}, self.steps
        )

    @property
    def branches(self) -> int:
        """The number of evaluations of a frame in one step: 2 with guidance, else 1."""
        return 1 if self.guidance == 1 else 2


@dataclass(slots=True)
class SamplingCount:
    """Frames evaluated by the network, and windows finished."""

    evaluations: int = 0
    windows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRun:
    """One clip that is being sampled.

    `progress(steps done, steps)` is called before each step; an exception in it ends the run.
    """

    plan: NanoPlan
    generator: torch.Generator
    progress: Progress | None = None
    count: SamplingCount = field(default_factory=SamplingCount)


def plan_windows(frames: int, *, window: int, overlap: int) -> list[range]:
    """Plan the windows of a clip: each shares `overlap` frames with the one before.

    The last one may reach past the end.

    >>> plan_windows(30, window=16, overlap=4)
    [range(0, 16), range(12, 28), range(24, 40)]
    """
    step = window - overlap
    count = max(1, -(-(frames - overlap) // step))
    return [range(number * step, number * step + window) for number in range(count)]


@torch.no_grad()
def stream_latents(
    networks: NanoNetworks,
    look: Float[Tensor, "look grid grid"],
    source: ConditionSource,
    *,
    frames: int,
    run: SamplingRun,
) -> Iterator[Latents]:
    """Yield normalised latents of exactly `frames` frames, in pieces of at most a window.

    `look`: the portrait on the latent grid.
    """
    sizes, known = networks.sizes, None
    windows = plan_windows(frames, window=sizes.window, overlap=sizes.overlap)
    for number, window in enumerate(windows):
        conditions = _build_conditions(networks, look, source(window), known)
        latents = _denoise_window(
            networks, conditions, run, number * run.plan.steps, len(windows) * run.plan.steps
        )
        run.count.windows += 1
        fresh = latents if known is None else latents[sizes.overlap :]
        known = latents[-sizes.overlap :]
        yield fresh[: frames - (window.start if number == 0 else window.start + sizes.overlap)]


def _build_conditions(
    networks: NanoNetworks, look: Tensor, conditions: FrameConditions, known: Latents | None
) -> NanoConditions:
    """Build the conditions of one window."""
    sizes = networks.sizes
    latents = torch.zeros(sizes.window, sizes.latent, sizes.grid, sizes.grid)
    is_known = torch.zeros(sizes.window, dtype=torch.bool)
    if known is not None:
        latents[: len(known)] = known
        is_known[: len(known)] = True
    sound, emotion = conditions
    return NanoConditions(look[None], latents[None], is_known[None], sound[None], emotion[None])


def _denoise_window(
    networks: NanoNetworks, conditions: NanoConditions, run: SamplingRun, done: int, steps: int
) -> Latents:
    schedule = run.plan.schedule
    noise = torch.randn(conditions.known.shape, generator=run.generator)
    x, is_known = noise * schedule.sigmas[0], conditions.is_known[..., None, None, None]
    branches = conditions if run.plan.branches == 1 else add_silent_branch(networks, conditions)
    for step in range(len(schedule)):
        if run.progress is not None:
            run.progress(done + step, steps)
        sigma, following = schedule.sigmas[step], schedule.sigmas[step + 1]
        x = torch.where(is_known, conditions.known + sigma * noise, x)
        sample = scale_input(x, sigma)
        v = predict_guided(networks, sample, sigma, branches, guidance=run.plan.guidance)
        x = step_euler(x, v, sigma, following)
        run.count.evaluations += run.plan.branches * x.shape[1]
    return torch.where(is_known, conditions.known, x)[0]
