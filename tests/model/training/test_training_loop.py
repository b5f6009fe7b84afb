# SPDX-License-Identifier: Apache-2.0
"""The pace of a training."""

from __future__ import annotations

import pytest

from model.training.training_loop import scale_rate

pytestmark = pytest.mark.numeric


def test_the_pace_rises_and_falls_and_ends_low() -> None:
    paces = [scale_rate(step, 200) for step in range(200)]
    assert max(paces) == pytest.approx(1)
    assert paces[0] < 0.2
    assert paces[-1] == pytest.approx(0.05, abs=0.01)
    assert paces[10:] == sorted(paces[10:], reverse=True)
