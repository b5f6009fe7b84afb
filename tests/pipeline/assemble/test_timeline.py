# SPDX-License-Identifier: Apache-2.0
"""Test that the timeline opens in OpenTimelineIO, its media exist, and its times are the cut's."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
import urllib.parse
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest

from manifests.errors import InputError
from pipeline.assemble import assemble, conform, edit_list, edl, timeline, timeline_reader
from tests.pipeline.tiny_film import TinyFilm, tone

GREY = np.full((36, 64, 3), 99, np.uint8)


def programme(
    root: Path, *, rate: Fraction = Fraction(25), title: str = "The Lamp"
) -> timeline.Programme:
    film = TinyFilm(root, rate=rate)
    for frames in (3, 5, 4):
        film.add([GREY] * frames)
    recordings = [film.record(tone(4000)), film.record(tone(3000), offset=6000)]
    return timeline.Programme(
        title=title,
        rate=rate,
        cuts=assemble.build_cuts(film.shots, film.takes, [], version="v001", size=(64, 36)),
        shots={shot.shot_id: shot for shot in film.shots},
        recordings=recordings,
        root=root,
        take_frames={take.shot_id: take.frames for take in film.takes},
    )


def test_every_clip_names_media_that_exist_wherever_the_production_is_moved(tmp_path: Path) -> None:
    build = tmp_path / "it's a film" / "build"
    film = programme(build / "media")
    staged = build / "deliverables" / ".v001.partial"
    staged.mkdir(parents=True)
    path = timeline.write_otio(film, folder=staged, at=build / "deliverables" / "v001")
    staged.rename(build / "deliverables" / "v001")
    moved = shutil.move(tmp_path / "it's a film", tmp_path / "elsewhere")
    path = Path(moved) / "build" / "deliverables" / "v001" / path.name
    opened = otio.adapters.read_from_file(str(path))
    clips = list(opened.find_clips())
    assert len(clips) == 5
    for clip in clips:
        assert (path.parent / urllib.parse.unquote(clip.media_reference.target_url)).is_file()
        assert list(clip.metadata) == ["callsheet"]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001)])
def test_the_cut_comes_back_from_the_file_frame_for_frame(tmp_path: Path, rate: Fraction) -> None:
    film = programme(tmp_path / "media", rate=rate)
    events = timeline_reader.read_timeline(timeline.write_otio(film, folder=tmp_path))
    assert [(e.shot_id, e.start, e.end) for e in events] == [
        (c.shot_id, c.start_frame, c.end_frame) for c in film.cuts
    ]


def test_sound_lies_at_its_sample(tmp_path: Path) -> None:
    opened = otio.adapters.read_from_file(
        str(timeline.write_otio(programme(tmp_path / "media"), folder=tmp_path))
    )
    placed = [next(iter(track.find_clips())).range_in_parent() for track in opened.audio_tracks()]
    assert [(span.start_time.value, span.duration.value) for span in placed] == [
        (0, 4000),
        (6000, 3000),
    ]


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


def save_edited(path: Path, change: Callable[[otio.schema.Track], None]) -> Path:
    """Save a timeline as an editor does after a change to its picture track."""
    opened = otio.adapters.read_from_file(str(path))
    change(opened.video_tracks()[0])
    otio.adapters.write_to_file(opened, str(path))
    return path


def span(start: int, frames: int) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, 25), otio.opentime.RationalTime(frames, 25)
    )


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


@pytest.mark.parametrize("content", ["", "no json", "{}", '{"OTIO_SCHEMA": "Clip.1"}'])
def test_a_file_that_is_no_timeline_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "broken.otio").write_text(content)
    with pytest.raises(InputError, match="not an OpenTimelineIO timeline"):
        timeline_reader.read_timeline(tmp_path / "broken.otio")


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


def test_final_cuts_xml_comes_back_frame_for_frame_with_its_sound_and_its_dissolve(
    tmp_path: Path,
) -> None:
    filmed = programme(tmp_path / "media", title='It\'s <b>"T"</b> & 2\x07')
    for rate in (Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(50)):
        plain = dataclasses.replace(filmed, rate=rate)
        stereo = dataclasses.replace(plain.recordings[1], source_channels=2)
        cuts = [
            plain.cuts[0],
            dataclasses.replace(plain.cuts[1], take_frame=1, dissolve_frames=2),
            plain.cuts[2],
        ]
        shots = {
            key: dataclasses.replace(shot, text="Light\x00 it\n& go.")
            for key, shot in plain.shots.items()
        }
        film = dataclasses.replace(
            plain, cuts=cuts, shots=shots, recordings=[plain.recordings[0], stereo], size=(64, 36)
        )
        path = timeline.write_fcp_xml(film, folder=tmp_path)
        assert path is not None
        back = otio.adapters.read_from_file(str(path))
        assert back.name == 'It\'s <b>"T"</b> & 2'
        (pictures,) = back.video_tracks()
        shown = [
            (clip.name, clip.range_in_parent(), clip.source_range) for clip in pictures.find_clips()
        ]
        assert [name for name, _, _ in shown] == [cut.number for cut in cuts]
        assert [round(where.start_time.value) for _, where, _ in shown] == [
            cut.start_frame for cut in cuts
        ]
        assert [round(where.duration.value) for _, where, _ in shown] == [
            cut.frames for cut in cuts
        ]
        assert [round(source.start_time.value) for _, _, source in shown] == [
            cut.take_frame for cut in cuts
        ]
        assert all(abs(where.start_time.rate - float(rate)) < 0.01 for _, where, _ in shown)
        assert sum(isinstance(item, otio.schema.Transition) for item in pictures) == 1
        starts = [
            clip.range_in_parent().start_time.value
            for track in back.audio_tracks()
            for clip in track.find_clips()
        ]
        assert starts == [0, round(6000 * rate / 48000), round(6000 * rate / 48000)], (
            "a track for each channel"
        )
        for clip in back.find_clips():
            assert (path.parent / urllib.parse.unquote(clip.media_reference.target_url)).is_file()


def test_final_cuts_xml_is_not_written_at_a_rate_that_it_cannot_name(tmp_path: Path) -> None:
    assert (
        timeline.write_fcp_xml(programme(tmp_path / "media", rate=Fraction(25, 2)), folder=tmp_path)
        is None
    )
    assert not list(tmp_path.glob("*.xml"))
