# SPDX-License-Identifier: Apache-2.0
"""Faces are found in a portrait."""

from pathlib import Path

import numpy as np
import pytest
import torch

from manifests.errors import InputError
from model.talker import Portrait


@pytest.mark.parametrize(
    ("face", "found"), [("left", 2), ("right", 5), ("largest", 5), ("2", 3), ("only", None)]
)
def test_a_face_is_chosen_among_those_that_the_published_detector_finds(
    face: str, found: int | None
) -> None:
    from model.dice.framing import choose_face
    from model.dice.preprocess import PixelBox

    boxes = [PixelBox(left=float(x), top=0.0, right=2.0 * x, bottom=9.0) for x in (5, 2, 3)]
    asked = Portrait(
        name="three.png", pixels=np.zeros((9, 9, 3), dtype=np.uint8), digest="", face=face
    )
    if found is None:
        with pytest.raises(InputError, match="found 3 faces"):
            choose_face(boxes, asked)
    else:
        assert choose_face(boxes, asked).left == found


class Detector(torch.nn.Module):
    def forward(self, image: torch.Tensor, grids: list[torch.Tensor]) -> torch.Tensor:
        answers = torch.zeros(1, 2, 16) + len(grids) * 0
        answers[0, 0, :5] = torch.tensor([200.0, 208.0, 100.0, 120.0, 0.9])
        answers[0, :, 15] = 0.95 + 0 * image.mean()
        return answers


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_the_torchscript_detector_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    from model.dice.torchscript import find_faces

    torch.jit.script(Detector()).save(str(tmp_path / "detector.pt"))
    (found,) = find_faces(tmp_path / "detector.pt", np.zeros((208, 208, 3), dtype=np.uint8))
    assert (found.box.left, found.box.top, found.box.width, found.box.height) == pytest.approx(
        (75, 74, 50, 60)
    )
    assert found.score == pytest.approx(0.9 * 0.95)
