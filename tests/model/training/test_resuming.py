# SPDX-License-Identifier: Apache-2.0
"""Trainings that are killed go on to the same numbers."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from manifests.errors import InputError
from model.training.reporting import LossCurve
from model.training.resuming import TrainingState, seed_step
from model.training.run import STATE

SETTINGS = "EmbedderSettings(steps=40, identities=2, axes=16, width=16, save_every=10)"
PROGRAM = f"""
import sys, torch
from pathlib import Path
from model.affect.prepared_corpus import write_tiny_corpus
from model.training.run import TrainingRun
from model.training.train_embedder import EmbedderSettings, train
torch.set_num_threads(1)
folder = Path(sys.argv[1])
train(write_tiny_corpus(folder), {SETTINGS}, TrainingRun(out=folder / "out"))
"""


def begun(folder: Path) -> subprocess.Popen[bytes]:
    """A training in a process of its own: what else a process has done may change its last
    digits."""
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder)])


def test_a_training_killed_in_the_middle_ends_with_the_same_curve_and_weights(
    tmp_path: Path,
) -> None:
    child, whole = begun(tmp_path / "killed"), begun(tmp_path / "whole")
    curve = LossCurve(tmp_path / "killed" / "out" / "curve.jsonl")
    deadline = time.monotonic() + 120
    while len(curve.read()) < 15:
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert len(curve.read()) < 40
    assert [begun(tmp_path / "killed").wait(), whole.wait()] == [0, 0]
    assert curve.read() == LossCurve(tmp_path / "whole" / "out" / "curve.jsonl").read()
    assert [int(line["step"]) for line in curve.read()] == list(range(40))
    digests = [(tmp_path / name / "out" / "digest").read_text() for name in ("killed", "whole")]
    assert digests[0] == digests[1]


def small() -> tuple[nn.Linear, torch.optim.Optimizer]:
    module = nn.Linear(3, 2)
    return module, torch.optim.AdamW(module.parameters(), lr=0.1)


def test_a_state_of_another_training_is_refused_with_what_differs(tmp_path: Path) -> None:
    module, optimiser = small()
    TrainingState(
        modules={"a": module}, optimiser=optimiser, facts={"of": {"seed": 1}, "data": "x"}
    ).save(tmp_path / STATE, step=3)
    other = TrainingState(
        modules={"a": module}, optimiser=optimiser, facts={"of": {"seed": 2}, "data": "x"}
    )
    with pytest.raises(InputError, match=r"column of\.seed.*expected 1; got 2"):
        other.restore(tmp_path / STATE)
    (tmp_path / STATE).write_bytes(b"no safetensors")
    with pytest.raises(InputError, match="this file is not the state of a training"):
        other.restore(tmp_path / STATE)


def test_nothing_saved_means_from_the_start(tmp_path: Path) -> None:
    module, optimiser = small()
    assert (
        TrainingState(modules={"a": module}, optimiser=optimiser, facts={}).restore(
            tmp_path / STATE
        )
        == 0
    )


def test_draws_of_a_step_do_not_depend_on_what_was_drawn_before() -> None:
    one = torch.randn(4, generator=seed_step(7, 100))
    torch.randn(1000, generator=seed_step(7, 99))
    assert torch.equal(one, torch.randn(4, generator=seed_step(7, 100)))
    assert not torch.equal(one, torch.randn(4, generator=seed_step(8, 100)))
