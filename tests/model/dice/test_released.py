# SPDX-License-Identifier: Apache-2.0
"""Which files the published model has."""

from pathlib import Path

import pytest

from manifests.errors import InputError
from model.dice import describe, released
from model.dice.config import tiny_sizes
from model.dice.engine import DiceNetworks
from tests.model.dice.dice_published import lay_out


@pytest.fixture(scope="module")
def networks() -> DiceNetworks:
    return DiceNetworks.fresh(tiny_sizes(), seed=5)


@pytest.fixture
def source(tmp_path: Path, networks: DiceNetworks) -> Path:
    return lay_out(tmp_path / "published", networks)


def test_without_weights_one_message_names_all_of_them(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        describe({}, weights=tmp_path)
    told = str(caught.value)
    assert "callsheet weights import dice --from DIR" in told
    assert all(source.path in told and source.licence in told for source in released.SOURCES)
