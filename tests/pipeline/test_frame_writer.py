# SPDX-License-Identifier: Apache-2.0
"""A file of frames appears when it is whole, always with the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.frame_writer import FrameWriter
from tests.pipeline.test_media import RATE, noise, write


def test_the_same_frames_make_the_same_bytes(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one.mkv", noise(5)), write(tmp_path / "two.mkv", noise(5))
    assert one.read_bytes() == two.read_bytes()


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError),
        FrameWriter(tmp_path / "t.mkv", size=(96, 64), rate=RATE) as writer,
    ):
        writer.write(noise(1)[0])
        raise RuntimeError("the talker failed")
    assert list(tmp_path.iterdir()) == []


def test_a_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="frame of shape"),
        FrameWriter(tmp_path / "t.mkv", size=(64, 64), rate=RATE) as writer,
    ):
        writer.write(noise(1)[0])
