# SPDX-License-Identifier: Apache-2.0
"""The shipped networks: their size and where they come from."""

from __future__ import annotations

from model.nano import WEIGHTS, describe
from model.nano.networks import NanoNetworks, count_parameters, read_config
from model.nano.sizes import NanoSizes


def test_the_shipped_size_is_below_five_million_parameters() -> None:
    assert count_parameters(NanoNetworks.fresh(NanoSizes())) < 5_000_000
    assert count_parameters(NanoNetworks.fresh(NanoSizes(banked=True))) < 5_000_000


def test_the_shipped_checkpoint_is_small_and_says_where_it_comes_from() -> None:
    config, size = read_config(WEIGHTS), (WEIGHTS / "model.safetensors").stat().st_size
    assert size < 30_000_000
    assert config["data"]["corpora"] == ["synthetic"]
    assert config["licences"] == ["CC0-1.0"]
    assert config["weights licence"] == "Apache-2.0"
    assert "/" not in str(config["data"]) + str(config["settings"])
    assert describe({}) == describe({"weights": str(WEIGHTS)})
