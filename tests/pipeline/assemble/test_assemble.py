# SPDX-License-Identifier: Apache-2.0
"""Test that the edit list covers the timeline and framing keeps eyes and chin in the picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from manifests.errors import InputError
from pipeline.assemble import assemble, edit_list
from pipeline.cut import framing
from tests.pipeline.tiny_film import TinyFilm

GREY = np.full((72, 96, 3), 99, np.uint8)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> TinyFilm:
    tiny = TinyFilm(tmp_path_factory.mktemp("media"))
    for frames in (3, 1, 4):
        tiny.add([GREY] * frames)
    return tiny


def test_every_frame_of_the_timeline_belongs_to_one_event(film: TinyFilm) -> None:
    cuts = assemble.build_cuts(film.shots[::-1], film.takes, [], version="v007", size=(64, 36))
    assert [(cut.start_frame, cut.end_frame, cut.version) for cut in cuts] == [
        (0, 3, "v007"),
        (3, 4, "v007"),
        (4, 8, "v007"),
    ]
    assert edit_list.count_frames(cuts) == 8


def test_all_shots_without_a_whole_take_are_named_at_once(film: TinyFilm) -> None:
    short = dataclasses.replace(film.takes[2], frames=3)
    with pytest.raises(InputError) as raised:
        assemble.build_cuts(film.shots, [film.takes[0], short], [], version="v001", size=(64, 36))
    assert [problem.file for problem in raised.value.problems] == ["sc01_sh020", "sc01_sh030"]


def test_a_gap_between_shots_is_our_own_fault(film: TinyFilm) -> None:
    with pytest.raises(ValueError, match="starts at frame 4"):
        assemble.build_cuts(
            [film.shots[0], film.shots[2]], film.takes, [], version="v001", size=(64, 36)
        )


def test_the_whole_plate_is_shown_uncropped_between_bars(film: TinyFilm) -> None:
    (cut, *_) = assemble.build_cuts(
        [dataclasses.replace(shot, layout="full-plate") for shot in film.shots],
        film.takes,
        [],
        version="v",
        size=(320, 180),
    )
    assert (cut.crop, cut.place) == ("0,0,96,72", "40,0,240,180")


def test_an_edit_list_is_framed_anew_for_an_upright_picture_and_keeps_its_frames(
    film: TinyFilm,
) -> None:
    wide = assemble.build_cuts(film.shots, film.takes, [], version="v", size=(320, 180))
    tall = assemble.reframe_cuts(
        wide, film.shots, film.takes, size=framing.upright_size((320, 180))
    )
    assert [(cut.start_frame, cut.end_frame) for cut in tall] == [
        (cut.start_frame, cut.end_frame) for cut in wide
    ]
    _, _, width, height = map(int, tall[0].crop.split(","))
    assert abs(width / height - 9 / 16) < 0.02
    assert assemble.reframe_cuts(tall, film.shots, film.takes, size=(320, 180)) == wide


def test_an_event_uses_its_take_behind_the_frames_that_were_drawn_before_the_cut(
    film: TinyFilm,
) -> None:
    shots = [
        dataclasses.replace(film.shots[2], start_frame=0, end_frame=2, head_frames=1, tail_frames=1)
    ]
    (cut,) = assemble.build_cuts(shots, film.takes, [], version="v", size=(64, 36))
    assert (cut.take_frame, cut.take_frames, cut.frames) == (1, 4, 2)
