# SPDX-License-Identifier: Apache-2.0
"""The pictures and sounds of a review, by id: looked up in the record, made when they are asked for
first, one at a time.
"""

from __future__ import annotations

import threading
from pathlib import Path

from flows.project import Project
from flows.review.payload import (
    count_timeline_frames,
    find_programme_start,
    find_web_file,
    has_pictures,
    has_sound,
)
from flows.review.snapshot import Snapshot
from flows.version import loudness_settings
from manifests.rows import Cut, Shot, Take
from manifests.timebase import sample_of_frame
from pipeline.assemble import assemble, master_mix
from pipeline.deliver import dailies
from pipeline.deliver.dailies import Pairs, TakeFraming, TakeSound, VideoStill
from pipeline.deliver.profiles import WEB

_ONE_AT_A_TIME = threading.RLock()  # an encoder uses all cores by itself


def make_take_copy(reading: Snapshot, take_id: str) -> Path | None:
    """A take as browsers play it; None when no shot has such a take, or when it was purged."""
    found = _variant(reading, take_id)
    take = reading.takes.get(take_id)
    if found is None or take is None or not has_pictures(reading, take):
        return None
    entry_shot, variant = found
    seen, sounding, root = (
        _framing(reading, entry_shot, variant),
        find_take_sound(reading, variant),
        reading.project.root,
    )
    if dailies.copy_path(
        take, seen, sounding, root=root
    ).is_file():  # whoever steps through it does not wait for other takes
        return dailies.make_copy(take, seen, sounding, root=root)
    with _ONE_AT_A_TIME:
        return dailies.make_copy(take, seen, sounding, root=root)


def make_thumbnail(reading: Snapshot, shot_id: str) -> Path | None:
    """A shot's middle frame, from the version when that shows it, else from its take; None when
    there is neither.
    """
    entry, project = reading.find_state(shot_id), reading.project
    if entry is None:
        return None
    shot, video = entry.shot, find_web_file(reading)
    cut = next((cut for cut in reading.cuts if cut.shot_id == shot.shot_id and not cut.layer), None)
    if cut is not None and video is not None:
        key = next(row.media_digest for row in reading.files if row.profile == WEB.name)
        frame = find_programme_start(reading) + (cut.start_frame + cut.end_frame) // 2
        return dailies.make_thumbnail(
            VideoStill(video=video, key=key, frame=frame, rate=shot.rate), root=project.root
        )
    take = reading.takes.get(shot.shot_id)
    if take is None or not has_pictures(reading, take):
        return None
    still = VideoStill(
        video=project.root / take.path,
        key=take.media_digest,
        frame=take.frames // 2,
        rate=shot.rate,
        crop=_framing(reading, shot, shot).crop,
    )
    return dailies.make_thumbnail(still, root=project.root)


def find_take_sound(reading: Snapshot, shot: Shot) -> TakeSound | None:
    """The master sound under a shot; None when nothing was recorded."""
    path = make_master(reading)
    return TakeSound(sound_id=path.stem, path=path, first_frame=shot.first_drawn) if path else None


def make_master(reading: Snapshot) -> Path | None:
    """The sound of the whole timeline as it is delivered, made when no version needed it yet; None
    when nothing was recorded, or when what was recorded was purged.
    """
    if not reading.shots or not has_sound(reading):
        return None
    samples = sample_of_frame(count_timeline_frames(reading), reading.project.production.rate)
    settings, root = loudness_settings(reading.project), reading.project.root
    path = master_mix.master_path(
        master_mix.sound_id(reading.recordings, samples=samples, settings=settings), root=root
    )
    if not path.is_file():
        with _ONE_AT_A_TIME:
            master_mix.render_master(
                reading.recordings, samples=samples, settings=settings, root=root
            )
    return path


def read_peaks(reading: Snapshot) -> Pairs:
    """The waveform of the timeline, a pair a frame; empty when nothing was recorded."""
    path = make_master(reading)
    if path is None:
        return []
    return dailies.read_peaks(
        path,
        sound_id=path.stem,
        frames=count_timeline_frames(reading),
        rate=reading.project.production.rate,
        root=reading.project.root,
    )


def find_version_file(reading: Snapshot, version: str) -> Path | None:
    """The newest version's file for browsers; None for any other version."""
    return find_web_file(reading) if version == reading.version else None


def _variant(reading: Snapshot, take_id: str) -> tuple[Shot, Shot] | None:
    """The shot that a take belongs to, and the shot that it was made from."""
    return next(
        (
            (entry.shot, variant)
            for entry in reading.states
            for variant in reading.variants[entry.place]
            if variant.shot_id == take_id
        ),
        None,
    )


def _framing(reading: Snapshot, shot: Shot, variant: Shot) -> TakeFraming:
    """As the version shows the shot, so that takes can be laid over it; as it would be shown when
    it is in no version.
    """
    size = (reading.project.production.width, reading.project.production.height)
    known = next((cut for cut in reading.cuts if cut.shot_id == shot.shot_id), None)
    return dailies.frame_copy(
        known or _framed(reading.project, variant, reading.takes[variant.shot_id]), size=size
    )


def _framed(project: Project, shot: Shot, take: Take) -> Cut:
    event = Cut(
        version="",
        order=0,
        shot_id=shot.shot_id,
        grade_id="",
        start_frame=0,
        end_frame=take.frames,
        take_path=take.path,
        cube_path="",
    )
    size = (project.production.width, project.production.height)
    return assemble.reframe_cuts([event], [shot], [take], size=size)[0]
