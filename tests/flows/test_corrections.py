# SPDX-License-Identifier: Apache-2.0
"""Corrections by hand: changed cells of cues.csv become decisions that the cut obeys, the sheet
tells what is not in the script."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import soundfile

from flows import cli
from flows.project import open_project
from manifests.rows import Cue
from manifests.run_rows import Event
from tests.conftest import Rendered


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as leave:
        cli.main(arguments)
    return int(leave.value.code or 0)


def correct(sheet: Path, row: int, **cells: str) -> None:
    """Change cells of one row, as a person would in a spreadsheet."""
    with sheet.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[row].update(cells)
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def scene(film: Rendered, tmp_path: Path) -> Path:
    """A copy of the rendered scene, listened to, with its sheet written."""
    folder = film.copy(tmp_path / "scene")
    assert run(["listen", str(folder)]) == 0
    return folder


def test_listen_prints_every_line_and_writes_sheet_and_turns(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["listen", str(scene), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [cue["character"] for cue in told["cues"]] == ["ALEX", "ROBIN", "ALEX", "ROBIN"]
    assert Path(told["rttm"]).read_text().startswith("SPEAKER ")
    assert Path(told["sheet"]).is_file()


def test_a_corrected_cell_is_a_decision_that_the_next_plan_obeys(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    correct(scene / "build/listening/cues.csv", 1, character="ALEX")
    capsys.readouterr()
    assert run(["plan", str(scene), "--json"]) == 0
    shots = json.loads(capsys.readouterr().out)["shots"]
    assert "ROBIN" not in [shot["character"] for shot in shots[:-1]]
    decisions = open_project(scene).store.read(Event, name="cue")
    assert [json.loads(decision.detail)["value"] for decision in decisions] == ["ALEX"]
    assert run(["plan", str(scene)]) == 0
    assert len(open_project(scene).store.read(Event, name="cue")) == 1


def test_a_cell_that_makes_no_sense_is_told_with_row_and_column(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    correct(scene / "build/listening/cues.csv", 2, start="soon")
    assert run(["plan", str(scene)]) == 2
    told = capsys.readouterr().err
    assert "cues.csv, row 4, column start" in told
    assert open_project(scene).store.read(Event, name="cue") == []


def test_a_cell_that_contradicts_a_newer_decision_is_told_and_not_applied(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = scene / "build/listening/cues.csv"
    old = sheet.read_text()
    correct(sheet, 1, character="ALEX")
    assert run(["plan", str(scene)]) == 0
    sheet.write_text(old)
    correct(sheet, 1, character="ALEX", ignore="yes")
    assert run(["listen", str(scene)]) == 0
    sheet.write_text(old)
    correct(sheet, 1, ignore="")
    capsys.readouterr()
    assert run(["plan", str(scene)]) == 0
    values = [
        json.loads(row.detail)["field"] for row in open_project(scene).store.read(Event, name="cue")
    ]
    assert values == ["character", "ignore"]


def test_a_voice_sample_names_its_speaker_and_is_compared_once(
    film: Rendered, tmp_path: Path
) -> None:
    folder = film.copy(tmp_path / "scene")
    samples, hz = soundfile.read(folder / "recordings" / "dialogue.flac")
    first = open_project(folder).store.read_current(Cue)[0]
    soundfile.write(folder / "alex.wav", samples[first.start : first.end], hz)
    sheet = folder / "cast.csv"
    with sheet.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0]["voice_sample"] = "alex.wav"
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    for _ in range(2):
        assert run(["plan", str(folder)]) == 0
    (compared,) = open_project(folder).store.read(Event, name="enrolled")
    (likeness,) = json.loads(compared.detail)
    assert likeness["character"] == "ALEX"
    assert likeness["score"] > 0.75
