# SPDX-License-Identifier: Apache-2.0
"""The timeline opens in OpenTimelineIO, its media exist, and its times are the cut's."""

from __future__ import annotations

import shutil
import urllib.parse
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest

from pipeline import assemble, timeline
from tiny_film import TinyFilm, tone

GREY = np.full((36, 64, 3), 99, np.uint8)


def programme(root: Path, *, rate: Fraction = Fraction(25), title: str = "The Lamp") -> timeline.Programme:
    film = TinyFilm(root, rate=rate)
    for frames in (3, 5, 4):
        film.add([GREY] * frames)
    recordings = [film.record(tone(4000)), film.record(tone(3000), offset=6000)]
    return timeline.Programme(
        title=title, rate=rate, cuts=assemble.cuts(film.shots, film.takes, [], version="v001", size=(64, 36)),
        shots={shot.shot_id: shot for shot in film.shots}, recordings=recordings, root=root,
        take_frames={take.shot_id: take.frames for take in film.takes},
    )  # fmt: skip


def test_every_clip_names_media_that_exist_wherever_the_production_is_moved(tmp_path: Path) -> None:
    build = tmp_path / "it's a film" / "build"
    made = programme(build / "media")
    staged = build / "deliverables" / ".v001.partial"
    staged.mkdir(parents=True)
    path = timeline.write(made, folder=staged, at=build / "deliverables" / "v001")
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
    made = programme(tmp_path / "media", rate=rate)
    events = timeline.read(timeline.write(made, folder=tmp_path))
    assert events == [(cut.shot_id, cut.start_frame, cut.end_frame) for cut in made.cuts]


def test_sound_lies_at_its_sample(tmp_path: Path) -> None:
    opened = otio.adapters.read_from_file(str(timeline.write(programme(tmp_path / "media"), folder=tmp_path)))
    placed = [next(iter(track.find_clips())).range_in_parent() for track in opened.audio_tracks()]
    assert [(span.start_time.value, span.duration.value) for span in placed] == [(0, 4000), (6000, 3000)]


def test_the_edl_lists_every_event_with_source_and_record_times(tmp_path: Path) -> None:
    lines = timeline.write_edl(programme(tmp_path / "media", title="a\nb"), folder=tmp_path).read_text().splitlines()
    assert lines[:2] == ["TITLE: a b", "FCM: NON-DROP FRAME"]
    assert lines[4] == "002  C01SH020 V     C        00:00:00:00 00:00:00:05 00:00:00:03 00:00:00:08"
    assert lines[5] == "* FROM CLIP NAME: sc01_sh020"
