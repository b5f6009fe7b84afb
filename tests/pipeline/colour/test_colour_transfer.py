# SPDX-License-Identifier: Apache-2.0
"""Colours of a take are brought to those of a reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.colour import colour, colour_transfer
from tests.pipeline.colour.test_grade import cast
from tests.pipeline.tiny_film import FACE, eight_bit, portrait


def test_a_cast_beyond_the_limit_is_weakened_and_flagged(tmp_path: Path) -> None:
    sample = colour_transfer.sample_pictures(eight_bit(cast(portrait("mara"), "cool"))[None], FACE)
    look = colour_transfer.build_look(
        colour_transfer.sample_pictures(eight_bit(portrait("mara"))[None], FACE)
    )
    free = colour_transfer.estimate_transfer(sample, look, method="monge-kantorovich", limit=50)
    held = colour_transfer.estimate_transfer(sample, look, method="monge-kantorovich", limit=2)
    assert (free.limited, held.limited) == (False, True)
    means = np.stack([sample.skin_mean, sample.rest_mean])
    moved = colour.delta_e(colour.rgb_to_lab(means), colour.rgb_to_lab(held(means)))
    assert 1.6 < moved.max() < 2.2
    assert free.after < held.after < held.before


def test_strength_nought_and_method_none_change_nothing() -> None:
    sample = colour_transfer.sample_pictures(eight_bit(cast(portrait("mara"), "warm"))[None], FACE)
    look = colour_transfer.build_look(
        colour_transfer.sample_pictures(eight_bit(portrait("mara"))[None], FACE)
    )
    rgb = np.random.default_rng(0).uniform(0, 1, (50, 3))
    for transform in (
        colour_transfer.estimate_transfer(sample, look, method="none"),
        colour_transfer.estimate_transfer(sample, look, method="reinhard", strength=0),
    ):
        assert np.allclose(transform(rgb), rgb)


def test_reinhard_brings_the_mean_to_the_look() -> None:
    sample = colour_transfer.sample_pictures(eight_bit(cast(portrait("mara"), "warm"))[None], FACE)
    look = colour_transfer.build_look(
        colour_transfer.sample_pictures(eight_bit(portrait("mara"))[None], FACE)
    )
    transform = colour_transfer.estimate_transfer(sample, look, method="reinhard")
    assert transform.after < transform.before / 3
