# SPDX-License-Identifier: Apache-2.0
"""Test that the edit list covers the timeline and framing keeps eyes and chin in the picture."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import InputError
from pipeline import media
from pipeline.assemble import assemble, edit_list
from pipeline.cut import framing
from pipeline.deliver import burn_in
from pipeline.deliver.captions import Caption
from pipeline.deliver.delivery_job import DeliveryJob
from pipeline.frame_writer import FrameWriter
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


sizes = st.integers(64, 4096)
spans = st.tuples(st.floats(0.02, 0.98), st.floats(0.02, 0.98)).map(sorted)


@given(
    st.tuples(sizes, sizes), spans, spans, st.sampled_from([(1280, 720), (720, 1280), (1080, 1080)])
)
def test_framing_stays_inside_the_take_and_keeps_its_shape(
    source: tuple[int, int], across: list[float], down: list[float], size: tuple[int, int]
) -> None:
    crop = framing.frame_face(source, (across[0], down[0], across[1], down[1]), size)
    assert 0 <= crop.left <= crop.left + crop.width <= source[0]
    assert 0 <= crop.top <= crop.top + crop.height <= source[1]
    assert crop.width == source[0] or crop.height == source[1]
    assert abs(crop.width * size[1] - crop.height * size[0]) <= max(size)


def test_eyes_lie_near_the_upper_third_and_the_chin_is_inside() -> None:
    crop = framing.frame_face((1024, 1024), (0.3, 0.2, 0.7, 0.68), (1280, 720))
    eyes = (0.2 + 0.4 * 0.48) * 1024
    assert 0.3 < (eyes - crop.top) / crop.height < 0.4
    low = framing.frame_face((1024, 1024), (0.3, 0.2, 0.7, 0.95), (1280, 720))
    assert low.top + low.height >= 0.95 * 1024


@given(
    st.sampled_from(["single", "two-hander", "picture-in-picture"]),
    st.integers(8, 1000),
    st.integers(8, 1000),
)
def test_layouts_stay_inside_the_picture_on_even_pixels(
    name: framing.Layout, width: int, height: int
) -> None:
    size = (width * 4, height * 4)
    for left, top, wide, high in framing.arrange_layout(name, size):
        assert 0 <= left <= left + wide <= size[0]
        assert 0 <= top <= top + high <= size[1]
        assert not any(edge % 2 for edge in (left, top, wide, high))
        assert wide > 0 < high


def test_the_whole_plate_is_shown_uncropped_between_bars(film: TinyFilm) -> None:
    (cut, *_) = assemble.build_cuts(
        [dataclasses.replace(shot, layout="full-plate") for shot in film.shots],
        film.takes,
        [],
        version="v",
        size=(320, 180),
    )
    assert (cut.crop, cut.place) == ("0,0,96,72", "40,0,240,180")


@given(st.tuples(sizes, sizes), st.sampled_from([(1280, 720), (720, 1280), (1080, 1080)]))
def test_a_letterboxed_plate_lies_inside_the_picture_and_fills_one_of_its_sides(
    source: tuple[int, int], size: tuple[int, int]
) -> None:
    left, top, width, height = framing.letterbox(source, size)
    assert 0 <= left <= left + width <= size[0]
    assert 0 <= top <= top + height <= size[1]
    assert size[0] - width <= 1 or size[1] - height <= 1


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (1920, 1080)])
def test_places_of_a_layout_are_even_and_lie_inside_the_picture(size: tuple[int, int]) -> None:
    for name in ("single", "full-plate", "two-hander", "picture-in-picture"):
        for left, top, width, height in framing.arrange_layout(name, size):  # type: ignore[arg-type]
            assert not any(edge % 2 for edge in (left, top, width, height))
            assert left + width <= size[0]
            assert top + height <= size[1]
    halves = framing.arrange_layout("two-hander", size)
    assert sum(width * height for _, _, width, height in halves) == size[0] * size[1]


@pytest.mark.parametrize("size", [(640, 360), (360, 640)])
def test_two_full_lines_of_burned_captions_stay_clear_of_the_corner_picture(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    picture = assemble.Picture(width=size[0], height=size[1], rate=Fraction(25))
    job = DeliveryJob(picture=picture, sound_id="", sound_path=tmp_path, root=tmp_path)
    lines = (
        "Wagging, the dogs of Skye jumped by my gate",
        "while I, too, grew jolly and grey, my lamb.",
    )
    burned = burn_in.burn_captions([Caption(start=0, end=2, spoken_end=2, lines=lines)], job)
    assert burned.captions is not None
    with FrameWriter(tmp_path / "black.mkv", size=size, rate=Fraction(25)) as writer:
        writer.write(np.zeros((size[1], size[0], 3), np.uint8))
    drawn = f"ass=filename={burned.captions[0]}:fontsdir={burned.captions[0].parent}"
    (shown,) = media.read_frames(
        tmp_path / "black.mkv", width=size[0], height=size[1], filters=drawn
    )
    left, top, width, height = framing.arrange_layout("picture-in-picture", size)[1]
    assert shown[top : top + height, left : left + width].max() < 10
    assert shown[:, left : left + width].max() > 200, "the lines are long enough to reach below it"


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
