# SPDX-License-Identifier: Apache-2.0
"""The face's square in its plate."""

from __future__ import annotations

import numpy as np

from model.nano.framing import DecodedFrame, NanoFraming


def test_where_nothing_moves_and_nothing_is_painted_the_plate_stays() -> None:
    plate = np.random.default_rng(0).integers(0, 256, (100, 120, 3)).astype(np.uint8)
    framing = NanoFraming(
        plate=plate, area=(-20, 10, 130), face=plate[:64, :64], box=(0.1, 0.1, 0.9, 0.9)
    )
    still = DecodedFrame(
        flow=np.zeros((64, 64, 2), np.float32),
        mask=np.zeros((64, 64), np.float32),
        paint=np.zeros((64, 64, 3), np.float32),
    )
    assert np.array_equal(framing.place(still), plate)
