# SPDX-License-Identifier: Apache-2.0
"""Every decision of the review page is the command line's event, and the next plan acts on it."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flows.cut import cut_recordings
from flows.inputs import read_inputs
from flows.ledger.place_takes import list_takes
from flows.ledger.retakes import AS_WRITTEN
from flows.listening import find_ingested_recordings
from flows.plan import PlannedShot, compare_with_record
from flows.project import Project, open_project
from flows.review.review_session import ReviewSession
from flows.selection import Selection, select_shots
from flows.trust import waivers
from manifests.delivery_rows import Check
from manifests.errors import InputError
from manifests.rows import Take
from manifests.run_rows import Event, new_event
from manifests.timebase import MASTER_HZ
from pipeline.checks import qc
from tests.conftest import Rendered

FIRST, SECOND, THIRD, FOURTH = (f"sc01_sh0{number}0" for number in range(1, 5))


@pytest.fixture
def scene(film: Rendered, tmp_path: Path) -> Project:
    """A copy of the film to decide about."""
    return open_project(film.copy(tmp_path / "scene"))


@pytest.fixture
def session(scene: Project) -> ReviewSession:
    """Anna reviews it."""
    return ReviewSession(scene, reviewer="Anna")


def planned(film: Project) -> Sequence[PlannedShot]:
    """The shots of the next plan, from today's files."""
    inputs = read_inputs(film)
    recordings = find_ingested_recordings(film, inputs)
    assert recordings is not None
    return compare_with_record(cut_recordings(film, inputs, recordings)).shots


def chosen(film: Project, number: str) -> Selection:
    return select_shots(film.folder, [number], out=None)


def describe_changes(session: ReviewSession, seen: str) -> list[tuple[str, str, list[str]]]:
    return [
        (one["number"], one["state"], one["states"]) for one in session.find_changes(seen)["shots"]
    ]


def newest(film: Project, count: int) -> list[tuple[str, str]]:
    """The names and actors of the last events."""
    rows = sorted(film.store.read(Event, since="2020-01-01"), key=lambda row: row.happened_at)
    return [(row.name, row.actor) for row in rows[-count:]]


def decided(
    session: ReviewSession, name: str, number: str = SECOND, **words: Any
) -> dict[str, Any]:
    return dict(session.decide({"name": name, "shots": [number], "words": words}))


def test_held_skipped_released_and_approved_shots_are_planned_so(
    scene: Project, session: ReviewSession
) -> None:
    decided(session, "hold", FIRST)
    decided(session, "skip", FOURTH)
    decided(session, "approve", SECOND)
    decided(session, "priority", THIRD, priority=7)
    decided(session, "note", THIRD, text=" <b>look</b> ")
    assert newest(scene, 5) == [
        (name, "Anna") for name in ("held", "skipped", "approved", "priority", "note")
    ]
    assert [entry.state for entry in planned(scene)] == ["held", "cached", "cached", "skipped"]
    told = session.read_document()["shots"]
    assert [one["state"] for one in told] == ["held", "done", "done", "skipped"]
    assert (told[1]["states"], told[3]["pending"]) == (["approved"], ["slate"])
    assert (told[2]["priority"], told[2]["notes"]) == (7, ["<b>look</b>"])
    decided(session, "release", FIRST)
    decided(session, "release", FOURTH)
    assert {entry.state for entry in planned(scene)} == {"cached"}


def test_a_retake_with_another_emotion_is_planned_as_changed_by_it_and_can_be_taken_back(
    scene: Project, session: ReviewSession
) -> None:
    answer = decided(session, "retry", emotion="furious -> sad", intensity=0.5, note="hotter")
    assert answer["says"] == [
        f"{SECOND}: will perform angry 1.2 -> sad 1 times 0.5",
        f"{SECOND}: noted: hotter",
    ]
    assert newest(scene, 3) == [("retry", "Anna"), ("directed", "Anna"), ("note", "Anna")]
    entry = planned(scene)[1]
    assert (entry.state, entry.why) == ("changed", ("emotion",))
    keys = json.loads(entry.shot.performance)
    assert [max(row[1:]) for row in keys] == [0.6, 0.5]
    told = session.read_document()["shots"][1]
    # what is seen is the take that stands
    assert (told["pending"], told["emotion"]) == (["emotion"], "happy 0.8")
    decided(session, "retry", emotion=AS_WRITTEN)
    assert planned(scene)[1].state == "cached"
    assert session.read_document()["shots"][1]["pending"] == []


