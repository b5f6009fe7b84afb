# SPDX-License-Identifier: Apache-2.0
"""I3D: its archive runs in a process of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from model.judges import i3d


class Averages(torch.nn.Module):
    """Stands where I3D stands: the mean of each frame's channels."""

    def forward(
        self, clip: torch.Tensor, rescale: bool, resize: bool, return_features: bool
    ) -> torch.Tensor:
        if rescale or resize or not return_features:
            return torch.zeros(1)
        return clip.mean(dim=(3, 4)).flatten(1)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_the_archive_of_i3d_runs_in_a_process_of_its_own(cache: Path) -> None:
    torch.jit.save(torch.jit.script(Averages()), str(cache / "i3d_torchscript.pt"))  # type: ignore[no-untyped-call]
    clips = np.zeros((2, 10, 64, 64, 3), np.uint8)
    clips[1] = 255
    made = i3d.extract_features(clips)
    assert made.shape == (2, 30)
    assert made[0] == pytest.approx(-1)
    assert made[1] == pytest.approx(1)


def test_clips_too_short_for_i3d_are_refused() -> None:
    with pytest.raises(ValueError, match="10 frames"):
        i3d.extract_features(np.zeros((1, 4, 64, 64, 3), np.uint8))
