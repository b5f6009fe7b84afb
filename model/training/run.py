# SPDX-License-Identifier: Apache-2.0
"""One run of a training: where it writes, whom it tells, and with whom it shares batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from model.training.reporting import LossCurve, Report, ignore_report
from model.training.resuming import TrainingState
from model.training.workers import ALONE, Workers

STATE, CURVE = "state.safetensors", "curve.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """`out`: a folder for the checkpoint, the state to go on from and the curve of losses. The
    leading worker alone writes and tells.
    """

    out: Path
    report: Report = ignore_report
    workers: Workers = ALONE

    @property
    def curve(self) -> LossCurve:
        """The numbers of each step so far."""
        return LossCurve(self.out / CURVE)

    def begin(self, training: TrainingState) -> int:
        """Take up what was saved; returns the step to go on from. Raises InputError when it is of
        another training.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        first = training.restore(self.out / STATE)
        if self.workers.leads:
            self.curve.rewind(first)
        return first

    def stepped(
        self,
        step: int,
        values: Mapping[str, Tensor | float],
        training: TrainingState,
        *,
        save_every: int,
    ) -> None:
        """Tell of a step that was taken, and save after every so many."""
        if not self.workers.leads:
            return
        plain = {name: float(torch.as_tensor(value).detach()) for name, value in values.items()}
        self.curve(step, plain)
        self.report(step, plain)
        if (step + 1) % save_every == 0:
            training.save(self.out / STATE, step=step + 1)
