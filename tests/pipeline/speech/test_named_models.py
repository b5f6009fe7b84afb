# SPDX-License-Identifier: Apache-2.0
"""A production names its own models: a folder shaped like community-1 and a recogniser's folder,
right ones and wrong ones."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from manifests.errors import InputError
from manifests.timebase import ANALYSIS_HZ
from pipeline.speech import diarize
from tests.pipeline.speech.named_pipeline import make_named_pipeline

_PYANNOTE = importlib.util.find_spec("pyannote.audio")  # without running it
assert _PYANNOTE is not None and _PYANNOTE.origin is not None
SAMPLE = Path(_PYANNOTE.origin).parent / "sample" / "sample.wav"


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_named_pipeline(tmp_path_factory.mktemp("models") / "community")


def test_a_folder_like_community_1_hears_two_people_where_two_speak(named: Path) -> None:
    sound, _ = sf.read(SAMPLE, dtype="float32")
    pipeline = diarize.resolve_pipeline("community", folder=named.parent)
    spans = diarize.find_speaker_spans(
        sound[: 24 * ANALYSIS_HZ],
        settings=diarize.DiarizationSettings(speakers=2, pipeline=pipeline),
    )
    seconds = [
        sum(s.end - s.start for s in spans if s.exclusive and s.speaker == n) / ANALYSIS_HZ
        for n in (0, 1)
    ]
    assert {span.speaker for span in spans} == {0, 1}
    assert min(seconds) > 3


def test_a_named_pipeline_is_known_by_its_bytes_and_not_by_where_it_lies(
    named: Path, tmp_path: Path
) -> None:
    def key(pipeline: Path | str) -> str:
        return diarize.key([], diarize.DiarizationSettings(speakers=2, pipeline=str(pipeline)))

    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for file in named.rglob("*"):
        if file.is_file():
            copy = moved / file.relative_to(named)
            copy.parent.mkdir(exist_ok=True)
            copy.symlink_to(file)
    (moved / "README.md").write_text("not a weight")
    assert key(moved) == key(named)
    (moved / "config.yaml").unlink()
    (moved / "config.yaml").write_text((named / "config.yaml").read_text().replace("0.6", "0.7"))
    assert key(moved) != key(named)
    assert (
        len(
            {
                key(""),
                key("pyannote/speaker-diarization-community-1"),
                key(named),
                key("pyannote/other"),
            }
        )
        == 4
    )


def test_hub_names_stay_names_and_nothing_stays_nothing(tmp_path: Path) -> None:
    for name in (
        "",
        "pyannote/speaker-diarization-community-1",
        "pyannote/speaker-diarization-community-1@v1",
    ):
        assert diarize.resolve_pipeline(name, folder=tmp_path) == name


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("comunity", r"no such folder 'comunity' .*did you mean 'community'"),
        ("community/plda", "does not hold a pyannote pipeline .*no config.yaml"),
        ("./models/none", "no such folder"),
    ],
)
def test_a_wrong_folder_for_the_pipeline_is_one_clear_error(
    named: Path, text: str, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        diarize.resolve_pipeline(text, folder=named.parent)
    assert len(caught.value.problems) == 1


def test_a_pipeline_whose_parts_are_missing_says_which(tmp_path: Path, named: Path) -> None:
    (tmp_path / "config.yaml").write_text((named / "config.yaml").read_text())
    (tmp_path / "plda").mkdir()
    with pytest.raises(InputError, match="no segmentation, no embedding"):
        diarize.resolve_pipeline(str(tmp_path), folder=Path())


def test_a_pipeline_that_its_loader_cannot_read_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("pipeline: [")
    with pytest.raises(InputError, match="cannot be loaded"):
        diarize.find_speaker_spans(
            np.ones(ANALYSIS_HZ, dtype=np.float32),
            settings=diarize.DiarizationSettings(pipeline=str(tmp_path)),
        )
