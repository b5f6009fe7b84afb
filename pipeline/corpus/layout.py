# SPDX-License-Identifier: Apache-2.0
"""The result of reading a published corpus: its performances, and the files that do not fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from manifests.identity import digest
from model.affect.prepared_corpus import SPLITS

SHARES = {"train": 0.55, "judge": 0.15, "val": 0.10, "test": 0.20}
WINDOW_SECONDS = 10  # a longer recording is read in stretches of this length
ZERO = Fraction(0)
VIDEOS = (".mp4", ".mkv", ".mov", ".webm", ".flv", ".m4v")
UNREAD = (".avi", ".wmv", ".mpg", ".mpeg", ".ts", ".3gp")
SOUNDS = (".wav", ".m4a", ".flac", ".mp3")


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusPerformance:
    """A performance in a published corpus.

    `level` 0: the corpus gives none. `audio` None: the video's own sound. `start`: seconds into
    both.
    """

    identity: str
    emotion: str
    video: Path
    audio: Path | None = None
    level: int = 0
    intensity: float = 1.0
    text_id: str = ""
    text: str = ""
    start: Fraction = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The content of a folder: performances, and the reason for each file that is none."""

    performances: list[CorpusPerformance] = field(default_factory=list)
    unknown: list[tuple[Path, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFiles:
    """The videos of a folder, one for each name, and those in containers that are not read."""

    videos: list[Path]
    unread: list[tuple[Path, str]]


def find_videos(paths: Iterable[Path], *, published: str) -> VideoFiles:
    """Find videos among `paths`, in their order, one for each performance.

    A performance may have been converted: of files that differ in their ending alone, the one that
    ends as `published` counts, else the first of `VIDEOS`. Hidden files are left out.
    """
    found: dict[Path, Path] = {}
    unread = []
    order = [published, *(ending for ending in VIDEOS if ending != published)]
    for path in sorted(path for path in paths if not path.name.startswith(".") and path.is_file()):
        ending, performance = path.suffix.lower(), path.with_suffix("")
        if ending in UNREAD:
            unread.append((path, f"{ending} is not read; convert it to .mp4 or .mkv"))
        elif ending in VIDEOS:
            found[performance] = min(
                found.get(performance, path),
                path,
                key=lambda video: order.index(video.suffix.lower()),
            )
    return VideoFiles(
        videos=list(found.values()),
        unread=[(path, why) for path, why in unread if path.with_suffix("") not in found],
    )


def find_sound(stem: Path, *, published: str) -> Path | None:
    """Find the sound under a path without its ending, as published or converted."""
    endings: Sequence[str] = [published, *SOUNDS]
    named = (stem.parent / (stem.name + ending) for low in endings for ending in (low, low.upper()))
    return next((path for path in named if path.is_file()), None)


def assign_split(identity: str) -> str:
    """Assign an identity to a split: always the same, whoever else is in the corpus."""
    place = int(digest(["split", identity])[:8], 16) / 16**8
    for name in SPLITS:
        if place < SHARES[name]:
            return name
        place -= SHARES[name]
    return SPLITS[-1]
