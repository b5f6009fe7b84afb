# SPDX-License-Identifier: Apache-2.0
"""A production of a thousand shots is read and told in half a second of one processor, and what changes is told alone."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import pytest

from conftest import Rendered
from flows.film import Film, open_film
from flows.ledger.causes import seen
from flows.ledger.decisions import decide
from flows.ledger.places import places
from flows.review.desk import Desk
from manifests.rows import Check, Cue, Cut, Deliverable, Shot, Take
from manifests.timebase import sample_of_frame

MANY, APPROVED = 1000, 600
AFFORDABLE_SECONDS = 1.0  # twice what it takes: a machine under load counts waiting for memory as work


@pytest.fixture
def long_film(film: Rendered, tmp_path: Path) -> Film:
    """The film's shots again and again, with rows for everything and one take's file for all."""
    scene = open_film(film.copy(tmp_path / "scene"))
    store = scene.store
    takes = {take.shot_id: take for take in store.rows(Take)}
    parts = list(zip(store.current_rows(Shot), store.current_rows(Cue), store.rows(Cut, version="v001"), strict=True))
    shots, made, cues, cuts, end = [], [], [], [], 0
    for order in range(MANY):
        shot, cue, cut = parts[order % len(parts)]
        key, line, start, end = f"{order:032x}", f"line-{order}", end, end + shot.end_frame - shot.start_frame
        number = f"sc{order // 50 + 1:02}_sh{order % 50 * 10 + 10:03}"
        span = {"start_frame": start, "end_frame": end}
        shots.append(dataclasses.replace(shot, shot_id=key, number=number, order=order, line_ids=line, **span))
        path = f"media/takes/{key}.mkv"
        (scene.root / path).symlink_to(scene.root / takes[shot.shot_id].path)
        made.append(dataclasses.replace(takes[shot.shot_id], shot_id=key, path=path))
        heard = {"start": sample_of_frame(start, shot.rate), "end": sample_of_frame(end, shot.rate)}
        cues.append(dataclasses.replace(cue, line_id=line, **heard))
        cuts.append(dataclasses.replace(cut, version="v002", order=order, shot_id=key, number=number, **span))
    store.append(made)
    store.replace(Shot, shots)
    store.replace(Cue, cues)
    store.append(cuts)
    (scene.root / "deliverables" / "v001").rename(scene.root / "deliverables" / "v002")
    store.append([dataclasses.replace(row, version="v002", frames=end) for row in store.rows(Deliverable)])
    store.append([dataclasses.replace(row, version="v002") for row in store.rows(Check)])
    store.append(
        [decide("approved", place, shot, **seen(shot)) for place, shot in zip(places(shots), shots, strict=True)][
            :APPROVED
        ]
    )
    return scene


def test_a_thousand_shots_are_told_in_half_a_second_and_a_decision_alone(long_film: Film) -> None:
    Desk(long_film, reviewer="").text()  # what is imported is imported
    desk = Desk(long_film, reviewer="Anna")
    began = time.process_time()
    told = json.loads(desk.text())
    took = time.process_time() - began
    assert len(told["shots"]) == len(told["cues"]) == MANY
    assert sum(shot["states"] == ["approved"] for shot in told["shots"]) == APPROVED
    assert told["shots"][-1]["video_frame"] == told["shots"][-1]["first_frame"]
    assert took < AFFORDABLE_SECONDS
    desk.decide({"name": "hold", "shots": [told["shots"][700]["shot_id"]]})
    changed = desk.changes(told["revision"])
    assert [shot["number"] for shot in changed["shots"]] == [told["shots"][700]["number"]]
    assert len(changed["decisions"]) == 1
