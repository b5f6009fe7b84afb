# SPDX-License-Identifier: Apache-2.0
"""Two processes that share every batch do what one does, also where a share has nothing to learn
from."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import distributed, nn

from model.training.resuming import seed_step
from model.training.run import TrainingRun
from model.training.training_loop import Draws, LoopSettings, Losses, TrainingStage, run_stage
from model.training.workers import ALONE, Workers

LOOP = LoopSettings(steps=6, batch=4, accumulate=2, learning_rate=0.1)
PROGRAM = """
import os, sys; sys.path.insert(0, sys.argv[1])
from tests.model.training import test_workers as here; from pathlib import Path
here.trained(Path(sys.argv[2]), rank=int(os.fork() == 0))
os._exit(0)  # gloo's threads do not always let a process end by itself
"""


class Pupil(nn.Module):
    """Two layers; the second is asked about some rows only, as the discriminator is."""

    def __init__(self) -> None:
        super().__init__()
        self.always, self.seldom = nn.Linear(3, 1), nn.Linear(3, 1)
        for weight in self.parameters():
            nn.init.constant_(weight, 0.5)  # the same in both processes


def stage() -> TrainingStage:
    pupil = Pupil()

    def draw(step: int) -> Draws:
        rows = torch.randn(LOOP.batch, 3, generator=seed_step(1, step))
        # nobody, the first share alone
        return {"rows": rows, "asked": torch.arange(LOOP.batch) < step % 3}

    def loss(part: Draws) -> Losses:
        error = pupil.always(part["rows"]).square().mean()
        asked, seen = part["asked"], torch.zeros(())
        if bool(asked.any()):
            seen = pupil.seldom(part["rows"])[asked].square().sum() / len(asked)
        right = torch.stack([(part["rows"][:, 0] > 0)[asked].sum(), asked.sum()])
        return {"loss/total": error + seen, "loss/seen": seen, "accuracy/seen": right}

    return TrainingStage(module=pupil, draw=draw, loss=loss)


def trained(out: Path, *, rank: int) -> None:
    """One of two processes that train together; the first writes the weights."""
    torch.set_num_threads(1)
    meeting, patience = f"file://{out.with_name('meeting')}", timedelta(seconds=120)
    distributed.init_process_group(
        "gloo", init_method=meeting, rank=rank, world_size=2, timeout=patience
    )
    mean = run_stage(stage(), LOOP, TrainingRun(out=out, workers=Workers(rank=rank, count=2)))
    if rank == 0:
        save_file(mean.state_dict(), out / "weights.safetensors")
    distributed.barrier()  # nobody leaves before the other is done


def test_two_processes_have_curve_and_weights_of_one(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[3])
    subprocess.run([sys.executable, "-c", PROGRAM, root, str(tmp_path / "two")], check=True)
    run, two = TrainingRun(out=tmp_path / "one", workers=ALONE), TrainingRun(out=tmp_path / "two")
    alone, together = (
        run_stage(stage(), LOOP, run).state_dict(),
        load_file(two.out / "weights.safetensors"),
    )
    for one, other in zip(run.curve.read(), two.curve.read(), strict=True):
        assert other == pytest.approx(one, abs=1e-6)
    for name, value in alone.items():
        assert together[name] == pytest.approx(value, abs=1e-6), name


def test_a_share_is_told_of_all_that_were_asked_and_of_nobody_not_at_all(tmp_path: Path) -> None:
    run = TrainingRun(out=tmp_path)
    run_stage(stage(), LOOP, run)
    told = run.curve.read()
    assert ["accuracy/seen" in line for line in told] == [False, True, True, False, True, True]
    rows = torch.randn(LOOP.batch, 3, generator=seed_step(1, 2))[:2]
    assert told[2]["accuracy/seen"] == pytest.approx(float((rows[:, 0] > 0).float().mean()))
