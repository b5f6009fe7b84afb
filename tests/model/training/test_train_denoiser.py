# SPDX-License-Identifier: Apache-2.0
"""Wrong settings of the denoiser's training are named."""

from __future__ import annotations

import pytest

from manifests.errors import InputError
from model.training import settings as tables
from model.training.train_denoiser import DenoiserSettings


def test_wrong_settings_are_all_told_at_once() -> None:
    table = {"stepz": 3, "batch": 0, "bf16": 1}
    with pytest.raises(InputError) as caught:
        tables.read(DenoiserSettings, table, file="train.toml", name="motion")
    assert {problem.column for problem in caught.value.problems} == {
        "motion.stepz",
        "motion.batch",
        "motion.bf16",
    }
