# SPDX-License-Identifier: Apache-2.0
"""Find the media of a snapshot that still exist: the version's file, sound, takes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from flows.review.snapshot import Snapshot
from manifests.rows import Take
from manifests.timebase import round_half_up
from pipeline.assemble.edit_list import count_frames
from pipeline.deliver.profiles import WEB


def count_timeline_frames(snapshot: Snapshot) -> int:
    """Count the frames of the timeline."""
    return max((shot.end_frame for shot in snapshot.shots), default=0)


def find_web_file(snapshot: Snapshot) -> Path | None:
    """Find the version's file for browsers; None when it does not exist."""
    wanted = any(row.profile == WEB.name for row in snapshot.files)
    path = snapshot.folder / WEB.file if snapshot.folder and wanted else None
    return path if path is not None and path.is_file() else None


def find_programme_start(snapshot: Snapshot) -> int:
    """Find the first frame of the programme in the version's files, after the slate."""
    frames = next((row.frames for row in snapshot.files if row.profile == WEB.name), 0)
    cards = frames - count_frames(snapshot.cuts)
    settings = snapshot.project.production.delivery
    slate = round_half_up(
        Fraction(settings.slate_seconds).limit_denominator(1000) * snapshot.project.production.rate
    )
    return min(slate, cards) if cards > 0 else 0


def has_sound(snapshot: Snapshot) -> bool:
    """Tell whether the sound of the timeline can be played.

    It cannot when nothing was recorded, or the recordings were purged.
    """
    root = snapshot.project.root
    return bool(snapshot.recordings) and all(
        (root / row.master_path).is_file() for row in snapshot.recordings
    )


def has_pictures(snapshot: Snapshot, take: Take) -> bool:
    """Tell whether a take's pictures still exist: the record outlives what was purged."""
    return (snapshot.project.root / take.path).is_file()
