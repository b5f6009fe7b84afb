# SPDX-License-Identifier: Apache-2.0
"""A production of a thousand shots is told whole, and what changes is told alone. What it costs:
`python -m benchmarks.review`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.review import lengthen_production
from flows.project import Project
from flows.review.review_session import ReviewSession
from tests.conftest import Rendered

MANY = 1000


@pytest.fixture
def long_film(film: Rendered, tmp_path: Path) -> Project:
    return lengthen_production(film.copy(tmp_path / "scene"), MANY)


def test_a_thousand_shots_are_told_and_a_decision_alone(long_film: Project) -> None:
    ReviewSession(long_film, reviewer="").encode_document()  # what is imported is imported
    session = ReviewSession(long_film, reviewer="Anna")
    told = json.loads(session.encode_document())
    assert len(told["shots"]) == len(told["cues"]) == MANY
    assert sum(shot["states"] == ["approved"] for shot in told["shots"]) == 0.6 * MANY
    assert told["shots"][-1]["video_frame"] == told["shots"][-1]["first_frame"]
    session.decide({"name": "hold", "shots": [told["shots"][700]["shot_id"]]})
    changed = session.find_changes(told["revision"])
    assert [shot["number"] for shot in changed["shots"]] == [told["shots"][700]["number"]]
    assert len(changed["decisions"]) == 1
