# SPDX-License-Identifier: Apache-2.0
"""Rows of conditions around a frame."""

from __future__ import annotations

import torch

from model.nano.conditions import gather_context


def test_rows_around_a_frame_stand_around_its_middle() -> None:
    track = torch.arange(20.0)[:, None]
    assert gather_context(track, frames=range(3, 4), size=8, stride=2)[0, :, 0].tolist() == [
        3,
        4,
        5,
        6,
        7,
        8,
        9,
        10,
    ]
    assert gather_context(track, frames=range(0, 1), size=5, stride=1)[0, :, 0].tolist() == [
        0,
        0,
        0,
        1,
        2,
    ]
