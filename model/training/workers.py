# SPDX-License-Identifier: Apache-2.0
"""Share a training among several processes, or run it in one process with the same code.

Processes are started by `flows/farm/training.py` with Ray Train, which sets up torch.distributed. A
contrastive loss needs the whole batch, so embeddings are gathered with their gradients and every
worker computes the whole loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """The `rank` of this process among `count`.

    The default is a process alone, which sends nothing.
    """

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes checkpoints and reports."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """Return this worker's part of a batch.

        Raises ValueError when the batch does not divide evenly.
        """
        if batch % self.count:
            raise ValueError(f"a batch of {batch} does not divide among {self.count} workers")
        part = batch // self.count
        return slice(self.rank * part, (self.rank + 1) * part)

    def gather(self, values: Tensor) -> Tensor:
        """Gather all workers' rows in the order of ranks.

        Gradients flow back to the worker that each row came from. The gradient that arrives is the
        sum of all workers' losses', `count` times one loss; `average` divides it again.
        """
        if self.count == 1:
            return values
        from torch.distributed.nn.functional import all_gather

        return torch.cat(list(all_gather(values.contiguous())))  # type: ignore[no-untyped-call]

    def mean(self, value: Tensor) -> Tensor:
        """Compute the mean of numbers that each worker has of its share, for reports."""
        if self.count == 1:
            return value
        from torch import distributed

        total = value.clone()
        distributed.all_reduce(total)
        return total / self.count

    def average(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give all workers the mean of their gradients.

        Parameters that a share did not reach count as zero there; those that none reached stay
        None.
        """
        if self.count == 1:
            return
        from torch import distributed

        wanted = list(parameters)
        reached = self.mean(torch.tensor([float(p.grad is not None) for p in wanted]))
        used = [p for p, share in zip(wanted, reached.tolist(), strict=True) if share > 0]
        flat = torch.cat(
            [(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in used]
        )
        distributed.all_reduce(flat)
        flat /= self.count
        for p, part in zip(used, torch.split(flat, [p.numel() for p in used]), strict=True):
            p.grad = part.view_as(p)


ALONE = Workers()
