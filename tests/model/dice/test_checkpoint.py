# SPDX-License-Identifier: Apache-2.0
"""Released checkpoints come in strictly, once, without running anything from them, and must be the
same the next time."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from manifests.errors import InputError
from model.conversion import read_pickle, read_prior
from model.dice import LABEL, checkpoint, describe, released
from model.dice.checkpoint import import_released, load_networks, rename_keys
from model.dice.config import DiceSizes, tiny_sizes
from model.dice.engine import DiceNetworks
from model.state_keys import find_key_problems
from tests.model.dice.dice_published import lay_out, own_sizes, write_prior

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


def test_without_weights_one_message_names_all_of_them(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        describe({}, weights=tmp_path)
    told = str(caught.value)
    assert "callsheet weights import dice --from DIR" in told
    assert all(source.path in told and source.licence in told for source in released.SOURCES)


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


class Payload:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("ran"),)


def test_a_checkpoint_or_a_prior_that_would_run_code_is_refused_without_running_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Payload()}, "evil.pth")
    with pytest.raises(InputError, match="not a plain file of tensors"):
        read_pickle(Path("evil.pth"))
    np.save("happy.npy", np.array({"mu": Payload()}, dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="is not needed by an emotion prior"):
        read_prior(Path("happy.npy"))
    assert not Path("ran").exists()


def test_a_prior_is_read_whatever_its_shape_and_anything_else_is_refused(tmp_path: Path) -> None:
    mean = np.linspace(-1, 1, 256, dtype=np.float32)
    write_prior(tmp_path / "sad.npy", mean[None])
    assert torch.equal(read_prior(tmp_path / "sad.npy"), torch.from_numpy(mean))
    np.save(tmp_path / "plain.npy", mean)
    (tmp_path / "text.npy").write_text("no array")
    for name in ("plain.npy", "text.npy", "absent.npy"):
        with pytest.raises(InputError, match="not an emotion prior"):
            read_prior(tmp_path / name)


def test_the_imported_build_is_described_by_the_digests_of_its_files(
    source: Path, tmp_path: Path
) -> None:
    import_released(source, tmp_path / "dice", sizes=SIZES)
    description = describe({"face_box": [0.2, 0.2, 0.8, 0.8]}, weights=tmp_path / "dice")
    assert description.label == LABEL
    assert any("CC BY-NC-SA" in licence for licence in description.licences)
    assert len(description.weights_digest) == 32
