# SPDX-License-Identifier: Apache-2.0
"""The layout of MEAD (Wang et al. 2020): `M003/video/front/angry/level_3/001.mp4` beside
`M003/audio/angry/level_3/001.m4a`.

Eight emotions with our very names, three levels (neutral has one), seven cameras of which only the
frontal one is read. Converted files (`layout.VIDEOS`, `layout.SOUNDS`) are read as well. The
licence is for research; it is the user's to hold.
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
    """All frontal performances under `root`, in the order of their paths."""
    there = find_videos(root.glob(f"*/video/{CAMERA}/*/*/*"), published=".mp4")
    found = Layout(unknown=list(there.unread))
    for video in there.videos:
        person, emotion, level = video.parts[-6], video.parts[-3], _LEVEL.fullmatch(video.parts[-2])
        if not _PERSON.fullmatch(person) or emotion not in LABELS or level is None:
            found.unknown.append((video, f"not {SHAPE}"))
            continue
        stem = root / person / "audio" / emotion / video.parts[-2] / video.stem
        audio = find_sound(stem, published=".m4a")
        if audio is None:
            found.unknown.append((video, f"no sound {stem.relative_to(root)}.m4a"))
            continue
        number = int(level[1])
        found.performances.append(
            CorpusPerformance(
                identity=f"mead-{person}",
                emotion=emotion,
                level=number,
                intensity=INTENSITY[number] if emotion != "neutral" else 1.0,
                video=video,
                audio=audio,
                text_id=f"{emotion}-{video.stem}",
            )
        )
    return found
