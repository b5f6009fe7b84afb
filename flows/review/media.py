# SPDX-License-Identifier: Apache-2.0
"""The pictures and sounds of a review, by id: looked up in the record, made when they are asked for
first, one at a time.
"""

from __future__ import annotations

import threading
from pathlib import Path

from flows.project import Film
from flows.review.payload import is_heard, is_there, programme_starts, timeline_frames, web_file
from flows.review.snapshot import Reading
from flows.version import loudness_settings
from manifests.rows import Cut, Shot, Take
from manifests.timebase import sample_of_frame
from pipeline.assemble import assemble, master_mix
from pipeline.deliver import dailies
from pipeline.deliver.dailies import TakeFraming, TakeSound, Pairs, VideoStill
from pipeline.deliver.profiles import WEB

_ONE_AT_A_TIME = threading.RLock()  # an encoder uses all cores by itself


def take_copy(reading: Reading, take_id: str) -> Path | None:
    """A take as browsers play it; None when no shot has such a take, or when it was purged."""
    found = _variant(reading, take_id)
    take = reading.takes.get(take_id)
    if found is None or take is None or not is_there(reading, take):
        return None
    entry_shot, variant = found
    seen, sounding, root = (
        _framing(reading, entry_shot, variant),
        heard(reading, variant),
        reading.film.root,
    )
    if dailies.copy_path(
        take, seen, sounding, root=root
    ).is_file():  # whoever steps through it does not wait for other takes
        return dailies.make_copy(take, seen, sounding, root=root)
    with _ONE_AT_A_TIME:
        return dailies.make_copy(take, seen, sounding, root=root)


def thumbnail(reading: Reading, shot_id: str) -> Path | None:
    """A shot's middle frame, from the version when that shows it, else from its take; None when
    there is neither.
    """
    entry, film = reading.entry(shot_id), reading.film
    if entry is None:
        return None
    shot, video = entry.shot, web_file(reading)
    cut = next((cut for cut in reading.cuts if cut.shot_id == shot.shot_id and not cut.layer), None)
    if cut is not None and video is not None:
        key = next(row.media_digest for row in reading.files if row.profile == WEB.name)
        frame = programme_starts(reading) + (cut.start_frame + cut.end_frame) // 2
        return dailies.make_thumbnail(
            VideoStill(video=video, key=key, frame=frame, rate=shot.rate), root=film.root
        )
    take = reading.takes.get(shot.shot_id)
    if take is None or not is_there(reading, take):
        return None
    still = VideoStill(
        video=film.root / take.path,
        key=take.media_digest,
        frame=take.frames // 2,
        rate=shot.rate,
        crop=_framing(reading, shot, shot).crop,
    )
    return dailies.make_thumbnail(still, root=film.root)


def heard(reading: Reading, shot: Shot) -> TakeSound | None:
    """The master sound under a shot; None when nothing was recorded."""
    path = master(reading)
    return TakeSound(sound_id=path.stem, path=path, first_frame=shot.first_drawn) if path else None


def master(reading: Reading) -> Path | None:
    """The sound of the whole timeline as it is delivered, made when no version needed it yet; None
    when nothing was recorded, or when what was recorded was purged.
    """
    if not reading.shots or not is_heard(reading):
        return None
    samples = sample_of_frame(timeline_frames(reading), reading.film.production.rate)
    settings, root = loudness_settings(reading.film), reading.film.root
    path = master_mix.master_path(
        master_mix.sound_id(reading.recordings, samples=samples, settings=settings), root=root
    )
    if not path.is_file():
        with _ONE_AT_A_TIME:
            master_mix.render_master(reading.recordings, samples=samples, settings=settings, root=root)
    return path


def peaks(reading: Reading) -> Pairs:
    """The waveform of the timeline, a pair a frame; empty when nothing was recorded."""
    path = master(reading)
    if path is None:
        return []
    return dailies.read_peaks(
        path,
        sound_id=path.stem,
        frames=timeline_frames(reading),
        rate=reading.film.production.rate,
        root=reading.film.root,
    )


def version_file(reading: Reading, version: str) -> Path | None:
    """The newest version's file for browsers; None for any other version."""
    return web_file(reading) if version == reading.version else None


def _variant(reading: Reading, take_id: str) -> tuple[Shot, Shot] | None:
    """The shot that a take belongs to, and the shot that it was made from."""
    return next(
        (
            (entry.shot, variant)
            for entry in reading.ledger
            for variant in reading.variants[entry.place]
            if variant.shot_id == take_id
        ),
        None,
    )


def _framing(reading: Reading, shot: Shot, variant: Shot) -> TakeFraming:
    """As the version shows the shot, so that takes can be laid over it; as it would be shown when
    it is in no version.
    """
    size = (reading.film.production.width, reading.film.production.height)
    known = next((cut for cut in reading.cuts if cut.shot_id == shot.shot_id), None)
    return dailies.frame_copy(
        known or _framed(reading.film, variant, reading.takes[variant.shot_id]), size=size
    )


def _framed(film: Film, shot: Shot, take: Take) -> Cut:
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
    size = (film.production.width, film.production.height)
    return assemble.reframe_cuts([event], [shot], [take], size=size)[0]
