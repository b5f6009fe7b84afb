# SPDX-License-Identifier: Apache-2.0
"""Denoising: every step visits all windows of all clips of a batch, and each latent moves one Euler
step.

The latents are the only state, in float32 whatever the UNet runs in. Windows of one step do not
depend on each other, so windows of equal length are put through the UNet together, up to a budget
of images; they may belong to different clips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from model.dice.adapters import Conditioning, FaceGate, Part, Tokens, TokenTable
from model.dice.schedule import (
    Branch,
    Guidance,
    Schedule,
    Window,
    circular_windows,
    euler_step,
    open_windows,
    scaled_input,
)
from model.dice.unet import DiceUNet

Progress = Callable[[int, int], None]
"""Called with (steps done, steps) before each run of the UNet; whatever it raises stops the
denoising."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenTrack:
    """The tokens of an adapter along a clip: row `rows[frame]` of the table. Row 0 is what an
    unconditioned branch is told.
    """

    table: TokenTable
    rows: Int64[Tensor, " frames"]

    def of(self, window: Int64[Tensor, " window"], told: Sequence[bool]) -> Tokens:
        """Tokens of a window for branches that are told (True) or not."""
        mine = self.rows[window]
        return Tokens.of(
            self.table, torch.stack([mine if yes else torch.zeros_like(mine) for yes in told])
        )


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """All that the UNet is told about one clip. `image`: unscaled latent of the portrait; `clip`:
    its token (row 1; row 0 is zero).

    `pose`: the pose map; `time_ids`: frames per second, motion bucket, expression bucket.
    """

    image: Float[Tensor, "4 height width"]
    clip: TokenTable
    audio: TokenTrack
    emotion: TokenTrack
    pose: Float[Tensor, "channels height width"]
    gate: FaceGate | None
    time_ids: Float[Tensor, " 3"]

    def part(self, window: Int64[Tensor, " window"], branches: Sequence[Branch]) -> Part:
        """The conditioning of one window."""
        clip = TokenTrack(self.clip, torch.ones(int(window.max()) + 1, dtype=torch.int64))
        return Part(
            clip.of(window, [branch.image for branch in branches]),
            (
                self.audio.of(window, [branch.audio for branch in branches]),
                self.emotion.of(window, [branch.emotion for branch in branches]),
            ),
            self.gate,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Frames at the head of a clip that are known already (the end of the clip before): they are
    led, not denoised freely.
    """

    latents: Float[Tensor, "held 4 height width"]
    noise: Float[Tensor, "held 4 height width"]


@dataclass(slots=True, eq=False)
class Job:
    """One clip in the making: its conditions and its latents, which `denoise` replaces."""

    conditions: Conditions
    latents: Float[Tensor, "frames 4 height width"]
    held: Held | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """How to denoise. `circular`: the reference's windows; `images_per_run`: budget of frames times
    branches for one UNet run.
    """

    schedule: Schedule
    guidance: Guidance = field(default_factory=Guidance)
    window: int = 25
    shift: int = 7
    overlap: int = 0
    circular: bool = False
    adapter_scales: tuple[float, float] = (1.0, 1.0)
    images_per_run: int = 75

    def windows(self, frames: int, step: int) -> list[Window]:
        """The windows of a step."""
        shift = self.shift * step % self.window
        if self.circular:
            return circular_windows(frames, window=self.window, shift=shift, overlap=self.overlap)
        return open_windows(frames, window=self.window, shift=shift)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What happened to one window in one step, for whoever compares or draws: guided v, and the
    window's latents after the step.
    """

    job: int
    step: int
    window: Window
    v: Tensor
    latents: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    job: int
    window: Window
    index: Tensor


@torch.no_grad()
def denoise(
    unet: DiceUNet,
    jobs: Sequence[Job],
    plan: Plan,
    *,
    progress: Progress | None = None,
    observe: Callable[[Seen], None] | None = None,
) -> int:
    """Denoise all jobs in place; afterwards their latents are clean and scaled as the UNet has
    them.

    Returns how many frames the UNet evaluated, counted once per step and branch.
    """
    evaluated = 0
    steps = len(plan.schedule)
    for step in range(steps):
        sigma, following = plan.schedule.sigmas[step], plan.schedule.sigmas[step + 1]
        weights = plan.guidance.weights(step, steps)
        for job in jobs:
            _lead(job, sigma)
        sums = [_Sum(job.latents, disjoint=not plan.circular) for job in jobs]
        tasks = [
            task for number, job in enumerate(jobs) for task in _tasks(number, job, plan, step)
        ]
        for batch in _batches(tasks, plan.images_per_run // len(weights)):
            if progress:
                progress(step, steps)
            evaluated += len(weights) * sum(len(task.window) for task in batch)
            for task, v in zip(batch, _predict(unet, jobs, batch, plan, step), strict=True):
                moved = euler_step(jobs[task.job].latents[task.index], v, sigma, following)
                sums[task.job].add(task.index, moved)
                if observe:
                    observe(Seen(task.job, step, task.window, v, moved))
        for job, total in zip(jobs, sums, strict=True):
            job.latents = total.mean()
    for job in jobs:
        _lead(job, plan.schedule.sigmas[-1])
    if progress:
        progress(steps, steps)
    return evaluated


class _Sum:
    """Collects the windows of a step. Disjoint windows are written where they were read, so there
    is no second state.
    """

    def __init__(self, latents: Tensor, *, disjoint: bool) -> None:
        self._total = latents if disjoint else torch.zeros_like(latents)
        self._visits = (
            None if disjoint else torch.zeros(len(latents), 1, 1, 1, device=latents.device)
        )

    def add(self, index: Tensor, moved: Tensor) -> None:
        if self._visits is None:
            self._total[index] = moved
            return
        self._total.index_add_(0, index, moved)
        self._visits.index_add_(0, index, torch.ones(len(index), 1, 1, 1, device=moved.device))

    def mean(self) -> Tensor:
        return self._total if self._visits is None else self._total / self._visits


def _predict(
    unet: DiceUNet, jobs: Sequence[Job], batch: Sequence[_Task], plan: Plan, step: int
) -> Iterator[Tensor]:
    """Guided v of every window of a batch, float32."""
    weights = plan.guidance.weights(step, len(plan.schedule))
    branches = list(weights)
    told = [jobs[task.job].conditions for task in batch]
    inputs = [
        _unet_input(jobs[task.job], task.index, plan.schedule.sigmas[step], branches)
        for task in batch
    ]
    parts = [
        conditions.part(task.index.cpu(), branches)
        for conditions, task in zip(told, batch, strict=True)
    ]
    like = unet.conv_in.weight
    predicted = unet(
        torch.cat(inputs).to(like.dtype),
        plan.schedule.timesteps[step].to(like.device),
        Conditioning(parts, plan.adapter_scales),
        torch.cat([c.time_ids.expand(len(branches), -1) for c in told]).to(like),
        torch.cat([c.pose.expand(len(branches), 1, *c.pose.shape) for c in told]),
    )
    shares = torch.tensor(list(weights.values()), device=like.device)
    for answers in predicted.float().unflatten(0, (len(batch), len(branches))):
        yield torch.einsum("b, b f c h w -> f c h w", shares, answers)


def _unet_input(job: Job, index: Tensor, sigma: Tensor, branches: Sequence[Branch]) -> Tensor:
    noisy = scaled_input(job.latents[index], sigma)
    image = job.conditions.image.to(noisy).expand_as(noisy)
    return torch.stack([torch.cat((noisy, image * branch.image), 1) for branch in branches])


def _lead(job: Job, sigma: Tensor) -> None:
    if job.held is not None:
        job.latents[: len(job.held.latents)] = job.held.latents + sigma * job.held.noise


def _tasks(number: int, job: Job, plan: Plan, step: int) -> list[_Task]:
    device = job.latents.device
    windows = plan.windows(len(job.latents), step)
    return [_Task(number, window, torch.tensor(window, device=device)) for window in windows]


def _batches(tasks: Sequence[_Task], images: int) -> Iterator[list[_Task]]:
    """Windows of equal length together, at most `images` frames (but at least one window) at a
    time.
    """
    lengths: dict[int, list[_Task]] = {}
    for task in tasks:
        lengths.setdefault(len(task.window), []).append(task)
    for length, group in lengths.items():
        size = max(1, images // length)
        for start in range(0, len(group), size):
            yield group[start : start + size]
