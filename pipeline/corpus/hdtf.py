# SPDX-License-Identifier: Apache-2.0
"""Read the layout of HDTF (Zhang et al. 2021) as its list makes it.

Files are videos `RD_Radio1_000.mp4`, `WDA_AdamSchiff_000.mp4`, `WRA_..._001.mp4`. The corpus is
published as addresses, times and crops; what a user has is one cut video for each entry, in one
folder or in one for each subset. Talking heads without acted emotion: every clip is neutral, level
0. Long videos are read in stretches of ten seconds. CC BY 4.0 is the list's licence; the videos
have their own.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from manifests.errors import InputError
from pipeline import media
from pipeline.corpus.layout import WINDOW_SECONDS, CorpusPerformance, Layout, find_videos

NAME = "hdtf"
LICENCE = "HDTF (list CC-BY-4.0, videos of their owners)"
SHAPE = "SUBSET_PERSON_NNN.mp4 with SUBSET one of RD, WDA, WRA"
_NAME = re.compile(r"(?P<subset>RD|WDA|WRA)_(?P<person>.+?)_(?P<clip>\d+)")


def read_layout(root: Path) -> Layout:
    """Find all stretches of all videos under `root`, in the order of their names.

    A last stretch of less than half the length is left out.
    """
    files = find_videos(root.rglob("*"), published=".mp4")
    found = Layout(unknown=list(files.unread))
    for video in files.videos:
        try:
            found.performances.extend(_read_stretches(video))
        except (InputError, OSError, ValueError) as error:
            found.unknown.append((video, str(error)))
    return found


def _read_stretches(video: Path) -> list[CorpusPerformance]:
    named = _NAME.fullmatch(video.stem)
    if named is None:
        raise ValueError(f"not {SHAPE}")
    count = max(1, round(media.probe(video).seconds / WINDOW_SECONDS))
    return [
        CorpusPerformance(
            identity=f"hdtf-{named['subset']}-{named['person']}",
            emotion="neutral",
            video=video,
            text_id=f"{video.stem}-{window}",
            start=Fraction(window * WINDOW_SECONDS),
        )
        for window in range(count)
    ]