def test_a_take_that_performs_otherwise_can_be_circled_and_approved_again(
    scene: Project, session: ReviewSession
) -> None:
    before = session.read_document()["shots"][1]
    decided(session, "retry", emotion="angry", seed="new")
    entry = planned(scene)[1]
    assert (entry.why, entry.shot.seed) == (("emotion", "seed"), before["seed"] + 1)
    (old,) = scene.store.read(Take, shot_id=before["shot_id"])
    media = scene.root / "media" / "takes" / f"{entry.shot.shot_id}.mkv"
    media.write_bytes((scene.root / old.path).read_bytes())  # as if the farm had made it
    scene.store.append([_as(old, entry.shot.shot_id, entry.shot.seed)])
    scene.store.append([new_event("done", entry.shot.shot_id, actor="callsheet")])
    assert planned(scene)[1].state == "cached"
    session.read_snapshot(now=True)
    takes = session.read_document()["shots"][1]["takes"]
    assert [(take["emotion"], take["seed"]) for take in takes] == [("happy 0.8", 2), ("angry 1", 3)]
    assert len(list_takes(scene, chosen(scene, SECOND).shots)) == 2
    decided(session, "approve", take_id=before["shot_id"])  # the old one was right after all
    assert newest(scene, 2) == [("approved", "Anna"), ("circled", "Anna")]
    now = planned(scene)[1]
    assert (now.state, now.shot.shot_id, now.withdrawn) == ("cached", before["shot_id"], ())
    decided(session, "circle", take_id=entry.shot.shot_id)
    assert planned(scene)[1].shot.shot_id == entry.shot.shot_id
    # the cut that is looked at is still the old one
    assert session.read_document()["shots"][1]["withdrawn"] == []


def _as(take: Take, shot_id: str, seed: int) -> Take:
    return dataclasses.replace(take, shot_id=shot_id, seed=seed, path=f"media/takes/{shot_id}.mkv")


def test_a_corrected_cue_moves_its_shot_in_the_next_plan(
    scene: Project, session: ReviewSession
) -> None:
    cue = session.read_document()["cues"][1]
    assert cue["start"] is not None
    answer = session.decide(
        {"name": "cue", "line_id": cue["line_id"], "words": {"start": cue["start"] - 0.6}}
    )
    assert len(answer["event_ids"]) == 1
    now = session.read_document()["cues"][1]
    assert (now["start"], now["pending"], now["reasons"][0]) == (
        pytest.approx(cue["start"] - 0.6),
        True,
        "set by hand: start",
    )
    moved = planned(scene)
    assert moved[1].state == "changed"
    assert moved[1].shot.start_frame < session.read_document()["shots"][1]["first_frame"]
    (row,) = scene.store.read(Event, name="cue")
    assert json.loads(row.detail)["value"] == str(round((cue["start"] - 0.6) * MASTER_HZ))
    assert row.actor == "Anna"
    session.decide({"name": "cue", "line_id": cue["line_id"], "words": {"ignore": True}})
    assert session.read_document()["cues"][1]["state"] == "missing"


def test_a_waived_check_publishes_the_version(scene: Project, session: ReviewSession) -> None:
    failed = Check(
        version="v001", profile="web", name="loudness", value="-9 LUFS", limit="-16", verdict="fail"
    )
    scene.store.append([failed])
    qc.write_checks(scene.store.read(Check, version="v001"), scene.root / "deliverables" / "v001")
    (scene.root / "deliverables" / "latest").unlink()
    with pytest.raises(InputError, match="'web: loudness'"):
        session.decide({"name": "waive", "words": {"check": "web: loudnes", "reason": "loud"}})
    answer = session.decide(
        {"name": "waive", "words": {"check": "web: loudness", "reason": "the client wants it"}}
    )
    assert answer["says"] == ["waived: web: loudness; latest is now v001"]
    assert len(answer["event_ids"]) == 1
    assert waivers.read_waivers(scene.store, "v001")["web", "loudness"]["by"] == "Anna"
    (told,) = [check for check in session.read_document()["checks"] if check["state"] == "waived"]
    assert told["waived"] is not None
    assert (told["waived"]["who"], told["waived"]["why"], told["ok"]) == (
        "Anna",
        "the client wants it",
        True,
    )


