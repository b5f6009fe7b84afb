# SPDX-License-Identifier: Apache-2.0
"""The field's judges: files that a user put into the cache, here made small or untrained, and what
is said when they are not there."""

from __future__ import annotations

import collections
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from manifests.errors import InputError
from model.judges import arcface, external, external_metrics, i3d, syncnet
from model.previs.landmarks import Face

torch.set_num_threads(1)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CALLSHEET_CACHE", str(tmp_path))
    folder = tmp_path / "judges"
    folder.mkdir()
    return folder


def test_files_that_are_not_there_are_all_named_with_where_they_are_had_and_their_licence(
    cache: Path,
) -> None:
    with pytest.raises(InputError) as caught:
        external_metrics.ExternalMetrics([judge.name for judge in external.EXTERNAL_JUDGES], {})
    told = str(caught.value)
    assert len(caught.value.problems) == len(external.EXTERNAL_JUDGES)
    for judge in external.EXTERNAL_JUDGES:
        assert str(cache / judge.file) in told
        assert judge.source in told
        assert judge.licence in told


def test_an_unknown_judge_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="did you mean 'arcface'"):
        external.find_judge("arc-face")


def test_another_file_than_the_one_that_was_used_first_is_refused(cache: Path) -> None:
    file = cache / "w600k_r50.onnx"
    file.write_bytes(b"half of")
    assert external.locate_weights("arcface") == file
    file.write_bytes(b"first")
    external.record_digest("arcface")  # only what was loaded
    assert (cache / "w600k_r50.onnx.sha256").read_text().strip() == hashlib.sha256(
        b"first"
    ).hexdigest()
    file.write_bytes(b"second")
    with pytest.raises(InputError, match="not the file that was used before"):
        external.locate_weights("arcface")


def test_the_published_pickle_of_syncnet_is_converted_once_and_judges_a_clip(cache: Path) -> None:
    torch.manual_seed(0)
    net = syncnet.SyncNetV2()
    torch.save(collections.OrderedDict(net.state_dict()), cache / "syncnet_v2.model")
    loaded = syncnet.load_syncnet()
    assert (cache / "syncnet_v2.safetensors").is_file()
    assert all(
        torch.equal(value, net.state_dict()[name]) for name, value in loaded.state_dict().items()
    )
    faces = np.random.default_rng(0).integers(0, 256, (7, 64, 64, 3)).astype(np.uint8)
    said = syncnet.measure_sync(
        loaded, faces, np.random.default_rng(1).normal(0, 3000, 7 * 640).astype(np.int16)
    )
    assert said.confidence >= 0
    assert said.distance > 0
    assert abs(said.offset) <= 2


def test_a_pickle_that_is_no_syncnet_is_refused_by_its_tensors(cache: Path) -> None:
    torch.save({"netcnnaud.0.weight": torch.zeros(3)}, cache / "syncnet_v2.model")
    with pytest.raises(InputError, match="not the tensors of SyncNet v2"):
        syncnet.load_syncnet()


def test_a_pickle_with_code_in_it_is_not_read(cache: Path) -> None:
    (cache / "syncnet_v2.model").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(InputError, match="not a plain file of tensors"):
        syncnet.load_syncnet()


@pytest.mark.parametrize("junk", [b"", b"junk\n", b"\x80\x04.", b"PK\x03\x04"])
def test_bytes_that_are_no_pickle_at_all_are_refused(cache: Path, junk: bytes) -> None:
    (cache / "syncnet_v2.model").write_bytes(junk)
    with pytest.raises(InputError, match="not a plain file of tensors"):
        syncnet.load_syncnet()


def test_a_conversion_of_another_file_is_made_again_whatever_its_age(cache: Path) -> None:
    published = cache / "syncnet_v2.model"
    torch.save({"netcnnaud.0.weight": torch.zeros(3)}, published)
    with pytest.raises(InputError, match="not the tensors"):
        syncnet.load_syncnet()
    net = syncnet.SyncNetV2()
    torch.save(net.state_dict(), published)
    os.utime(published, (1, 1))  # as some downloads leave it
    assert torch.equal(
        syncnet.load_syncnet().state_dict()["netfcaud.0.weight"],
        net.state_dict()["netfcaud.0.weight"],
    )


def test_a_late_picture_is_late_in_the_table_of_distances() -> None:
    sounds = np.eye(20)
    apart = np.linalg.norm(
        np.roll(sounds, 4, axis=0)[:, None] - sounds[None], axis=-1
    )  # picture t has the sound of t - 4
    assert syncnet._score_offsets(apart).offset == 4


