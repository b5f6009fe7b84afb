# SPDX-License-Identifier: Apache-2.0
"""DICE-Talk on the farm, tiny and with random weights: the frames mean nothing, their number and
their rows must be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows import cut, listening
from flows.farm.farm_settings import FarmSettings
from flows.generate import Farm, GenerationResult, generate
from flows.inputs import read_inputs
from flows.project import Project, open_project
from manifests.rows import Cue, Shot
from pipeline import media
from tests.conftest import Engines
from tests.data.bad_inputs import lighthouse
from tests.pipeline.second_recording import example_truth

TINY = '\n[talker_settings]\nbuild = "tiny"\n\n[generate]\nsize = 256\n'


def shots_of_the_example(folder: Path, talker: str) -> tuple[Project, list[Shot]]:
    """The cut of the example from its true times, so that no listening is needed."""
    lighthouse(folder)
    file = folder / "production.toml"
    text = file.read_text().replace('talker = "previs"', f'talker = "{talker}"')
    file.write_text(text + (TINY if talker == "dice" else "\n[generate]\nsize = 256\n"))
    film = open_project(folder)
    inputs = read_inputs(film)
    recordings = listening.ingest_recordings(film, inputs)
    cues = [
        Cue(
            line_id=line.line_id,
            recording_id=recordings[0].recording_id,
            character=line.character,
            start=spoken.start,
            end=spoken.end,
            text=line.text,
            performance=line.performance,
            status="matched",
            confidence=1.0,
        )
        for line, spoken in zip(inputs.lines, example_truth(), strict=True)
    ]
    return film, cut.break_down(film, inputs, cues, recordings)


def make(film: Project, shots: list[Shot]) -> GenerationResult:
    recordings = listening.find_ingested_recordings(film, read_inputs(film))
    assert recordings is not None
    return generate(
        film, shots, recordings, run_id="r1", farm=Farm(settings=FarmSettings(workers=2))
    )


def frames_in(film: Project, generated: GenerationResult) -> dict[str, int]:
    """Frames that the file of each take holds."""
    return {
        take.shot_id: sum(1 for _ in media.read_frames(film.root / take.path, width=64, height=64))
        for take in generated.takes
    }


def check(folder: Path, count: int | None) -> None:
    """Render the example's first `count` shots (all when None) and hold them to their frames,
    labels and licences."""
    film, shots = shots_of_the_example(folder / "dice", "dice")
    _, previs = shots_of_the_example(folder / "previs", "previs")
    shots, previs = shots[:count], previs[:count]
    made = make(film, shots)
    assert made.rejects == []
    assert frames_in(film, made) == {shot.shot_id: shot.frames for shot in shots}
    assert [shot.frames for shot in shots] == [shot.frames for shot in previs]
    assert {take.label for take in made.takes} == {"DICE-Talk tiny random"}
    assert {shot.shot_id for shot in shots}.isdisjoint(shot.shot_id for shot in previs)


@pytest.mark.proof
def test_the_first_shot_of_the_example_is_made_with_the_frames_previs_would_make(
    engines: Engines, tmp_path: Path
) -> None:
    check(tmp_path, 1)


@pytest.mark.proof
@pytest.mark.timeout(2700)
def test_the_whole_example_is_made_by_tiny_dice(engines: Engines, tmp_path: Path) -> None:
    check(tmp_path, None)
