# SPDX-License-Identifier: Apache-2.0
"""Curves of losses are kept while a training goes on."""

from __future__ import annotations

from pathlib import Path

from model.training.reporting import LossCurve


def test_half_a_line_of_a_curve_is_forgotten(tmp_path: Path) -> None:
    curve = LossCurve(tmp_path / "curve.jsonl")
    for step in range(4):
        curve(step, {"loss": step / 3})
    with curve.path.open("a") as file:
        file.write('{"step": 4, "lo')
    curve.rewind(3)
    assert [line["step"] for line in curve.read()] == [0, 1, 2]
    assert curve.read()[1]["loss"] == 1 / 3
