# SPDX-License-Identifier: Apache-2.0
"""`talk --emotion-from` with the packaged embedder."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from flows.cli import main
from flows.inputs import read_inputs
from flows.project import open_project
from model.affect.embedder import EmotionEmbedder
from model.affect.packaged import PACKAGED
from model.affect.priors import EmotionPriors
from model.emotion import parse_curve
from pipeline.corpus import emotion_sample

STARTER = Path(__file__).parents[2] / "pipeline" / "script" / "starter"
FACE = STARTER / "portraits" / "robin.jpg"


def talked(tmp_path: Path, *more: str) -> int:
    from pipeline import media

    speech = tmp_path / "short.wav"
    media.run(["-t", "0.5", "-i", str(STARTER / "recordings" / "dialogue.flac"), str(speech)])
    wanted = [
        "--portrait",
        str(FACE),
        "--speech",
        str(speech),
        "-o",
        str(tmp_path / "clip.mp4"),
        "--size",
        "160",
    ]
    with pytest.raises(SystemExit) as done:
        main(["talk", *wanted, *more])
    return int(done.value.code or 0)


def test_a_clip_takes_its_emotion_from_a_picture_and_says_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert talked(tmp_path, "--emotion-from", str(FACE)) == 0
    assert (tmp_path / "clip.mp4").is_file()
    told = capsys.readouterr().err
    assert "emotion: " in told
    assert "trained on a synthetic corpus" in told


def test_words_and_a_sample_are_too_much(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert talked(tmp_path, "--emotion-from", str(FACE), "--emotion", "sad") == 2
    assert "not both" in capsys.readouterr().err


def test_the_packaged_embedder_is_whole_and_small() -> None:
    assert EmotionEmbedder.load(PACKAGED).digest
    assert EmotionPriors.load(PACKAGED).mean.shape == (8, 256)
    assert sum(file.stat().st_size for file in PACKAGED.iterdir()) < 8_000_000


def test_a_production_takes_an_actors_usual_emotion_from_the_sample_in_the_sheet(
    production: Path,
) -> None:
    sheet = production / "cast.csv"
    head, *rows = list(csv.DictReader(sheet.read_text().splitlines()))
    with sheet.open("w") as file:
        writer = csv.DictWriter(file, list(head))
        writer.writeheader()
        writer.writerow({**head, "default_emotion": "", "emotion_sample": head["portrait"]})
        writer.writerows(rows)
    first, second = read_inputs(open_project(production)).actors
    assert first.default_emotion == emotion_sample.describe_emotion(production / head["portrait"])
    assert second.default_emotion == str(parse_curve(rows[0].get("default_emotion") or "neutral"))
