# SPDX-License-Identifier: Apache-2.0
"""An edited timeline becomes the cut of the next version."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest

from manifests.errors import InputError
from pipeline.assemble import conform, edit_list, edl, timeline
from tests.pipeline.assemble.test_timeline import programme, span

GREY = np.full((36, 64, 3), 99, np.uint8)


def save_edited(path: Path, change: Callable[[otio.schema.Track], None]) -> Path:
    """Save a timeline as an editor does after a change to its picture track."""
    opened = otio.adapters.read_from_file(str(path))
    change(opened.video_tracks()[0])
    otio.adapters.write_to_file(opened, str(path))
    return path


def test_an_untouched_timeline_conforms_to_the_same_cut(tmp_path: Path) -> None:
    film = programme(tmp_path / "media")
    assert conform.conform_cuts(film.cuts, timeline.write_otio(film, folder=tmp_path)) == list(
        film.cuts
    )


def test_a_trimmed_and_reordered_timeline_conforms(tmp_path: Path) -> None:
    film = programme(tmp_path / "media")

    def change(track: otio.schema.Track) -> None:
        first = track[0].clone()
        del track[0]
        track.append(first)
        track[0].source_range = span(2, 3)

    cuts = conform.conform_cuts(
        film.cuts, save_edited(timeline.write_otio(film, folder=tmp_path), change)
    )
    assert [(c.number, c.start_frame, c.end_frame, c.take_frame) for c in cuts] == [
        ("sc01_sh020", 0, 3, 2),
        ("sc01_sh030", 3, 7, 0),
        ("sc01_sh010", 7, 10, 0),
    ]
    assert [segment.frames for segment in edit_list.split_segments(cuts)] == [3, 4, 3]


def test_what_cannot_be_conformed_is_named_all_at_once(tmp_path: Path) -> None:
    film = programme(tmp_path / "media")

    def change(track: otio.schema.Track) -> None:
        track[0].source_range = span(1, 3)
        track.append(otio.schema.Clip("logo", source_range=span(0, 5)))
        track.insert(1, otio.schema.Gap(source_range=span(0, 2)))

    with pytest.raises(InputError) as raised:
        conform.conform_cuts(
            film.cuts, save_edited(timeline.write_otio(film, folder=tmp_path), change)
        )
    text = str(raised.value)
    assert "reaches outside its take" in text
    assert "'logo' is not a shot" in text
    assert "expected frame 3" in text


def test_dissolves_come_back_from_the_timeline_and_stand_in_the_edl(tmp_path: Path) -> None:
    film = programme(tmp_path / "media")
    cuts = [film.cuts[0], dataclasses.replace(film.cuts[1], dissolve_frames=3), film.cuts[2]]
    dissolving = dataclasses.replace(film, cuts=cuts)
    assert conform.conform_cuts(film.cuts, timeline.write_otio(dissolving, folder=tmp_path)) == cuts
    lines = edl.build_edl_lines(dissolving)
    assert (
        lines[4] == "002  C01SH010 V     C        00:00:00:02 00:00:00:02 00:00:00:02 00:00:00:02"
    )
    assert (
        lines[5] == "002  C01SH020 V     D    003 00:00:00:00 00:00:00:06 00:00:00:02 00:00:00:08"
    )


def test_a_dissolve_on_either_side_of_its_edit_point_shows_the_same_frames(tmp_path: Path) -> None:
    film = programme(tmp_path / "media")
    cuts = [
        dataclasses.replace(
            cut, take_frame=4, take_frames=cut.frames + 8, dissolve_frames=4 * (number == 1)
        )
        for number, cut in enumerate(film.cuts)
    ]
    with_handles = dataclasses.replace(
        film, cuts=cuts, take_frames={cut.shot_id: cut.take_frames for cut in cuts}
    )
    path = timeline.write_otio(with_handles, folder=tmp_path)

    def begins_at_the_cut(track: otio.schema.Track) -> None:
        first, dissolve, second = track[0], track[1], track[2]
        dissolve.in_offset, dissolve.out_offset = (
            otio.opentime.RationalTime(value, 25) for value in (0, 4)
        )
        first.source_range = span(4, cuts[0].frames - 2)
        second.source_range = span(2, cuts[1].frames + 2)

    assert conform.conform_cuts(cuts, path) == cuts
    assert conform.conform_cuts(cuts, save_edited(path, begins_at_the_cut)) == cuts


def test_clips_that_lost_their_metadata_are_known_by_their_media(tmp_path: Path) -> None:
    film = programme(tmp_path / "media")

    def forget(track: otio.schema.Track) -> None:
        for clip in track:
            clip.metadata.clear()
            clip.name = ""

    assert conform.conform_cuts(
        film.cuts, save_edited(timeline.write_otio(film, folder=tmp_path), forget)
    ) == list(film.cuts)


def test_what_an_editor_can_do_and_we_cannot_is_named(tmp_path: Path) -> None:
    film = programme(tmp_path / "media")
    half = otio.opentime.RationalTime(1, 25)

    def change(track: otio.schema.Track) -> None:
        track[0].enabled = False
        nested = otio.schema.Stack("compound", children=[track[2].clone()])
        track[2] = nested
        track.append(
            otio.schema.Transition(
                transition_type="SMPTE_Dissolve", in_offset=half, out_offset=half
            )
        )
        track.insert(
            1,
            otio.schema.Transition(
                transition_type="Custom_Transition", in_offset=half, out_offset=half
            ),
        )

    with pytest.raises(InputError) as raised:
        conform.conform_cuts(
            film.cuts, save_edited(timeline.write_otio(film, folder=tmp_path), change)
        )
    text = str(raised.value)
    for words in (
        "sh010 is switched off",
        "compound is a nested sequence",
        "compound fades out",
        "not a dissolve",
    ):
        assert words in text


def test_a_clip_on_anothers_track_is_named(tmp_path: Path) -> None:
    film = programme(tmp_path / "media")
    path = timeline.write_otio(film, folder=tmp_path)
    edited = otio.adapters.read_from_file(str(path))
    track = edited.video_tracks()[0]
    lifted, length = track[2].clone(), track[2].duration()
    track[2] = otio.schema.Gap(duration=length)
    upper = otio.schema.Track("V2", kind=otio.schema.TrackKind.Video)
    upper.extend([otio.schema.Gap(source_range=span(0, film.cuts[2].start_frame)), lifted])
    edited.tracks.insert(1, upper)
    otio.adapters.write_to_file(edited, str(path))
    with pytest.raises(InputError, match=r"lies on picture track 2 \(expected track 1\)"):
        conform.conform_cuts(film.cuts, path)


def test_a_shared_picture_has_a_track_for_each_layer_and_comes_back(tmp_path: Path) -> None:
    film = programme(tmp_path / "media")
    over = dataclasses.replace(
        film.cuts[1], shot_id=film.cuts[2].shot_id, number="b", layer=1, place="32,0,32,36"
    )
    layered = dataclasses.replace(film, cuts=[*film.cuts[:2], over])
    path = timeline.write_otio(layered, folder=tmp_path)
    assert [track.name for track in otio.adapters.read_from_file(str(path)).video_tracks()] == [
        "picture",
        "picture 2",
    ]
    assert conform.conform_cuts(layered.cuts, path) == [
        dataclasses.replace(c, order=n) for n, c in enumerate(layered.cuts)
    ]
    assert not any("b" in line for line in edl.build_edl_lines(layered)[2:] if line.startswith("*"))


def test_other_speeds_and_rates_and_impossible_dissolves_are_refused(tmp_path: Path) -> None:
    film = programme(tmp_path / "media")

    def faster(track: otio.schema.Track) -> None:
        track[0].effects.append(otio.schema.LinearTimeWarp(time_scalar=2))
        start, length = (otio.opentime.RationalTime(value, 24) for value in (0, 5))
        track[1].source_range = otio.opentime.TimeRange(start, length)

    def dissolve(track: otio.schema.Track) -> None:
        half = otio.opentime.RationalTime(9, 25)
        track.insert(
            1,
            otio.schema.Transition(
                transition_type="SMPTE_Dissolve", in_offset=half, out_offset=half
            ),
        )

    for change, words in (
        (faster, "another speed.*\n*.*another frame rate"),
        (dissolve, "dissolve into"),
    ):
        with pytest.raises(InputError, match=words):
            conform.conform_cuts(
                film.cuts, save_edited(timeline.write_otio(film, folder=tmp_path), change)
            )


def test_clips_that_leave_their_words_are_found(tmp_path: Path) -> None:
    film = programme(tmp_path / "media")
    assert conform.find_moved_cuts(film.cuts, film.shots) == []
    slipped = dataclasses.replace(film.cuts[1], take_frame=2, end_frame=film.cuts[1].end_frame - 2)
    assert conform.find_moved_cuts([film.cuts[0], slipped], film.shots) == [(slipped, -2)]
