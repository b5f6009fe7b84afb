# SPDX-License-Identifier: Apache-2.0
"""Heads that are blended from stills."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from manifests.errors import InputError
from pipeline.corpus import unit_heads


def test_a_picture_that_does_not_fall_into_its_stills_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "tall.png"), np.zeros((30, 8, 3), np.uint8))
    assert unit_heads.read_stills(tmp_path / "tall.png", 3).shape == (3, 10, 8, 3)
    with pytest.raises(InputError, match="4 stills of one height; got 8 x 30 px"):
        unit_heads.read_stills(tmp_path / "tall.png", 4)


def test_stills_are_blended_from_the_first_to_the_last() -> None:
    stills = np.array([[[[0]]], [[[100]]], [[[200]]]], dtype=np.uint8)
    assert [int(frame[0, 0, 0]) for frame in unit_heads.blend_stills(stills, 5)] == [
        0,
        50,
        100,
        150,
        200,
    ]
