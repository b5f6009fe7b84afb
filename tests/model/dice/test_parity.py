# SPDX-License-Identifier: Apache-2.0
"""The networks give the reference's numbers on its golden tensors, and the comparison notices when
they do not."""

import json
import shutil
from functools import cache
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from benchmarks import dice_parity
from benchmarks.golden import Compared
from model.dice import detector, emotion, preprocess, speech, vision

FIXTURES = Path(__file__).parent / "fixtures"


@cache
def compared_with(name: str) -> list[Compared]:
    return dice_parity.compare_fixture(FIXTURES, name)


@pytest.mark.numeric
@pytest.mark.parametrize("name", dice_parity.list_fixtures(FIXTURES))
def test_every_fixture_is_met_within_the_tolerance_its_readme_asks_for(name: str) -> None:
    compared = compared_with(name)
    assert compared
    assert [c for c in compared if not c.passed] == []


def test_most_golden_tensors_of_a_fixture_are_looked_at() -> None:
    for name in (
        "audio_windows",
        "emotion_model",
        "ip_attention",
        "unet_tiny",
        "rife_small",
        "scheduler",
        "pipeline_tiny",
    ):
        golden = {
            key
            for key in load_file(FIXTURES / f"{name}.safetensors")
            if key.startswith(("out/", "mid/"))
        }
        seen = {c.name for c in compared_with(name)}
        assert {key for key in golden - seen if "vq_loss" not in key} == set()


@pytest.mark.parametrize(
    ("module", "constant", "wrong", "fixture"),
    [
        (speech, "ROWS_BEFORE", 5, "audio_windows"),
        (emotion, "COMMITMENT", 0.3, "emotion_model"),
        (preprocess, "CLIP_STD", (0.27, 0.27, 0.27), "preprocess_synthetic"),
        (preprocess, "MULTIPLE", 32, "bbox_and_sizes"),
        (detector, "SHORT_SIDE", 448, "yolo_postprocess"),
        pytest.param(
            vision, "read_scaling", lambda _: 0.18, "pipeline_tiny", marks=pytest.mark.proof
        ),
    ],
)
def test_a_wrong_constant_in_the_product_fails_the_comparison(
    monkeypatch: pytest.MonkeyPatch, module: object, constant: str, wrong: object, fixture: str
) -> None:
    monkeypatch.setattr(module, constant, wrong)
    passed, told = dice_parity.format_verdict(FIXTURES, fixture)
    assert not passed
    assert "FAIL" in told


def test_a_folder_with_a_changed_golden_tensor_ends_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("pose_guider", "mask_downsample"):
        shutil.copy(FIXTURES / f"{name}.json", tmp_path)
        shutil.copy(FIXTURES / f"{name}.safetensors", tmp_path)
    assert dice_parity.main([str(tmp_path)]) == 0
    tensors = load_file(tmp_path / "pose_guider.safetensors")
    tensors["out/fea"] = tensors["out/fea"] + 1e-3
    save_file(tensors, tmp_path / "pose_guider.safetensors")
    assert dice_parity.main([str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [text.split()[0] for text in lines] == ["mask_downsample", "pose_guider"] * 2
    assert "FAIL" in lines[-1]


def test_a_fixture_of_an_unknown_kind_is_a_failure_and_not_skipped(tmp_path: Path) -> None:
    (tmp_path / "novelty.json").write_text(json.dumps({}))
    assert dice_parity.format_verdict(tmp_path, "novelty")[0] is False
    assert dice_parity.main([str(tmp_path)]) == 1
    assert dice_parity.main([str(tmp_path / "nothing")]) == 2
