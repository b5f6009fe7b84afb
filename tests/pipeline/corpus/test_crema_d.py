# SPDX-License-Identifier: Apache-2.0
"""CREMA-D as it is downloaded."""

from __future__ import annotations

from pathlib import Path

from pipeline.corpus import crema_d
from tests.pipeline.corpus.test_layout import touch


def test_converted_files_are_read_once_and_other_containers_named(tmp_path: Path) -> None:
    videos, sounds = tmp_path / "VideoFlash", tmp_path / "AudioWAV"
    for name in ("1001_DFA_ANG_XX", "1002_IEO_SAD_HI", "1003_IEO_SAD_HI", "1004_IEO_SAD_HI"):
        touch(sounds / f"{name}.WAV")
    touch(
        videos / "1001_DFA_ANG_XX.flv",
        videos / "1001_DFA_ANG_XX.mp4",
        videos / "1001_DFA_ANG_XX.avi",
    )
    touch(
        videos / "1002_IEO_SAD_HI.MP4",
        videos / "._1002_IEO_SAD_HI.MP4",
        videos / "1003_IEO_SAD_HI.avi",
    )
    (videos / "1004_IEO_SAD_HI.mp4").mkdir()
    found = crema_d.read_layout(tmp_path)
    assert [one.video.name for one in found.performances] == [
        "1001_DFA_ANG_XX.flv",
        "1002_IEO_SAD_HI.MP4",
    ]
    assert found.performances[1].audio == sounds / "1002_IEO_SAD_HI.WAV"
    assert [(path.name, reason) for path, reason in found.unknown] == [
        ("1003_IEO_SAD_HI.avi", ".avi is not read; convert it to .mp4 or .mkv")
    ]


def test_crema_d_is_read_from_its_file_names(tmp_path: Path) -> None:
    for name in ("1001_DFA_ANG_XX", "1002_IEO_SAD_HI"):
        touch(tmp_path / f"VideoFlash/{name}.flv", tmp_path / f"AudioWAV/{name}.wav")
    touch(tmp_path / "VideoFlash/1003_DFA_BOR_XX.flv", tmp_path / "VideoFlash/1004_DFA_FEA_XX.flv")
    found = crema_d.read_layout(tmp_path)
    assert [(one.identity, one.emotion, one.level, one.text) for one in found.performances] == [
        ("crema-d-1001", "angry", 0, "Don't forget a jacket."),
        ("crema-d-1002", "sad", 3, "It's eleven o'clock."),
    ]
    assert {path.stem for path, _ in found.unknown} == {"1003_DFA_BOR_XX", "1004_DFA_FEA_XX"}
