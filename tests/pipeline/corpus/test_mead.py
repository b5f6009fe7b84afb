# SPDX-License-Identifier: Apache-2.0
"""MEAD as it is downloaded."""

from __future__ import annotations

from pathlib import Path

from pipeline.corpus import mead
from tests.pipeline.corpus.test_layout import touch


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
