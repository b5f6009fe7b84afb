# SPDX-License-Identifier: Apache-2.0
"""Edit decision lists (CMX 3600)."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np

from pipeline.assemble import edl
from tests.pipeline.assemble.test_timeline import programme

GREY = np.full((36, 64, 3), 99, np.uint8)


def test_the_edl_lists_every_event_with_source_and_record_times(tmp_path: Path) -> None:
    lines = (
        edl.write_edl(programme(tmp_path / "media", title="a\nb"), folder=tmp_path)
        .read_text()
        .splitlines()
    )
    assert lines[:2] == ["TITLE: a b", "FCM: NON-DROP FRAME"]
    assert (
        lines[4] == "002  C01SH020 V     C        00:00:00:00 00:00:00:05 00:00:00:03 00:00:00:08"
    )
    assert lines[5] == "* FROM CLIP NAME: sc01_sh020"


def test_events_of_the_edl_follow_each_other_without_gap_or_overlap_also_where_they_dissolve(
    tmp_path: Path,
) -> None:
    film = programme(tmp_path / "media")
    cuts = [film.cuts[0], *(dataclasses.replace(cut, dissolve_frames=2) for cut in film.cuts[1:])]
    lines = [
        line.split()
        for line in edl.build_edl_lines(dataclasses.replace(film, cuts=cuts))
        if line[:3].isdigit()
    ]
    times = [[int(time[-2:]) for time in words[-4:]] for words in lines]
    assert [words[0] for words in lines] == ["001", "002", "002", "003", "003"]
    assert all(after[2] == before[3] for before, after in itertools.pairwise(times))
    assert all(source_out - source_in == out - start for source_in, source_out, start, out in times)
