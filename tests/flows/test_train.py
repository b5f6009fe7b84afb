# SPDX-License-Identifier: Apache-2.0
"""`callsheet train`: from a settings file to checkpoints, alone and on Ray workers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.cli import main
from flows.train import train
from manifests.errors import InputError
from model.training.corpus import tiny
from model.training.embedder import EmotionEmbedder
from model.training.reporting import Curve
from pipeline import corpus as corpora

SETTINGS = """\
corpus = "corpus"
out = "trained"
{more}
[embedder]
steps = 12
identities = 4
axes = 16
width = 16

[bank]
steps = 8
identities = 4
codes = 8
"""


def written(folder: Path, more: str = "") -> Path:
    """A settings file beside a tiny corpus with its record."""
    corpora.record(folder / "corpus").append(list(tiny(folder / "corpus").clips))
    config = folder / "train.toml"
    config.write_text(SETTINGS.format(more=more))
    return config


def test_a_settings_file_becomes_an_embedder_a_bank_and_curves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as done:
        main(["train", "embedder", "--config", str(written(tmp_path)), "--json"])
    assert done.value.code == 0
    told = json.loads(capsys.readouterr().out)
    embedder = EmotionEmbedder.load(tmp_path / "trained" / "embedder")
    assert told["digests"]["embedder"] == embedder.digest
    assert len(Curve(tmp_path / "trained" / "bank" / "curve.jsonl").read()) == 8
    config = json.loads((tmp_path / "trained" / "bank" / "config.json").read_text())
    assert config["embedder"] == embedder.digest
    assert config["licences"] == ["CC0-1.0"]
    assert list((tmp_path / "trained" / "embedder" / "events").glob("events.out.tfevents*"))


def test_every_problem_of_a_settings_file_is_told_at_once(tmp_path: Path) -> None:
    config = tmp_path / "train.toml"
    config.write_text('corpus = "nowhere"\nworkres = 2\n[embedder]\nstpes = 3\n[bank]\ncodes = 1\n')
    with pytest.raises(InputError) as caught:
        train("embedder", config)
    told = str(caught.value)
    assert "workres" in told
    assert "embedder.stpes" in told
    assert "bank.codes" in told
    config.write_text('corpus = "nowhere"\n')
    with pytest.raises(InputError, match=r"column out: must be given") as caught:
        train("embedder", config)
    assert "no such folder" in str(caught.value)
    with pytest.raises(InputError, match="nearest: 'embedder'"):
        train("embeder", config)


@pytest.mark.proof
@pytest.mark.filterwarnings("ignore:.*(deprecated|Configure).*:Warning")  # Ray's own, of Ray's own
def test_two_ray_workers_have_the_losses_of_one(tmp_path: Path, engines: object) -> None:
    curves = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        train("embedder", written(folder, f"workers = {workers}"))
        curves.append({name: Curve(folder / "trained" / name / "curve.jsonl").read() for name in ("embedder", "bank")})
    for name, one in curves[0].items():
        two = curves[1][name]
        assert len(one) == len(two) > 0
        for alone, shared in zip(one, two, strict=True):
            assert shared == pytest.approx(alone, rel=1e-3, abs=1e-4), (name, alone["step"])


@pytest.mark.proof
@pytest.mark.filterwarnings("ignore:.*(deprecated|Configure).*:Warning")  # Ray's own, of Ray's own
def test_what_is_wrong_with_the_input_is_told_by_ray_workers_too(tmp_path: Path, engines: object) -> None:
    config = written(tmp_path, "workers = 2")
    for portrait in (tmp_path / "corpus" / "prepared").glob("*.portrait.safetensors"):
        portrait.unlink()
    with pytest.raises(InputError, match="the corpus has no such file"):
        train("embedder", config)
