# SPDX-License-Identifier: Apache-2.0
"""Train on several Ray workers: Ray Train starts and connects them; the loop is the same as on one.

Workers must reach the corpus and the folder of results under the same paths. Losses equal those of
one worker with the same batch (docs/how-it-works/training.md).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

from flows.engines import configure_engines
from flows.farm.cluster import connect_ray
from manifests.errors import InputError, ToolError
from model.training.workers import Workers

Work = Callable[[Workers], None]


def run_on_workers(work: Work, count: int, *, address: str = "") -> None:
    """Run `work` in `count` Ray workers at once, one CPU each.

    Raises ToolError when Ray or a worker fails, InputError as `work` does.
    """
    with (
        connect_ray(address, cpus=count),
        tempfile.TemporaryDirectory(prefix="callsheet-train-") as notes,
    ):
        from ray.train import RunConfig, ScalingConfig, TrainingFailedError
        from ray.train.torch import TorchConfig, TorchTrainer

        trainer = TorchTrainer(
            _run_worker,
            train_loop_config={"work": work},
            torch_config=TorchConfig(backend="gloo"),
            scaling_config=ScalingConfig(num_workers=count, resources_per_worker={"CPU": 1}),
            run_config=RunConfig(storage_path=notes, name="training"),
        )
        try:
            trainer.fit()
        except TrainingFailedError as error:
            raise _find_cause(error) from error


def _find_cause(error: Any) -> Exception:
    """Find the input error that a worker raised; otherwise report that Ray Train failed."""
    failures = getattr(error, "worker_failures", {}).values()
    for failure in failures:
        cause = getattr(failure, "cause", failure)
        if isinstance(cause, InputError):
            return cause
    return ToolError(f"training on Ray failed: {error}")


def _run_worker(config: dict[str, Any]) -> None:
    configure_engines()
    from ray import train

    place = train.get_context()
    config["work"](Workers(rank=place.get_world_rank(), count=place.get_world_size()))
