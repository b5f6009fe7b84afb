# SPDX-License-Identifier: Apache-2.0
"""Test that the timeline opens in OpenTimelineIO, its media exist, and its times are the cut's."""

from __future__ import annotations

import dataclasses
import shutil
import urllib.parse
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio

from pipeline.assemble import assemble, timeline
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


def test_sound_lies_at_its_sample(tmp_path: Path) -> None:
    opened = otio.adapters.read_from_file(
        str(timeline.write_otio(programme(tmp_path / "media"), folder=tmp_path))
    )
    placed = [next(iter(track.find_clips())).range_in_parent() for track in opened.audio_tracks()]
    assert [(span.start_time.value, span.duration.value) for span in placed] == [
        (0, 4000),
        (6000, 3000),
    ]


def span(start: int, frames: int) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, 25), otio.opentime.RationalTime(frames, 25)
    )


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
