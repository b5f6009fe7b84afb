# SPDX-License-Identifier: Apache-2.0
"""From noise to latents, window after window: a clip of any length at the memory of one window.

Every window but the first knows its first frames, the last ones of the window before: they are told
to the network and led along their own noise. Guidance takes two branches in one batch: everything
is told, or the portrait alone. Steps are Euler's on Karras' levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from model.dice.config import SCHEDULER
from model.dice.schedule import Schedule, euler_step, scaled_input
from model.nano.networks import Nano
from model.nano.unet import Scene

Latents = Float[Tensor, "frames latent grid grid"]
Conditions = tuple[Float[Tensor, "frames told"], Float[Tensor, "frames tokens told"]]
"""What is heard and felt at each frame of a window."""
Told = Callable[[range], Conditions]
"""Conditions of some frames of a clip; frames past its end repeat the last one."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`guidance`: 1 follows the conditions as learnt (one branch), more exaggerates them (two
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
        """How many times the network looks at a frame in one step."""
        return 1 if self.guidance == 1 else 2


@dataclass(slots=True)
class Count:
    """How often a frame was looked at, and windows done."""

    evaluations: int = 0
    windows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One clip being denoised. `progress(steps done, steps)` is called before each step; what it
    raises, ends it.
    """

    plan: Plan
    generator: torch.Generator
    progress: Progress | None = None
    count: Count = field(default_factory=Count)


def spans(frames: int, *, window: int, overlap: int) -> list[range]:
    """The windows of a clip: each shares `overlap` frames with the one before, the last may reach
    past the end.

    >>> spans(30, window=16, overlap=4)
    [range(0, 16), range(12, 28), range(24, 40)]
    """
    step = window - overlap
    count = max(1, -(-(frames - overlap) // step))
    return [range(number * step, number * step + window) for number in range(count)]


@torch.no_grad()
def stream(
    nano: Nano, look: Float[Tensor, "look grid grid"], told: Told, *, frames: int, run: Run
) -> Iterator[Latents]:
    """Normalised latents of exactly `frames` frames, in pieces of at most a window. `look`: the
    portrait on the latent grid.
    """
    sizes, known = nano.sizes, None
    windows = spans(frames, window=sizes.window, overlap=sizes.overlap)
    for number, span in enumerate(windows):
        scene = _scene(nano, look, told(span), known)
        latents = _denoised(
            nano, scene, run, number * run.plan.steps, len(windows) * run.plan.steps
        )
        run.count.windows += 1
        fresh = latents if known is None else latents[sizes.overlap :]
        known = latents[-sizes.overlap :]
        yield fresh[: frames - (span.start if number == 0 else span.start + sizes.overlap)]


def _scene(nano: Nano, look: Tensor, conditions: Conditions, known: Latents | None) -> Scene:
    """The scene of one window; of two when a second branch is needed, the second of which hears and
    feels nothing.
    """
    sizes = nano.sizes
    held = torch.zeros(sizes.window, sizes.latent, sizes.grid, sizes.grid)
    given = torch.zeros(sizes.window, dtype=torch.bool)
    if known is not None:
        held[: len(known)] = known
        given[: len(known)] = True
    return Scene(look[None], held[None], given[None], conditions[0][None], conditions[1][None])


def _denoised(nano: Nano, scene: Scene, run: Run, done: int, steps: int) -> Latents:
    schedule = run.plan.schedule
    noise = torch.randn(scene.known.shape, generator=run.generator)
    x, given = noise * schedule.sigmas[0], scene.given[..., None, None, None]
    told = scene if run.plan.branches == 1 else _with_silent(nano, scene)
    for step in range(len(schedule)):
        if run.progress is not None:
            run.progress(done + step, steps)
        sigma, following = schedule.sigmas[step], schedule.sigmas[step + 1]
        x = torch.where(given, scene.known + sigma * noise, x)
        v = _guided(nano, scaled_input(x, sigma), sigma, told, guidance=run.plan.guidance)
        x = euler_step(x, v, sigma, following)
        run.count.evaluations += run.plan.branches * x.shape[1]
    return torch.where(given, scene.known, x)[0]


def _guided(nano: Nano, sample: Tensor, sigma: Tensor, told: Scene, *, guidance: float) -> Tensor:
    """V of the window: nothing + guidance (everything - nothing)."""
    branches = len(told.given)
    answers: Tensor = nano.unet(
        sample.expand(branches, *sample.shape[1:]), sigma.expand(branches), told
    )
    if branches == 1:
        return answers
    everything, nothing = answers.float().chunk(2)
    return torch.lerp(nothing, everything, guidance)


def _with_silent(nano: Nano, scene: Scene) -> Scene:
    batch, frames = scene.given.shape
    return Scene(
        scene.look.repeat(2, 1, 1, 1),
        scene.known.repeat(2, 1, 1, 1, 1),
        scene.given.repeat(2, 1),
        torch.cat((scene.heard, nano.hearing.silence(batch, frames))),
        torch.cat((scene.felt, nano.feeling.nothing(batch, frames))),
    )
