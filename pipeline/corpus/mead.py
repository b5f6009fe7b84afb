# SPDX-License-Identifier: Apache-2.0
"""Read the layout of MEAD (Wang et al. 2020).

Files are `M003/video/front/angry/level_3/001.mp4` beside `M003/audio/angry/level_3/001.m4a`: eight
emotions with our very names, three levels (neutral has one), seven cameras of which only the
frontal one is read. Converted files (`layout.VIDEOS`, `layout.SOUNDS`) are read as well. The
licence is for research; holding it is up to the user.
"""

from __future__ import annotations

import re
from pathlib import Path

from model.emotion import LABELS
from pipeline.corpus.layout import CorpusPerformance, Layout, find_sound, find_videos

NAME = "mead"
LICENCE = "MEAD licence (research, non-commercial)"
SHAPE = "PERSON/video/front/EMOTION/level_N/NNN.mp4 and PERSON/audio/EMOTION/level_N/NNN.m4a"
CAMERA = "front"
INTENSITY = {1: 0.4, 2: 0.7, 3: 1.0}
_LEVEL = re.compile(r"level_([123])")
_PERSON = re.compile(r"[MW]\d{3}")


def read_layout(root: Path) -> Layout:
    """Find all frontal performances under `root`, in the order of their paths."""
    files = find_videos(root.glob(f"*/video/{CAMERA}/*/*/*"), published=".mp4")
    found = Layout(unknown=list(files.unread))
    for video in files.videos:
        try:
            found.performances.append(_read_performance(root, video))
        except ValueError as error:
            found.unknown.append((video, str(error)))
    return found


def _read_performance(root: Path, video: Path) -> CorpusPerformance:
    person, emotion, level = video.parts[-6], video.parts[-3], _LEVEL.fullmatch(video.parts[-2])
    if not _PERSON.fullmatch(person) or emotion not in LABELS or level is None:
        raise ValueError(f"not {SHAPE}")
    stem = root / person / "audio" / emotion / video.parts[-2] / video.stem
    audio = find_sound(stem, published=".m4a")
    if audio is None:
        raise ValueError(f"no sound {stem.relative_to(root)}.m4a")
    number = int(level[1])
    return CorpusPerformance(
        identity=f"mead-{person}",
        emotion=emotion,
        level=number,
        intensity=INTENSITY[number] if emotion != "neutral" else 1.0,
        video=video,
        audio=audio,
        text_id=f"{emotion}-{video.stem}",
    )
