# SPDX-License-Identifier: Apache-2.0
"""The training loop that the stages of diffusion share: draw, slice, sum gradients, step, save.

It also averages weights, reports and shows samples. A stage provides three functions: the draws of
a step (for the whole batch, whoever computes it), the loss of a slice of those draws, and the
samples to show. Slices are micro-batches of one process and shares of several workers alike, so the
division of a batch changes rounding and nothing else. A training that was killed resumes from its
last save to the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from model.training.ema import Ema
from model.training.resuming import TrainingState
from model.training.run import TrainingRun
from model.training.workers import Workers

CLIP = 1.0  # longest gradient

Draws = dict[str, Tensor]
"""What a step is made of, batch first."""
Losses = dict[str, Tensor]
"""Losses by name, each the mean over a slice, so that slices average to the whole; `loss/total` is
what is minimised. Two numbers are a share: how many were right, of how many. Every slice must give
the same names."""
Video = UInt8[Tensor, "frames height width 3"]
Show = Callable[[int, Mapping[str, Video]], None]
"""`show(step, films)`: samples to look at, by name."""


def ignore_samples(_step: int, _films: Mapping[str, Video]) -> None:
    """Ignore the samples of a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """Length and manner of the loop.

    `batch` is divided into `accumulate` slices; `bf16`: networks compute in bfloat16 (weights stay
    32 bits).
    """

    steps: int
    batch: int
    accumulate: int = 1
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    ema: float = 0.998
    bf16: bool = False
    save_every: int = 200
    show_every: int = 0

    @classmethod
    def of(cls, settings: object) -> LoopSettings:
        """Take the loop's part of a stage's settings: the fields that have the same names."""
        names = [field.name for field in fields(cls) if hasattr(settings, field.name)]
        return cls(**{name: getattr(settings, name) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStage:
    """The module to train and its loss.

    `facts`: plain values that must be the same when the training resumes.
    """

    module: nn.Module
    draw: Callable[[int], Draws]
    loss: Callable[[Draws], Losses]
    films: Callable[[nn.Module], Mapping[str, Video]] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def run_stage(
    stage: TrainingStage, settings: LoopSettings, run: TrainingRun, *, show: Show = ignore_samples
) -> nn.Module:
    """Train `stage.module` and return its running mean. State and curve are in the run's folder."""
    wanted = [parameter for parameter in stage.module.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(
        wanted, lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.99)
    )
    ema = Ema(stage.module, decay=settings.ema)
    training = TrainingState(
        modules={"own": stage.module, "mean": ema.mean}, optimiser=optimiser, facts=stage.facts
    )
    for step in range(run.begin(training), settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * scale_rate(step, settings.steps)
        optimiser.zero_grad()
        values = _sum_gradients(stage, settings, step, run.workers)
        run.workers.average(wanted)
        averages = _average_losses(values, run.workers)
        length = nn.utils.clip_grad_norm_(wanted, CLIP)
        optimiser.step()
        ema.update(stage.module, step)
        run.stepped(
            step, {**averages, "gradient": length}, training, save_every=settings.save_every
        )
        if (
            run.workers.leads
            and stage.films
            and settings.show_every
            and (step + 1) % settings.show_every == 0
        ):
            show(step + 1, stage.films(ema.mean))
    return ema.mean


def scale_rate(step: int, steps: int) -> float:
    """Scale the learning rate: a short rise, then half a cosine down to a twentieth.

    >>> scale_rate(0, 1000), round(scale_rate(525, 1000), 3), round(scale_rate(999, 1000), 3)
    (0.02, 0.525, 0.05)
    """
    rise = max(steps // 20, 1)
    done = max(step - rise, 0) / max(steps - rise, 1)
    return min((step + 1) / rise, 1) * (0.525 + 0.475 * math.cos(math.pi * done))


def _sum_gradients(
    stage: TrainingStage, settings: LoopSettings, step: int, workers: Workers
) -> Losses:
    """Sum the gradients of this worker's slices; return the mean of each loss over them."""
    draws = stage.draw(step)
    share = workers.share(settings.batch)
    mine = {name: values[share] for name, values in draws.items()}
    size = (share.stop - share.start) // settings.accumulate
    total: Losses = {}
    for first in range(0, share.stop - share.start, size):
        part = {name: values[first : first + size] for name, values in mine.items()}
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16):
            losses = stage.loss(part)
        (losses["loss/total"] / settings.accumulate).backward()  # type: ignore[no-untyped-call]
        for name, value in losses.items():
            total[name] = total.get(name, 0) + value.detach().float() / settings.accumulate
    return total


def _average_losses(values: Losses, workers: Workers) -> dict[str, float]:
    """Average the losses over all workers, in one message.

    Shares become quotients; a share of nothing is left out.
    """
    flat = workers.mean(torch.cat([value.reshape(-1) for value in values.values()]))
    parts = torch.split(flat, [value.numel() for value in values.values()])
    averages: dict[str, float] = {}
    for name, part in zip(values, parts, strict=True):
        if part.numel() == 1:
            averages[name] = float(part)
        elif part[1] > 0:
            averages[name] = float(part[0] / part[1])
    return averages
