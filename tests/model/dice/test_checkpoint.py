# SPDX-License-Identifier: Apache-2.0
"""Released checkpoints come in strictly, once, without running anything from them, and must be the
same the next time."""

import json
from pathlib import Path

import pytest
import torch

from manifests.errors import InputError
from model.dice import LABEL, checkpoint, describe, released
from model.dice.checkpoint import import_released, load_networks, rename_keys
from model.dice.config import DiceSizes, tiny_sizes
from model.dice.engine import DiceNetworks
from model.state_keys import find_key_problems
from tests.model.dice.dice_published import lay_out, own_sizes

MANIFESTS = Path(__file__).parent / "manifests"
SIZES = own_sizes(tiny_sizes())


@pytest.fixture(scope="module")
def networks() -> DiceNetworks:
    return DiceNetworks.fresh(tiny_sizes(), seed=5)


@pytest.fixture
def source(tmp_path: Path, networks: DiceNetworks) -> Path:
    return lay_out(tmp_path / "published", networks)


def shapes(manifest: str) -> dict[str, tuple[int, ...]]:
    tensors = json.loads((MANIFESTS / f"manifest_{manifest}.json").read_text())["tensors"]
    return {key: tuple(entry["shape"]) for key, entry in tensors.items()}


@pytest.mark.parametrize(
    ("component", "manifest"),
    [
        ("unet", "unet"),
        ("audio_projection", "audio_linear"),
        ("emotion_model", "emo_model"),
        ("pose_guider", "pose_guider"),
        ("interpolation", "rife_flownet"),
    ],
)
def test_the_released_graph_built_without_memory_has_the_manifests_keys_and_shapes(
    component: str, manifest: str
) -> None:
    with torch.device("meta"):
        state = checkpoint.BUILDERS[component](DiceSizes()).state_dict()
    published = {key: torch.empty(shape, device="meta") for key, shape in shapes(manifest).items()}
    assert find_key_problems(manifest, state, rename_keys(component, published)) == []
    told = json.loads((MANIFESTS / f"manifest_{manifest}.json").read_text())["_info"]
    assert sum(value.numel() for value in state.values()) == told["num_params"]


def test_the_released_unet_has_128_adapter_keys_over_1428_base_keys() -> None:
    keys = shapes("unet")
    adapters = [key for key in keys if checkpoint.ADAPTER.search(key)]
    assert (len(adapters), len(keys) - len(adapters)) == (128, 1428)


@pytest.mark.parametrize("whole_unet", [True, False])
def test_a_published_folder_comes_in_and_loads_with_the_same_numbers(
    tmp_path: Path, networks: DiceNetworks, whole_unet: bool
) -> None:
    source = lay_out(tmp_path / "published", networks, whole_unet=whole_unet)
    report = import_released(source, tmp_path / "dice", sizes=SIZES)
    assert report.first
    assert {file.commercial for file in report.files} == {"no", "unclear", "yes"}
    assert (
        sorted(path.suffix for path in (tmp_path / "dice").iterdir())
        == [".json"] + [".safetensors"] * 9
    )
    loaded = load_networks(tmp_path / "dice")
    assert torch.equal(loaded.priors, networks.priors)
    for name, module in networks.modules().items():
        mine = loaded.modules()[name].state_dict()
        assert all(torch.equal(value, mine[key]) for key, value in module.state_dict().items()), (
            name
        )


def test_a_second_import_of_the_same_files_is_accepted_and_one_of_changed_files_is_not(
    source: Path, tmp_path: Path
) -> None:
    import_released(source, tmp_path / "dice", sizes=SIZES)
    assert not import_released(source, tmp_path / "dice", sizes=SIZES).first
    digest = released.digest_weights(tmp_path / "dice")
    pose = torch.load(source / "DICE-Talk/pose_guider.pth", weights_only=True)
    torch.save(
        {key: value + 1 for key, value in pose.items()}, source / "DICE-Talk/pose_guider.pth"
    )
    with pytest.raises(
        InputError, match=r"DICE-Talk/pose_guider\.pth: this file differs from the first import"
    ):
        import_released(source, tmp_path / "dice", sizes=SIZES)
    assert released.digest_weights(tmp_path / "dice") == digest


def test_every_missing_file_is_named_with_its_origin_size_and_licence(
    source: Path, tmp_path: Path
) -> None:
    (source / "RIFE/flownet.pkl").unlink()
    (source / "DICE-Talk/unet.pth").unlink()
    (source / "emo/sad.npy").unlink()
    with pytest.raises(InputError) as caught:
        import_released(source, tmp_path / "dice", sizes=SIZES)
    told = str(caught.value).splitlines()
    assert len(told) == 3
    assert all("GB" in line and "licence" in line and "from" in line for line in told)
    assert "sad.npy" in told[2]


def test_a_unet_without_an_adapter_or_with_unknown_and_misshapen_keys_is_refused_with_each_of_them(
    source: Path, tmp_path: Path
) -> None:
    trained = torch.load(source / "DICE-Talk/unet.pth", weights_only=True)
    first, second = list(trained)[:2]
    trained.pop(first)
    trained[second] = trained[second][:1]
    trained["mid_block.novelty"] = torch.zeros(1)
    torch.save(trained, source / "DICE-Talk/unet.pth")
    with pytest.raises(InputError) as caught:
        import_released(source, tmp_path / "dice", sizes=SIZES)
    told = [problem.message for problem in caught.value.problems]
    assert told == [
        f"missing adapter key {first!r}",
        "unknown key 'mid_block.novelty'",
        f"misshapen key {second!r}",
    ]
    assert not (tmp_path / "dice").exists()


def test_an_emotion_model_with_a_missing_key_is_refused_although_the_reference_ignores_it(
    source: Path, tmp_path: Path
) -> None:
    state = torch.load(source / "DICE-Talk/emo_model.pth", weights_only=True)
    state.pop("attention.fc_v.bias")
    torch.save(state, source / "DICE-Talk/emo_model.pth")
    with pytest.raises(InputError, match=r"missing key 'attention\.fc_v\.bias'"):
        import_released(source, tmp_path / "dice", sizes=SIZES)


def test_the_imported_build_is_described_by_the_digests_of_its_files(
    source: Path, tmp_path: Path
) -> None:
    import_released(source, tmp_path / "dice", sizes=SIZES)
    description = describe({"face_box": [0.2, 0.2, 0.8, 0.8]}, weights=tmp_path / "dice")
    assert description.label == LABEL
    assert any("CC BY-NC-SA" in licence for licence in description.licences)
    assert len(description.weights_digest) == 32
