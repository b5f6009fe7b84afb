# SPDX-License-Identifier: Apache-2.0
"""Published corpora are found in the folders they are published in, and whatever else lies there is
named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.affect.prepared_corpus import SPLITS
from pipeline.corpus.layout import assign_split


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@given(st.text(min_size=1))
def test_an_identity_is_always_of_the_same_split(identity: str) -> None:
    assert assign_split(identity) == assign_split(identity) in SPLITS


def test_splits_have_about_their_shares() -> None:
    found = [assign_split(f"person-{number}") for number in range(2000)]
    assert found.count("train") / 2000 == pytest.approx(0.55, abs=0.04)
    assert found.count("test") / 2000 == pytest.approx(0.20, abs=0.04)
