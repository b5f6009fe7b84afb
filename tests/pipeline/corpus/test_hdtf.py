# SPDX-License-Identifier: Apache-2.0
"""HDTF as it is downloaded."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.corpus import hdtf
from pipeline.frame_writer import FrameWriter
from tests.pipeline.corpus.test_layout import touch


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
