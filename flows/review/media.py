# SPDX-License-Identifier: Apache-2.0
"""Make the pictures and sounds of a review, by id.

They are looked up in the record and made on the first request, one at a time.
"""

from __future__ import annotations

import threading
from pathlib import Path

from flows.project import Project
from flows.review.available_media import (
    count_timeline_frames,
    find_programme_start,
    find_web_file,
    has_pictures,
    has_sound,
)
from flows.review.snapshot import Snapshot
from flows.version import build_loudness_settings
from manifests.rows import Cut, Shot, Take
from manifests.timebase import sample_of_frame
from pipeline.assemble import assemble, master_mix
from pipeline.deliver import dailies
from pipeline.deliver.dailies import Pairs, TakeFraming, TakeSound, VideoStill
from pipeline.deliver.profiles import WEB

_ONE_AT_A_TIME = threading.RLock()  # an encoder uses all cores by itself


def make_take_copy(snapshot: Snapshot, take_id: str) -> Path | None:
    """Make a copy of a take for browsers; None when no shot has this take, or it was purged."""
    found = _find_variant(snapshot, take_id)
    take = snapshot.takes.get(take_id)
    if found is None or take is None or not has_pictures(snapshot, take):
        return None
    shot, variant = found
    framing, sound = _frame_take(snapshot, shot, variant), find_take_sound(snapshot, variant)
    root = snapshot.project.root
    if dailies.locate_copy(take, framing, sound, root=root).is_file():
        # whoever steps through takes does not wait for other copies
        return dailies.make_copy(take, framing, sound, root=root)
    with _ONE_AT_A_TIME:
        return dailies.make_copy(take, framing, sound, root=root)


def make_thumbnail(snapshot: Snapshot, shot_id: str) -> Path | None:
    """Make a shot's middle frame, from the version if that shows it, else from its take.

    None when there is neither.
    """
    entry = snapshot.find_state(shot_id)
    if entry is None:
        return None
    still = _find_version_still(snapshot, entry.shot) or _find_take_still(snapshot, entry.shot)
    return dailies.make_thumbnail(still, root=snapshot.project.root) if still else None


def _find_version_still(snapshot: Snapshot, shot: Shot) -> VideoStill | None:
    """Find the shot's middle frame in the version."""
    video = find_web_file(snapshot)
    cut = next((c for c in snapshot.cuts if c.shot_id == shot.shot_id and not c.layer), None)
    if cut is None or video is None:
        return None
    key = next(row.media_digest for row in snapshot.files if row.profile == WEB.name)
    frame = find_programme_start(snapshot) + (cut.start_frame + cut.end_frame) // 2
    return VideoStill(video=video, key=key, frame=frame, rate=shot.rate)


def _find_take_still(snapshot: Snapshot, shot: Shot) -> VideoStill | None:
    """Find the middle frame of the shot's take, framed as delivered."""
    take = snapshot.takes.get(shot.shot_id)
    if take is None or not has_pictures(snapshot, take):
        return None
    return VideoStill(
        video=snapshot.project.root / take.path,
        key=take.media_digest,
        frame=take.frames // 2,
        rate=shot.rate,
        crop=_frame_take(snapshot, shot, shot).crop,
    )


def find_take_sound(snapshot: Snapshot, shot: Shot) -> TakeSound | None:
    """Find the master sound under a shot; None when nothing was recorded."""
    path = make_master(snapshot)
    return TakeSound(sound_id=path.stem, path=path, first_frame=shot.first_drawn) if path else None


def make_master(snapshot: Snapshot) -> Path | None:
    """Make the sound of the whole timeline as it is delivered, unless a version has it already.

    None when nothing was recorded, or the recordings were purged.
    """
    if not snapshot.shots or not has_sound(snapshot):
        return None
    samples = sample_of_frame(count_timeline_frames(snapshot), snapshot.project.production.rate)
    settings, root = build_loudness_settings(snapshot.project), snapshot.project.root
    path = master_mix.locate_master(
        master_mix.compute_sound_id(snapshot.recordings, samples=samples, settings=settings),
        root=root,
    )
    if not path.is_file():
        with _ONE_AT_A_TIME:
            master_mix.render_master(
                snapshot.recordings, samples=samples, settings=settings, root=root
            )
    return path


def read_peaks(snapshot: Snapshot) -> Pairs:
    """Read the waveform of the timeline, one pair a frame; empty when nothing was recorded."""
    path = make_master(snapshot)
    if path is None:
        return []
    return dailies.read_peaks(
        path,
        sound_id=path.stem,
        frames=count_timeline_frames(snapshot),
        rate=snapshot.project.production.rate,
        root=snapshot.project.root,
    )


def find_version_file(snapshot: Snapshot, version: str) -> Path | None:
    """Find the newest version's file for browsers; None for any other version."""
    return find_web_file(snapshot) if version == snapshot.version else None


def _find_variant(snapshot: Snapshot, take_id: str) -> tuple[Shot, Shot] | None:
    """Find the shot that a take belongs to, and the variant that it was made from."""
    return next(
        (
            (entry.shot, variant)
            for entry in snapshot.states
            for variant in snapshot.variants[entry.place]
            if variant.shot_id == take_id
        ),
        None,
    )


def _frame_take(snapshot: Snapshot, shot: Shot, variant: Shot) -> TakeFraming:
    """Frame a take as the version shows the shot, so that takes can be laid over it.

    A shot that is in no version is framed as it would be shown.
    """
    size = (snapshot.project.production.width, snapshot.project.production.height)
    known = next((cut for cut in snapshot.cuts if cut.shot_id == shot.shot_id), None)
    return dailies.frame_copy(
        known or _frame_unused_take(snapshot.project, variant, snapshot.takes[variant.shot_id]),
        size=size,
    )


def _frame_unused_take(project: Project, shot: Shot, take: Take) -> Cut:
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
