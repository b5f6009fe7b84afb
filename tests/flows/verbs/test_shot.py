# SPDX-License-Identifier: Apache-2.0
"""Decisions from the command line, on a film that was rendered: they are seen by plan, status and
the next run, and by a run meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows import cli
from flows.cut import CurrentCut, cut_recordings
from flows.episode import Outcome, episode
from flows.inputs import read_inputs
from flows.ledger import record
from flows.ledger.live_decisions import watch_decisions
from flows.listening import find_ingested_recordings
from flows.project import open_project
from manifests.rows import Shot, Take
from manifests.run_rows import Event
from manifests.store import Store
from pipeline import media
from tests.conftest import Engines, Rendered

FIRST, SECOND, THIRD, FOURTH = (f"sc01_sh0{number}0" for number in range(1, 5))


def run(arguments: list[str]) -> int:
    """The command in this process; its exit code."""
    with pytest.raises(SystemExit) as leave:
        cli.main(arguments)
    return int(leave.value.code or 0)


def answered(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> object:
    """What a command that goes well prints with `--json`."""
    capsys.readouterr()
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def folder(film: Rendered, tmp_path: Path) -> Path:
    """A copy of the film to decide about."""
    return film.copy(tmp_path / "scene")


def planned(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """The shots of the plan."""
    found = answered(["plan", str(folder)], capsys)
    assert isinstance(found, dict)
    shots = found["shots"]
    assert isinstance(shots, list)
    return shots


def cutting_of(folder: Path) -> CurrentCut:
    """The cut as it stands."""
    film = open_project(folder)
    inputs = read_inputs(film)
    recordings = find_ingested_recordings(film, inputs)
    assert recordings is not None
    return cut_recordings(film, inputs, recordings)


def test_every_decision_answers_in_json_and_is_an_event(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in (
        ["approve"],
        ["hold"],
        ["release"],
        ["skip"],
        ["priority", "--to", "5"],
        ["note", "--text", "see me"],
    ):
        decided = answered(["shot", verb[0], str(folder), SECOND, *verb[1:]], capsys)
        assert isinstance(decided, list)
        assert [one["number"] for one in decided] == [SECOND]
    names = [
        event.name
        for event in Store(folder / "build" / "manifests").read(Event, since="2020-01-01")
    ]
    assert names[-6:] == ["approved", "held", "released", "skipped", "priority", "note"]
    assert answered(["shot", "note", str(folder), "all"], capsys) == [
        {"number": SECOND, "character": "ROBIN", "notes": ["see me"]}
    ]


def test_a_wrong_shot_is_one_error_with_the_nearest_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(Store(folder / "build" / "manifests").read(Event))
    assert run(["shot", "hold", str(folder), "sc01_sh011", "charcter=ALEX"]) == 2
    told = capsys.readouterr().err
    assert "'sc01_sh010'" in told
    assert "'character'" in told
    assert len(Store(folder / "build" / "manifests").read(Event)) == before


def test_shots_of_a_production_that_nobody_listened_to_cannot_be_decided_about(
    production: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["shot", "hold", str(production), "all"]) == 2
    assert "there are no shots yet" in capsys.readouterr().err


def test_what_is_held_is_neither_made_nor_delivered(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = folder / "script.fountain"
    script.write_text(script.read_text().replace("happy 0.8", "angry 0.8"))
    assert run(["shot", "hold", str(folder), SECOND]) == 0
    assert [shot["state"] for shot in planned(folder, capsys)] == [
        "cached",
        "held",
        "cached",
        "cached",
    ]
    outcome = episode(str(folder))
    assert isinstance(outcome, Outcome)
    assert (outcome.made, outcome.held, outcome.version) == (0, [SECOND], None)
    assert run(["shot", "release", str(folder), "state=held"]) == 0
    assert [shot["state"] for shot in planned(folder, capsys)] == [
        "cached",
        "changed",
        "cached",
        "cached",
    ]


@pytest.mark.proof
def test_a_skipped_shot_becomes_a_slate_and_another_seed_another_take_in_a_marked_version(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["shot", "skip", str(folder), FOURTH]) == 0
    assert run(["shot", "retry", str(folder), FIRST, "--new-seed"]) == 0
    capsys.readouterr()
    states = [(shot["state"], shot["why"]) for shot in planned(folder, capsys)]
    assert states == [("changed", ["seed"]), ("cached", []), ("cached", []), ("skipped", [])]
    outcome = episode(str(folder))
    assert isinstance(outcome, Outcome)
    assert (outcome.made, outcome.rejects) == (2, [])
    assert outcome.version is not None
    assert outcome.marks == ["slates: 1 of 4 shots"]
    store = open_project(folder).store
    slate = next(take for take in store.read(Take) if take.label == "slate")
    frames = list(
        media.read_frames(folder / "build" / slate.path, width=slate.width, height=slate.height)
    )
    assert len(frames) == slate.frames == store.read_current(Shot)[3].frames
    assert (frames[0] == frames[-1]).all()
    assert frames[0].max() > 200
    assert frames[0].min() < 40

    takes = answered(["shot", "take", str(folder), FIRST], capsys)
    assert isinstance(takes, list)
    assert [(one["seed"], one["current"]) for one in takes] == [(1, False), (2, True)]
    assert takes[0]["measures"]
    assert run(["shot", "take", str(folder), FIRST, "--circle", "1"]) == 0
    assert run(["shot", "take", str(folder), FIRST, "--circle", "7"]) == 2
    assert run(["shot", "release", str(folder), "state=skipped"]) == 0
    capsys.readouterr()
    assert {shot["state"] for shot in planned(folder, capsys)} == {"cached"}  # all as it was before


@pytest.mark.parametrize("asked", [[], ["--seed", "1"]], ids=["no seed", "the seed that it has"])
def test_the_same_seed_is_not_made_twice(
    folder: Path, capsys: pytest.CaptureFixture[str], asked: list[str]
) -> None:
    assert run(["shot", "retry", str(folder), FIRST, *asked]) == 2
    assert "same frames" in capsys.readouterr().err


def test_a_changed_emotion_withdraws_an_approval_and_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["shot", "approve", str(folder), "all"]) == 0
    capsys.readouterr()
    status = answered(["status", str(folder)], capsys)
    assert isinstance(status, dict)
    assert status["marks"] == {"approved": 4}
    script = folder / "script.fountain"
    script.write_text(script.read_text().replace("happy 0.8", "angry 0.8"))
    shots = planned(folder, capsys)
    assert [shot["withdrawn"] for shot in shots] == [[], ["emotion"], [], []]
    assert run(["plan", str(folder)]) == 0
    assert "changed (emotion) (emotion changed since it was approved)" in capsys.readouterr().out


def test_with_the_gate_only_approved_shots_go_to_the_final_talker(folder: Path) -> None:
    assert run(["shot", "approve", str(folder), FIRST, THIRD]) == 0
    file = folder / "production.toml"
    text = file.read_text().replace('talker = "previs"', 'talker = "dice"')
    file.write_text(text + 'gate = "approved"\n\n[talker_settings]\nbuild = "tiny"\n')
    now = cutting_of(folder)
    assert [shot.talker for shot in now.shots] == ["dice", "previs", "dice", "previs"]
    before = {shot.shot_id for shot in now.project.store.read_current(Shot)}
    assert [shot.shot_id in before for shot in now.shots] == [False, True, False, True]


def test_a_run_hears_of_decisions_that_another_process_makes(folder: Path) -> None:
    now = cutting_of(folder)
    steer = watch_decisions(now.project, now.shots, began="2020-01-01T00:00:00+00:00")
    assert steer().held == frozenset()
    subprocess.run(
        [sys.executable, "-m", "flows", "shot", "hold", str(folder), SECOND],
        check=True,
        capture_output=True,
    )
    assert steer().held == {now.shots[1].shot_id}


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_the_gate_is_passed_by_tiny_dice_and_the_version_is_marked_mixed(
    engines: Engines, folder: Path
) -> None:
    test_with_the_gate_only_approved_shots_go_to_the_final_talker(folder)
    assert run(["shot", "release", str(folder), "all"]) == 0
    outcome = episode(str(folder))
    assert isinstance(outcome, Outcome)
    assert (outcome.rejects, outcome.made) == ([], 2)
    assert outcome.marks == ["talkers: 2 DICE-Talk tiny random, 2 previs"]


def test_what_nobody_renders_cannot_be_drained(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["drain", str(folder)]) == 0
    assert capsys.readouterr().out == "no render is running\n"
    assert not open_project(folder).store.has(Event, name="drain")


def test_watching_without_a_terminal_tells_each_change_and_ends_with_the_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    assert run(["status", str(folder), "--watch"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "4 of 4 takes done; 4 done"
    assert "4 shots, 4 takes done" in told[1]
    assert time.monotonic() - began < 60
    assert record.find_newest_run(open_project(folder)) is not None
