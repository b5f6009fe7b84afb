# SPDX-License-Identifier: Apache-2.0
"""Timelines of OpenTimelineIO are read back."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from manifests.errors import InputError
from pipeline.assemble import timeline, timeline_reader
from tests.pipeline.assemble.test_timeline import programme

GREY = np.full((36, 64, 3), 99, np.uint8)


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001)])
def test_the_cut_comes_back_from_the_file_frame_for_frame(tmp_path: Path, rate: Fraction) -> None:
    film = programme(tmp_path / "media", rate=rate)
    events = timeline_reader.read_timeline(timeline.write_otio(film, folder=tmp_path))
    assert [(e.shot_id, e.start, e.end) for e in events] == [
        (c.shot_id, c.start_frame, c.end_frame) for c in film.cuts
    ]


@pytest.mark.parametrize("content", ["", "no json", "{}", '{"OTIO_SCHEMA": "Clip.1"}'])
def test_a_file_that_is_no_timeline_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "broken.otio").write_text(content)
    with pytest.raises(InputError, match="not an OpenTimelineIO timeline"):
        timeline_reader.read_timeline(tmp_path / "broken.otio")
