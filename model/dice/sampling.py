# SPDX-License-Identifier: Apache-2.0
"""Denoise clips: every step visits all windows of all clips, then each latent moves one Euler step.

The latents are the only state, in float32 whatever the UNet runs in. Windows of one step do not
depend on each other. Windows of equal length go through the UNet together, up to a budget of
images; they may belong to different clips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from model.dice.adapters import BatchConditioning, FaceGate, Tokens, TokenTable, WindowConditioning
from model.dice.guidance import Branch, Guidance, mix_branches
from model.dice.schedule import Schedule, Window, plan_circular_windows, plan_open_windows
from model.dice.unet import DiceUNet
from model.v_prediction import scale_input, step_euler

Progress = Callable[[int, int], None]
"""Called with (steps done, steps) before each run of the UNet; an exception in it stops the run."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenTrack:
    """An adapter's tokens along a clip: row `rows[frame]` of the table.

    Row 0 is for unconditioned branches.
    """

    table: TokenTable
    rows: Int64[Tensor, " frames"]

    def select(self, window: Int64[Tensor, " window"], conditioned: Sequence[bool]) -> Tokens:
        """Select the tokens of a window, for conditioned (True) and unconditioned branches."""
        rows = self.rows[window]
        return Tokens.of(
            self.table,
            torch.stack([rows if yes else torch.zeros_like(rows) for yes in conditioned]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class ClipConditioning:
    """All conditions of one clip.

    `image`: unscaled latent of the portrait. `clip`: its CLIP token (row 1; row 0 is zero).
    `pose`: the pose map. `time_ids`: frames per second, motion bucket, expression bucket.
    """

    image: Float[Tensor, "4 height width"]
    clip: TokenTable
    audio: TokenTrack
    emotion: TokenTrack
    pose: Float[Tensor, "channels height width"]
    gate: FaceGate | None
    time_ids: Float[Tensor, " 3"]

    def select(
        self, window: Int64[Tensor, " window"], branches: Sequence[Branch]
    ) -> WindowConditioning:
        """Select the conditions of one window."""
        clip = TokenTrack(self.clip, torch.ones(int(window.max()) + 1, dtype=torch.int64))
        return WindowConditioning(
            clip.select(window, [branch.image for branch in branches]),
            (
                self.audio.select(window, [branch.audio for branch in branches]),
                self.emotion.select(window, [branch.emotion for branch in branches]),
            ),
            self.gate,
        )


@dataclass(frozen=True, slots=True, eq=False)
class HeldFrames:
    """Known frames at the head of a clip (the end of the part before).

    They follow their own noise down instead of being denoised.
    """

    latents: Float[Tensor, "held 4 height width"]
    noise: Float[Tensor, "held 4 height width"]


@dataclass(slots=True, eq=False)
class DenoiseJob:
    """A clip to denoise: its conditions, and its latents, which `denoise` replaces."""

    conditions: ClipConditioning
    latents: Float[Tensor, "frames 4 height width"]
    held: HeldFrames | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DenoisePlan:
    """How to denoise.

    `circular`: use the reference's windows. `images_per_run`: frames times branches that one run
    of the UNet may hold.
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
        """Plan the windows of a step."""
        shift = self.shift * step % self.window
        if self.circular:
            return plan_circular_windows(
                frames, window=self.window, shift=shift, overlap=self.overlap
            )
        return plan_open_windows(frames, window=self.window, shift=shift)


@dataclass(frozen=True, slots=True, eq=False)
class WindowStep:
    """One window in one step, for observers: the guided v, and its latents after the step."""

    job: int
    step: int
    window: Window
    v: Tensor
    latents: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class _WindowTask:
    job: int
    window: Window
    index: Tensor


@torch.no_grad()
def denoise(
    unet: DiceUNet,
    jobs: Sequence[DenoiseJob],
    plan: DenoisePlan,
    *,
    progress: Progress | None = None,
    observe: Callable[[WindowStep], None] | None = None,
) -> int:
    """Denoise all jobs in place; their latents are then clean and scaled as the UNet has them.

    Returns the number of frames that the UNet evaluated, counted once per step and branch.
    """
    evaluated = 0
    steps = len(plan.schedule)
    for step in range(steps):
        sigma, following = plan.schedule.sigmas[step], plan.schedule.sigmas[step + 1]
        weights = plan.guidance.weights(step, steps)
        for job in jobs:
            _reset_held(job, sigma)
        sums = [_WindowSum(job.latents, disjoint=not plan.circular) for job in jobs]
        tasks = [
            task for number, job in enumerate(jobs) for task in _list_tasks(number, job, plan, step)
        ]
        for batch in _batch_tasks(tasks, plan.images_per_run // len(weights)):
            if progress:
                progress(step, steps)
            evaluated += len(weights) * sum(len(task.window) for task in batch)
            for task, v in zip(batch, _predict(unet, jobs, batch, plan, step), strict=True):
                moved = step_euler(jobs[task.job].latents[task.index], v, sigma, following)
                sums[task.job].add(task.index, moved)
                if observe:
                    observe(WindowStep(task.job, step, task.window, v, moved))
        for job, total in zip(jobs, sums, strict=True):
            job.latents = total.mean()
    for job in jobs:
        _reset_held(job, plan.schedule.sigmas[-1])
    if progress:
        progress(steps, steps)
    return evaluated


class _WindowSum:
    """Collects the windows of a step.

    Disjoint windows are written where they were read, so that there is no second state.
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
    unet: DiceUNet,
    jobs: Sequence[DenoiseJob],
    batch: Sequence[_WindowTask],
    plan: DenoisePlan,
    step: int,
) -> Iterator[Tensor]:
    """Predict the guided v of every window of a batch, in float32."""
    weights = plan.guidance.weights(step, len(plan.schedule))
    branches = list(weights)
    conditions = [jobs[task.job].conditions for task in batch]
    inputs = [
        _stack_branches(jobs[task.job], task.index, plan.schedule.sigmas[step], branches)
        for task in batch
    ]
    parts = [
        clip.select(task.index.cpu(), branches)
        for clip, task in zip(conditions, batch, strict=True)
    ]
    like = unet.conv_in.weight
    predicted = unet(
        torch.cat(inputs).to(like.dtype),
        plan.schedule.timesteps[step].to(like.device),
        BatchConditioning(parts, plan.adapter_scales),
        torch.cat([c.time_ids.expand(len(branches), -1) for c in conditions]).to(like),
        torch.cat([c.pose.expand(len(branches), 1, *c.pose.shape) for c in conditions]),
    )
    for answers in predicted.float().unflatten(0, (len(batch), len(branches))):
        yield mix_branches(weights, answers)


def _stack_branches(
    job: DenoiseJob, index: Tensor, sigma: Tensor, branches: Sequence[Branch]
) -> Tensor:
    noisy = scale_input(job.latents[index], sigma)
    image = job.conditions.image.to(noisy).expand_as(noisy)
    return torch.stack([torch.cat((noisy, image * branch.image), 1) for branch in branches])


def _reset_held(job: DenoiseJob, sigma: Tensor) -> None:
    """Put the known frames back, with the noise of a level."""
    if job.held is not None:
        job.latents[: len(job.held.latents)] = job.held.latents + sigma * job.held.noise


def _list_tasks(number: int, job: DenoiseJob, plan: DenoisePlan, step: int) -> list[_WindowTask]:
    device = job.latents.device
    windows = plan.windows(len(job.latents), step)
    return [_WindowTask(number, window, torch.tensor(window, device=device)) for window in windows]


def _batch_tasks(tasks: Sequence[_WindowTask], images: int) -> Iterator[list[_WindowTask]]:
    """Batch windows of equal length: at most `images` frames, at least one window."""
    lengths: dict[int, list[_WindowTask]] = {}
    for task in tasks:
        lengths.setdefault(len(task.window), []).append(task)
    for length, group in lengths.items():
        size = max(1, images // length)
        for start in range(0, len(group), size):
            yield group[start : start + size]