def test_what_two_people_decide_is_all_recorded_and_the_later_one_is_told(
    scene: Project, session: ReviewSession
) -> None:
    other = ReviewSession(scene, reviewer="Ben")
    seen = session.read_document()["revision"]
    assert other.read_document()["revision"] == seen
    session.decide({"name": "hold", "shots": [SECOND], "seen": seen})
    session.decide({"name": "hold", "shots": [THIRD], "seen": seen})
    answer = other.decide({"name": "approve", "shots": [SECOND], "seen": seen})
    assert [(one["who"], one["name"], one["shot"]) for one in answer["follows"]] == [
        ("Anna", "held", SECOND)
    ]
    assert newest(scene, 3) == [("held", "Anna"), ("held", "Anna"), ("approved", "Ben")]
    wanted = [(SECOND, "held", ["approved"]), (THIRD, "held", [])]
    deadline = (
        time.monotonic() + 30
    )  # a session refreshes after some times what its last refresh took
    while describe_changes(session, seen) != wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    assert describe_changes(session, seen) == wanted
    assert (
        other.decide({"name": "release", "shots": [SECOND], "seen": answer["revision"]})["follows"]
        == []
    )


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"name": "retry", "shots": [SECOND]}, "shots", "the same seed"),
        ({"name": "retry", "shots": [SECOND], "words": {"emotion": "angri"}}, "emotion", "'angry'"),
        (
            {"name": "retry", "shots": [SECOND], "words": {"emotion": "angry", "intensity": 1.6}},
            "emotion",
            "above 1.5",
        ),
        (
            {"name": "retry", "shots": [SECOND], "words": {"emotion": "happy 0.8"}},
            "shots",
            "already performs happy 0.8",
        ),
        ({"name": "circle", "shots": [SECOND], "words": {"seed": 99}}, "seed", "no such take"),
        ({"name": "circle", "shots": [SECOND]}, "take_id", "name the take"),
        ({"name": "note", "shots": [SECOND], "words": {"text": "  "}}, "text", "1 to 2000"),
        ({"name": "priority", "shots": [SECOND], "words": {"priority": 5000}}, "priority", "1000"),
        ({"name": "cue", "line_id": "nobody"}, "line_id", "there is no line"),
        (
            {"name": "waive", "words": {"check": "web: loudness", "reason": ""}},
            "check",
            "no check failed",
        ),
        ({"name": "hold", "shots": []}, "shots", "at least one shot"),
    ],
)
def test_what_cannot_be_is_refused_as_on_the_command_line(
    film: Rendered, body: dict[str, Any], field: str, says: str
) -> None:
    scene = open_project(film.folder)
    before = len(scene.store.read(Event))
    with pytest.raises(InputError, match=says) as refused:
        ReviewSession(scene, reviewer="Anna").decide(body)
    assert field in {problem.column for problem in refused.value.problems}
    assert len(scene.store.read(Event)) == before


def test_a_cue_cannot_end_before_it_begins_or_lie_outside_the_recordings(film: Rendered) -> None:
    session = ReviewSession(open_project(film.folder), reviewer="Anna")
    cue = session.read_document()["cues"][0]
    for words, field in (
        ({"end": 0.0}, "end"),
        ({"start": 9999}, "start"),
        ({"start": float("nan")}, "start"),
        ({"start": "1"}, "start"),
    ):
        with pytest.raises(InputError) as refused:
            session.decide({"name": "cue", "line_id": cue["line_id"], "words": words})
        assert {problem.column for problem in refused.value.problems} == {field}
    with pytest.raises(InputError, match="did you mean 'ALEX'"):
        session.decide({"name": "cue", "line_id": cue["line_id"], "words": {"character": "ALEXX"}})
