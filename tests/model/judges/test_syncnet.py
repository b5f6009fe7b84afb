# SPDX-License-Identifier: Apache-2.0
"""SyncNet: its published weights, its cepstra and its distances."""

from __future__ import annotations

import collections
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from manifests.errors import InputError
from model.judges import syncnet


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
