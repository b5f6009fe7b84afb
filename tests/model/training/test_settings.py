# SPDX-License-Identifier: Apache-2.0
"""Settings of trainings are read, and all their problems told."""

from __future__ import annotations

import pytest

from manifests.errors import InputError
from model.training.settings import read
from model.training.train_embedder import EmbedderSettings


def test_settings_tell_all_their_problems_at_once() -> None:
    with pytest.raises(InputError) as caught:
        read(
            EmbedderSettings,
            {"stepps": 3, "objective": "infonc", "width": 1.5, "attend": 1},
            file="t.toml",
            name="embedder",
        )
    told = str(caught.value)
    assert "t.toml, column embedder.stepps: unknown setting" in told
    assert "did you mean 'steps'" in told
    assert "infonce or crossentropy or none" in told
    assert "a whole number from 8 to 1024" in told
    assert "true or false" in told
