# SPDX-License-Identifier: Apache-2.0
"""Published corpora are found in the folders they are published in, and whatever else lies there is
named."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.affect.prepared_corpus import SPLITS
from pipeline.corpus import crema_d, hdtf, mead
from pipeline.corpus.layout import assign_split
from pipeline.frame_writer import FrameWriter


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_mead_is_read_by_person_emotion_and_level(tmp_path: Path) -> None:
    touch(
        tmp_path / "M003/video/front/angry/level_3/001.mp4",
        tmp_path / "M003/audio/angry/level_3/001.m4a",
        tmp_path / "W009/video/front/neutral/level_1/030.mp4",
        tmp_path / "W009/audio/neutral/level_1/030.m4a",
        tmp_path / "M003/video/left_30/angry/level_3/001.mp4",
    )
    found = mead.read_layout(tmp_path)
    assert [(one.identity, one.emotion, one.level) for one in found.performances] == [
        ("mead-M003", "angry", 3),
        ("mead-W009", "neutral", 1),
    ]
    assert found.performances[0].audio == tmp_path / "M003/audio/angry/level_3/001.m4a"
    assert not found.unknown


def test_mead_names_what_it_does_not_know(tmp_path: Path) -> None:
    touch(
        tmp_path / "M003/video/front/bored/level_1/001.mp4",
        tmp_path / "M003/video/front/happy/level_2/002.mp4",
    )
    assert [reason for _, reason in mead.read_layout(tmp_path).unknown] == [
        f"not {mead.SHAPE}",
        "no sound M003/audio/happy/level_2/002.m4a",
    ]


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


def test_hdtf_videos_are_read_in_stretches_of_ten_seconds(tmp_path: Path) -> None:
    with FrameWriter(tmp_path / "long.mkv", size=(16, 16), rate=Fraction(1)) as writer:
        for _ in range(24):
            writer.write(np.zeros((16, 16, 3), np.uint8))
    (tmp_path / "WDA").mkdir()
    (tmp_path / "long.mkv").rename(tmp_path / "WDA/WDA_AdamSchiff_000.mp4")
    touch(tmp_path / "holiday.mp4")
    found = hdtf.read_layout(tmp_path)
    assert [(one.identity, one.emotion, one.start) for one in found.performances] == [
        ("hdtf-WDA-AdamSchiff", "neutral", Fraction(0)),
        ("hdtf-WDA-AdamSchiff", "neutral", Fraction(10)),
    ]
    assert [path.name for path, _ in found.unknown] == ["holiday.mp4"]


@given(st.text(min_size=1))
def test_an_identity_is_always_of_the_same_split(identity: str) -> None:
    assert assign_split(identity) == assign_split(identity) in SPLITS


def test_splits_have_about_their_shares() -> None:
    found = [assign_split(f"person-{number}") for number in range(2000)]
    assert found.count("train") / 2000 == pytest.approx(0.55, abs=0.04)
    assert found.count("test") / 2000 == pytest.approx(0.20, abs=0.04)
