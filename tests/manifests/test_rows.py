# SPDX-License-Identifier: Apache-2.0
"""Rows hold texts; their properties read them."""

from __future__ import annotations

import doctest
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from manifests import box
from manifests.box import Box
from manifests.rows import Cue, Cut
from manifests.run_rows import new_event
from tests.flows.some_shots import shot, take_of

CUT = Cut(
    version="v001",
    order=0,
    shot_id="a",
    grade_id="",
    start_frame=10,
    end_frame=35,
    take_path="a.mkv",
    cube_path="",
)
pixels = st.integers(0, 10_000)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(box).failed == 0


@given(edges=st.tuples(pixels, pixels, pixels, pixels))
def test_a_box_comes_back_as_it_was_written(edges: tuple[int, int, int, int]) -> None:
    wanted = Box(*edges)
    cut = replace(CUT, crop=str(wanted), place=str(wanted))
    assert (cut.crop_box, cut.place_box) == (wanted, wanted)


def test_an_event_without_boxes_has_none() -> None:
    assert (CUT.crop_box, CUT.place_box, CUT.frames) == (None, None, 25)


def test_a_shot_reads_its_curve_its_voiced_frames_and_its_talker() -> None:
    row = replace(
        shot("l1"),
        performance="[[0,1,0,0,0,0,0,0,0],[24,0,1,0,0,0,0,0,0]]",
        voiced="[[0, 12], [20, 25]]",
        talker_settings='{"size": 256}',
    )
    assert row.curve == [[0, 1, 0, 0, 0, 0, 0, 0, 0], [24, 0, 1, 0, 0, 0, 0, 0, 0]]
    assert row.voiced_spans == [(0, 12), (20, 25)]
    assert row.talker_options == {"size": 256}


def test_a_take_reads_its_face_its_measures_and_its_warnings() -> None:
    row = replace(
        take_of(shot("l1")),
        face_left=0.1,
        face_top=0.2,
        face_right=0.3,
        face_bottom=0.4,
        measures='{"jumps": 0.5}',
        warnings='["a face is small"]',
    )
    assert row.face_box == (0.1, 0.2, 0.3, 0.4)
    assert row.measure_values == {"jumps": 0.5}
    assert row.warning_list == ["a face is small"]


def test_a_cue_reads_its_words_and_an_event_its_detail() -> None:
    cue = Cue(
        line_id="l1",
        recording_id="r",
        character="MARA",
        start=0,
        end=9,
        text="Well.",
        performance="",
        status="matched",
        confidence=1.0,
        words='[["Well.", 0, 9]]',
    )
    assert cue.timed_words == [("Well.", 0, 9)]
    assert new_event("done", "x", actor="a").detail_values == {}
    assert new_event("done", "x", actor="a", detail='{"to": 1}').detail_values == {"to": 1}
