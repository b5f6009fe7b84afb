# SPDX-License-Identifier: Apache-2.0
"""Test edit decision lists (CMX 3600): every event stands in them, and another reader agrees."""

from __future__ import annotations

import dataclasses
import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest

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


@pytest.mark.parametrize(
    "rate", [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60)]
)
def test_opentimelineios_reader_finds_the_same_cut(rate: Fraction, tmp_path: Path) -> None:
    """The first shot lasts more than a minute, so drop-frame times have left frames out."""
    film = programme(tmp_path / "media", rate=rate)
    first, second, third = film.cuts
    long = 4000
    cuts = [
        dataclasses.replace(first, end_frame=first.end_frame + long),
        dataclasses.replace(
            second,
            start_frame=second.start_frame + long,
            end_frame=second.end_frame + long,
            take_frame=1,
            dissolve_frames=2,
        ),
        dataclasses.replace(
            third, start_frame=third.start_frame + long, end_frame=third.end_frame + long
        ),
    ]
    text = edl.write_edl(dataclasses.replace(film, cuts=cuts), folder=tmp_path).read_text()
    read = otio.adapters.read_from_string(text, "cmx_3600", rate=float(rate))
    assert read.name == "The Lamp"
    (track,) = read.video_tracks()
    assert [
        (
            clip.name,
            round(clip.range_in_parent().start_time.value),
            round(clip.source_range.start_time.value),
            round(clip.source_range.duration.value),
        )
        for clip in track.find_clips()
    ] == [
        ("sc01_sh010", 0, 0, long + 2),  # the dissolve begins a frame before the edit point
        ("sc01_sh020", long + 2, 0, 6),
        ("sc01_sh030", long + 8, 0, 4),
    ]
    (dissolve,) = (item for item in track if isinstance(item, otio.schema.Transition))
    assert dissolve.transition_type == otio.schema.TransitionTypes.SMPTE_Dissolve
    assert round((dissolve.in_offset + dissolve.out_offset).value) == 2