def test_cepstra_of_a_known_sound_are_those_of_the_usual_package() -> None:
    """Numbers of python_speech_features 0.6 for the same sound."""
    sound = (8000 * np.sin(2 * np.pi * 440 * np.arange(1600) / 16_000)).astype(np.int16)
    made = syncnet.compute_cepstra(sound)
    assert made.shape == (9, 13)
    assert made[3, :4] == pytest.approx([19.06578, 26.04365, 9.42874, -7.56034], abs=1e-3)


def test_graphs_run_on_faces_as_the_mesh_finds_them(cache: Path) -> None:
    (cache / "w600k_r50.onnx").write_bytes(mean_of_channels())
    (cache / "enet_b0_8_best_vgaf.onnx").write_bytes(mean_of_channels())
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[..., 1] = 255
    face = Face(
        np.column_stack([np.random.default_rng(0).uniform(120, 136, (468, 2)), np.zeros(468)]), 1.0
    )
    numbers = arcface.embed_face(arcface.OnnxGraph("arcface"), picture, face)
    assert numbers == pytest.approx(np.array([-1, 1, -1]) / np.sqrt(3), abs=0.02)
    logits = arcface.score_emotions(arcface.OnnxGraph("hsemotion"), picture, face)
    assert logits == pytest.approx([-0.485 / 0.229, (1 - 0.456) / 0.224, -0.406 / 0.225], abs=1e-3)


def test_a_file_that_is_no_graph_is_refused(cache: Path) -> None:
    (cache / "w600k_r50.onnx").write_bytes(b"no graph at all")
    with pytest.raises(InputError, match="not an ONNX graph"):
        arcface.OnnxGraph("arcface")


def test_graphs_and_archives_of_something_else_are_refused_before_anything_is_judged(
    cache: Path,
) -> None:
    for file in ("w600k_r50.onnx", "enet_b0_8_best_vgaf.onnx"):
        (cache / file).write_bytes(mean_of_channels())
    (cache / "i3d_torchscript.pt").write_bytes(b"no archive")
    with pytest.raises(InputError) as caught:
        external_metrics.ExternalMetrics(["arcface", "hsemotion", "i3d"], {})
    told = [(problem.message, problem.expected, problem.got) for problem in caught.value.problems]
    assert told[:2] == [
        ("not the graph of this judge", "512 numbers for a picture of 112 px", "3"),
        ("not the graph of this judge", "8 numbers for a picture of 224 px", "3"),
    ]
    assert told[2][0] == "not an archive of I3D that can be run"
    assert not list(cache.glob("*.sha256"))


def test_alignment_brings_eyes_nose_and_mouth_where_arcface_wants_them() -> None:
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    points = arcface.ALIGNED @ turn.T * 2.5 + [30, 40]
    matrix = arcface._fit_similarity(points, arcface.ALIGNED)
    assert points @ matrix[:, :2].T + matrix[:, 2] == pytest.approx(arcface.ALIGNED)


class Averages(torch.nn.Module):
    """Stands where I3D stands: the mean of each frame's channels."""

    def forward(
        self, clip: torch.Tensor, rescale: bool, resize: bool, return_features: bool
    ) -> torch.Tensor:
        if rescale or resize or not return_features:
            return torch.zeros(1)
        return clip.mean(dim=(3, 4)).flatten(1)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_the_archive_of_i3d_runs_in_a_process_of_its_own(cache: Path) -> None:
    torch.jit.save(torch.jit.script(Averages()), str(cache / "i3d_torchscript.pt"))  # type: ignore[no-untyped-call]
    clips = np.zeros((2, 10, 64, 64, 3), np.uint8)
    clips[1] = 255
    made = i3d.extract_features(clips)
    assert made.shape == (2, 30)
    assert made[0] == pytest.approx(-1)
    assert made[1] == pytest.approx(1)


def test_clips_too_short_for_i3d_are_refused() -> None:
    with pytest.raises(ValueError, match="10 frames"):
        i3d.extract_features(np.zeros((1, 4, 64, 64, 3), np.uint8))


def mean_of_channels() -> bytes:
    """An ONNX file written by hand (protobuf): GlobalAveragePool of [n, 3, height, width], then
    Flatten."""

    def field(number: int, content: bytes | str | int) -> bytes:
        if isinstance(content, int):
            return bytes([number << 3, content])
        data = content.encode() if isinstance(content, str) else content
        return bytes([number << 3 | 2, len(data)]) + data

    def node(kind: str, given: str, made: str) -> bytes:
        return field(1, given) + field(2, made) + field(4, kind)

    def value(name: str, sides: tuple[str | int, ...]) -> bytes:
        shape = b"".join(
            field(1, field(2, side) if isinstance(side, str) else field(1, side)) for side in sides
        )
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))

    graph = field(1, node("GlobalAveragePool", "x", "mean")) + field(
        1, node("Flatten", "mean", "y")
    )
    graph += (
        field(2, "means")
        + field(11, value("x", ("n", 3, "h", "w")))
        + field(12, value("y", ("n", 3)))
    )
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))
