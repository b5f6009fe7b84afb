# SPDX-License-Identifier: Apache-2.0
"""`callsheet train`: from a settings file to checkpoints, alone and on Ray workers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.cli import main
from flows.train import train
from manifests.errors import InputError
from model.affect.embedder import EmotionEmbedder
from model.affect.prepared_corpus import write_tiny_corpus
from model.training.reporting import LossCurve
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

[autoencoder]
steps = 3
batch = 4
bf16 = false

[motion]
steps = 2
batch = 4
bf16 = false

[emotion]
steps = 10
batch = 4
bf16 = false
discriminator = 0.1
"""


def written(folder: Path, more: str = "") -> Path:
    """A settings file beside a tiny corpus with its record."""
    corpora.open_record(folder / "corpus").append(list(write_tiny_corpus(folder / "corpus").clips))
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
    assert len(LossCurve(tmp_path / "trained" / "bank" / "curve.jsonl").read()) == 8
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
    with pytest.raises(InputError, match="did you mean 'embedder'"):
        train("embeder", config)


def test_problems_of_all_tables_are_told_with_what_was_meant(tmp_path: Path) -> None:
    """One file may hold the tables of both trainings."""
    config = tmp_path / "train.toml"
    config.write_text(
        'corpus = "nowhere"\nout = 3\n[embeder]\n[embedder]\nobjective = "infonse"\n'
        "[motion]\nsteps = 0\n"
    )
    for kind in ("embedder", "diffusion"):
        with pytest.raises(InputError) as caught:
            train(kind, config)
        found = {problem.column: problem for problem in caught.value.problems}
        assert set(found) == {"corpus", "out", "embeder", "embedder.objective", "motion.steps"}
        assert (found["embeder"].nearest or "").startswith("'embedder'")
        assert (found["embedder.objective"].nearest or "").startswith("'infonce'")


def test_batches_that_do_not_divide_and_shares_that_exceed_the_whole_are_told(
    tmp_path: Path,
) -> None:
    config = tmp_path / "train.toml"
    top = 'corpus = "."\nout = "trained"\nworkers = 3\n'
    config.write_text(f"{top}[motion]\naccumulate = 2\n[emotion]\nbatch = 9\n")
    with pytest.raises(InputError) as caught:
        train("diffusion", config)
    told = [(problem.column, problem.expected) for problem in caught.value.problems]
    assert told == [("autoencoder.batch", "a multiple of 3"), ("motion.batch", "a multiple of 6")]
    config.write_text(
        f"{top}[emotion]\ndrop_both = 0.9\ndrop_sound = 0.2\n[embedder]\naudio_only = 0.9\n"
    )
    with pytest.raises(InputError) as caught:
        train("diffusion", config)
    assert [problem.message for problem in caught.value.problems] == [
        "these shares add up to more than 1"
    ] * 2


def test_a_file_is_no_folder_for_results(tmp_path: Path) -> None:
    config = tmp_path / "train.toml"
    config.write_text('corpus = "."\nout = "train.toml"\n')
    with pytest.raises(InputError, match="column out: a file, not a folder"):
        train("embedder", config)


def test_folders_to_begin_with_are_found_beside_the_settings_file(tmp_path: Path) -> None:
    config = tmp_path / "train.toml"
    config.write_text(
        'corpus = "."\nout = "trained"\n[diffusion]\nstart = "other/motion"\nbank = "bank"\n'
    )
    with pytest.raises(InputError) as caught:
        train("diffusion", config)
    found = {problem.column: problem.file for problem in caught.value.problems}
    assert found["diffusion.start"] == str(tmp_path / "other/motion")
    assert found["diffusion.bank"] == str(tmp_path / "bank")


@pytest.mark.proof
@pytest.mark.filterwarnings("ignore:.*(deprecated|Configure).*:Warning")  # Ray's own, of Ray's own
@pytest.mark.parametrize("kind", ["embedder", "diffusion"])
def test_two_ray_workers_have_the_losses_of_one(tmp_path: Path, engines: object, kind: str) -> None:
    curves = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        trained = train(kind, written(folder, f"workers = {workers}"))
        assert trained.digests
        curves.append(
            {name: LossCurve(trained.out / name / "curve.jsonl").read() for name in trained.digests}
        )
    for name, one in curves[0].items():
        two = curves[1][name]
        assert len(one) == len(two) > 0
        for alone, shared in zip(one, two, strict=True):
            # no mean of shares is that of all
            told = {key: value for key, value in shared.items() if key != "psnr"}
            expected = {key: alone[key] for key in told}
            assert told == pytest.approx(expected, rel=1e-3, abs=1e-4), (name, alone["step"])


@pytest.mark.proof
@pytest.mark.filterwarnings("ignore:.*(deprecated|Configure).*:Warning")  # Ray's own, of Ray's own
def test_what_is_wrong_with_the_input_is_told_by_ray_workers_too(
    tmp_path: Path, engines: object
) -> None:
    config = written(tmp_path, "workers = 2")
    for portrait in (tmp_path / "corpus" / "prepared").glob("*.portrait.safetensors"):
        portrait.unlink()
    with pytest.raises(InputError, match="the corpus has no such file"):
        train("embedder", config)
