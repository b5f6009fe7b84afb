# SPDX-License-Identifier: Apache-2.0
"""Files of other programs are read without running their code."""

from pathlib import Path

import numpy as np
import pytest
import torch

from manifests.errors import InputError
from model.conversion import read_pickle, read_prior
from tests.model.dice.dice_published import write_prior


class Payload:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("ran"),)


def test_a_checkpoint_or_a_prior_that_would_run_code_is_refused_without_running_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Payload()}, "evil.pth")
    with pytest.raises(InputError, match="not a plain file of tensors"):
        read_pickle(Path("evil.pth"))
    np.save("happy.npy", np.array({"mu": Payload()}, dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="is not needed by an emotion prior"):
        read_prior(Path("happy.npy"))
    assert not Path("ran").exists()


def test_a_prior_is_read_whatever_its_shape_and_anything_else_is_refused(tmp_path: Path) -> None:
    mean = np.linspace(-1, 1, 256, dtype=np.float32)
    write_prior(tmp_path / "sad.npy", mean[None])
    assert torch.equal(read_prior(tmp_path / "sad.npy"), torch.from_numpy(mean))
    np.save(tmp_path / "plain.npy", mean)
    (tmp_path / "text.npy").write_text("no array")
    for name in ("plain.npy", "text.npy", "absent.npy"):
        with pytest.raises(InputError, match="not an emotion prior"):
            read_prior(tmp_path / name)
