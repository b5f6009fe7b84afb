# SPDX-License-Identifier: Apache-2.0
"""One run of a training: its output folder, its report, and the workers that share its batches."""

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
    """A run of a training.

    `out`: a folder for the checkpoint, the state to resume from and the curve of losses. Only the
    leading worker writes and reports.
    """

    out: Path
    report: Report = ignore_report
    workers: Workers = ALONE

    @property
    def curve(self) -> LossCurve:
        """The numbers of each step so far."""
        return LossCurve(self.out / CURVE)

    def begin(self, training: TrainingState) -> int:
        """Restore what was saved and return the step to resume from.

        Raises InputError when it belongs to another training.
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
        """Report a finished step, and save at every `save_every`-th."""
        if not self.workers.leads:
            return
        plain = {name: float(torch.as_tensor(value).detach()) for name, value in values.items()}
        self.curve(step, plain)
        self.report(step, plain)
        if (step + 1) % save_every == 0:
            training.save(self.out / STATE, step=step + 1)
