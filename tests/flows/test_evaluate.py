# SPDX-License-Identifier: Apache-2.0
"""`callsheet evaluate` on a corpus of four heads: rows, scores and a page, and what is said of bad
input."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from flows.cli import main
from manifests.corpus_rows import CorpusClip, Judgement, Score
from manifests.store import Store
from model.affect.prepared_corpus import Corpus
from pipeline import corpus as corpora
from pipeline.frame_writer import FrameWriter
from tests.data import talking_heads


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as done:
        main(["evaluate", *arguments])
    return int(done.value.code or 0)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads")
    corpora.open_record(folder).append(talking_heads.write(folder))
    talking_heads.write_judges(folder / "judges")
    return folder


def test_a_folder_of_films_is_judged_beside_the_corpus(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    films = tmp_path / "stills"
    films.mkdir()
    for clip in Corpus(corpora.open_record(corpus).read(CorpusClip), corpus).split("test"):
        read = cv2.imread(str(corpus / "portraits" / f"{clip.identity}.png"))
        assert read is not None
        portrait = read[..., ::-1]
        with FrameWriter(
            films / f"{clip.clip_id}.mkv", size=portrait.shape[1::-1], rate=Fraction(25), threads=1
        ) as film:
            for _ in range(12):
                film.write(np.ascontiguousarray(portrait))
    out = tmp_path / "out"
    code = run(
        "--corpus",
        str(corpus),
        "--out",
        str(out),
        "--clips",
        str(films),
        "--frames",
        "8",
        "--limit",
        "4",
        "--json",
    )
    assert code == 0
    told = json.loads(capsys.readouterr().out)
    scores = {(row["subject"], row["measure"]): row for row in told["scores"]}
    assert scores["stills", "identity_right"]["value"] == 1
    assert scores["stills", "mouth_motion"]["value"] < 0.2 < scores["real", "mouth_motion"]["value"]
    store = Store(out / "record")
    assert len(store.read(Score)) == len(told["scores"])
    assert {row.subject for row in store.read(Judgement)} == {"real", "stills"}
    page = (out / "report.md").read_text()
    assert "synthetic corpus" in page
    assert "no person acted here" in page


def test_previs_is_judged_from_portraits_and_sounds(corpus: Path, tmp_path: Path) -> None:
    asked = [
        "--corpus",
        str(corpus),
        "--out",
        str(tmp_path),
        "--talker",
        "previs",
        "--frames",
        "8",
        "--limit",
        "2",
    ]
    assert run(*asked) == 0
    scores = {(row.subject, row.measure): row for row in Store(tmp_path / "record").read(Score)}
    assert scores["previs", "identity_right"].value == 1
    assert scores["previs", "face_found"].value == 1


def test_all_that_is_wrong_with_a_request_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [
        "--talker",
        "previz",
        "--clips",
        str(tmp_path / "none"),
        "--split",
        "tset",
        "--frames",
        "3",
    ]
    assert run("--corpus", str(tmp_path), "--out", str(tmp_path), *asked) == 2
    told = capsys.readouterr().err
    for part in (
        "not both",
        "did you mean 'previs'",
        "no such folder",
        "did you mean 'test'",
        "too few frames",
        "5 problems",
    ):
        assert part in told
    assert (
        run(
            "--corpus",
            str(tmp_path),
            "--out",
            str(tmp_path),
            "--frames",
            "9",
            "--foreign",
            "i3d",
            "--foreign",
            "arc",
        )
        == 2
    )
    told = capsys.readouterr().err
    for part in (
        "10 or more",
        "the weights of i3d are missing",
        "did you mean 'arcface'",
        "3 problems",
    ):
        assert part in told


def test_a_folder_without_a_corpus_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--corpus", str(tmp_path), "--out", str(tmp_path / "out")) == 2
    assert "this folder contains no corpus" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_clips_without_a_film_are_all_named(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(
            "--corpus",
            str(corpus),
            "--out",
            str(tmp_path / "out"),
            "--clips",
            str(tmp_path),
            "--limit",
            "2",
        )
        == 2
    )
    assert capsys.readouterr().err.count("no film of this clip") == 2


def test_films_that_cannot_be_judged_are_told_together_and_before_anything_is(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    films = tmp_path / "my films"
    films.mkdir()
    one, other, *_ = Corpus(corpora.open_record(corpus).read(CorpusClip), corpus).split("test")
    (films / f"{one.clip_id}.mp4").write_bytes(b"no film")
    with FrameWriter(
        films / f"{other.clip_id}.mkv", size=(64, 64), rate=Fraction(25), threads=1
    ) as film:
        film.write(np.zeros((64, 64, 3), np.uint8))
    assert run("--corpus", str(corpus), "--out", str(tmp_path / "out"), "--clips", str(films)) == 2
    told = capsys.readouterr().err
    assert "not a readable media file" in told
    assert "shorter than the clip" in told
    assert "judging" not in told
