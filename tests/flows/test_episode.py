# SPDX-License-Identifier: Apache-2.0
"""The whole job in miniature, with real engines: script to deliverables, once, and never twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
import soundfile

from flows import cli
from flows.episode import Outcome, episode
from flows.project import open_project
from manifests import query
from manifests.rows import Shot, Take
from manifests.run_rows import Event
from manifests.timebase import sample_of_frame
from pipeline import media
from tests.conftest import Engines, Rendered

CALLSHEET = [sys.executable, "-m", "flows"]


def outcome_of(film: Rendered) -> Outcome:
    assert isinstance(film.outcome, Outcome)
    return film.outcome


def takes_of(folder: Path) -> list[Take]:
    return open_project(folder).store.read(Take)


def run(arguments: list[str]) -> int:
    """The command in this process; its exit code."""
    with pytest.raises(SystemExit) as leave:
        cli.main(arguments)
    return int(leave.value.code or 0)


def test_a_production_becomes_an_episode(film: Rendered) -> None:
    outcome = outcome_of(film)
    assert (outcome.rejects, outcome.missing) == ([], [])
    assert outcome.made == outcome.shots == 4
    assert outcome.version is not None
    assert outcome.version.failed == []
    names = {path.name for path in outcome.version.folder.iterdir()}
    assert names >= {
        "web.mp4",
        "master.mov",
        "captions.srt",
        "captions.ttml",
        "captions.vtt",
        "timeline.otio",
        "timeline.xml",
        "checks.json",
        "contact_sheet.png",
        "report.html",
    }


@pytest.mark.parametrize("file", ["web.mp4", "master.mov"])
def test_picture_and_sound_are_as_long_as_the_timeline(
    film: Rendered, file: str, tmp_path: Path
) -> None:
    version = outcome_of(film).version
    assert version is not None
    shots = open_project(film.folder).store.read_current(Shot)
    path = version.folder / file
    frames = sum(1 for _ in media.read_frames(path, width=320, height=180))
    assert frames == max(shot.end_frame for shot in shots) == version.deliverables[0].frames
    samples = sum(len(block) for block in media.read_audio(path, hz=48000, channels=2))
    assert abs(samples - sample_of_frame(frames, Fraction(25))) <= sample_of_frame(1, Fraction(25))


def test_the_cut_covers_the_recording_and_shows_who_speaks(film: Rendered) -> None:
    shots = sorted(open_project(film.folder).store.read_current(Shot), key=lambda shot: shot.order)
    assert [shot.character for shot in shots] == ["ALEX", "ROBIN", "ALEX", "ROBIN"]
    assert [shot.start_frame for shot in shots] == [0, *(shot.end_frame for shot in shots[:-1])]
    seconds = soundfile.info(film.folder / "recordings" / "dialogue.flac").duration
    assert abs(shots[-1].end_frame / 25 - seconds) <= 1 / 25


def test_the_timeline_opens_and_its_media_exist(film: Rendered) -> None:
    version = outcome_of(film).version
    assert version is not None
    timeline = otio.adapters.read_from_file(str(version.folder / "timeline.otio"))
    clips = list(timeline.find_clips())
    assert (
        sum(clip.duration().value for clip in timeline.video_tracks()[0].find_clips())
        == version.deliverables[0].frames
    )
    for clip in clips:
        assert (version.folder / clip.media_reference.target_url).resolve().is_file()


def test_every_take_is_marked_as_previs(film: Rendered) -> None:
    assert {take.label for take in takes_of(film.folder)} == {"previs"}


def test_the_manifests_answer_questions(film: Rendered) -> None:
    store = open_project(film.folder).store
    answer = query.run_query(
        store, "select character, sum(seconds) from shots group by 1 order by 1"
    )
    assert [row[0] for row in answer.rows] == ["ALEX", "ROBIN"]
    assert query.run_query(store, "select outcome, takes_made, rejects from runs").rows == (
        ("done", 4, 0),
    )
    assert (
        query.run_query(store, "select count(*) from model_files where commercial = 'yes'").rows[0][
            0
        ]
        >= 4
    )


def test_a_second_run_finds_nothing_to_do_and_starts_no_engine(
    film: Rendered, tmp_path: Path
) -> None:
    folder = film.copy(tmp_path / "scene")
    heavy = ("torch", "cv2", "ray", "prefect", "pyannote", "faster_whisper")
    code = f"""
import sys
from flows import cli
try:
    cli.main(["render", {str(folder)!r}])
except SystemExit as leave:
    print(leave.code, [name for name in {heavy!r} if name in sys.modules])
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    said, last = result.stdout.strip().splitlines()
    assert said.startswith("Nothing to do: My First Scene is up to date (v001, ")
    assert last == "0 []"


def test_one_changed_emotion_is_named_and_makes_one_take_anew(
    film: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = film.copy(tmp_path / "scene")
    script = folder / "script.fountain"
    script.write_text(script.read_text().replace("happy 0.8", "angry 0.8"))
    assert run(["plan", str(folder), "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)["shots"]
    assert [(shot["state"], shot["why"]) for shot in planned] == [
        ("cached", []),
        ("changed", ["emotion"]),
        ("cached", []),
        ("cached", []),
    ]
    outcome = episode(str(folder))
    assert (outcome.made, outcome.rejects) == (1, [])
    assert outcome.version is not None
    assert outcome.version.name == "v002"
    assert (folder / "build" / "deliverables" / "latest").resolve().name == "v002"
    assert len(takes_of(folder)) == 5


def test_a_take_whose_row_was_lost_is_taken_up_and_not_made_again(
    film: Rendered, tmp_path: Path
) -> None:
    folder = film.copy(tmp_path / "scene")
    takes = open_project(folder).root / "manifests" / "takes"
    takes.rename(tmp_path / "lost")
    outcome = episode(str(folder))
    assert outcome.made == 0
    assert len(takes_of(folder)) == 4


@pytest.mark.proof
def test_a_killed_run_goes_on_where_it_was(engines: Engines, production: Path) -> None:
    command = [*CALLSHEET, "render", str(production), "--ray", engines.ray]
    kept = production / "build" / "media" / "takes"
    with subprocess.Popen(
        command, env=engines.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not list(kept.glob("[!.]*.mkv")):
            assert process.poll() is None, "the run ended before it was killed"
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    time.sleep(1.0)  # the cluster notices that its driver is gone and ends the driver's actors
    before = {path.name: path.stat().st_mtime_ns for path in kept.glob("[!.]*.mkv")}
    outcome = episode(str(production))
    after = {path.name: path.stat().st_mtime_ns for path in kept.glob("[!.]*.mkv")}
    assert outcome.version is not None
    assert {name: after[name] for name in before} == before
    takes = takes_of(production)
    assert len(takes) == len({take.shot_id for take in takes}) == 4


def test_events_tell_each_shots_story(film: Rendered) -> None:
    events = open_project(film.folder).store.read(Event, actor="farm")
    shots = {event.subject for event in events}
    assert len(shots) == 4
    for shot in shots:
        names = [
            event.name
            for event in sorted(events, key=lambda e: e.happened_at)
            if event.subject == shot
        ]
        assert names == ["queued", "running", "done"]
