# SPDX-License-Identifier: Apache-2.0
"""Read the layout of CREMA-D (Cao et al. 2014).

Files are `VideoFlash/1001_DFA_ANG_XX.flv` beside `AudioWAV/1001_DFA_ANG_XX.wav`: actor, sentence,
emotion (six), level (low, middle, high, unspecified). Converted files (`layout.VIDEOS`,
`layout.SOUNDS`) are read as well. Open Database License.
"""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.corpus.layout import CorpusPerformance, Layout, find_sound, find_videos

NAME = "crema-d"
LICENCE = "ODbL-1.0"
SHAPE = "VideoFlash/ACTOR_SENTENCE_EMOTION_LEVEL.flv and AudioWAV/ACTOR_SENTENCE_EMOTION_LEVEL.wav"
EMOTIONS = {
    "ANG": "angry",
    "DIS": "disgusted",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
LEVELS = {"LO": (1, 0.4), "MD": (2, 0.7), "HI": (3, 1.0), "XX": (0, 0.7)}
SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
_NAME = re.compile(
    r"(?P<actor>1\d{3})_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?P<level>LO|MD|HI|XX|X)"
)


def read_layout(root: Path) -> Layout:
    """Find all performances under `root`, in the order of their names."""
    files = find_videos((root / "VideoFlash").glob("*"), published=".flv")
    found = Layout(unknown=list(files.unread))
    for video in files.videos:
        try:
            found.performances.append(_read_performance(root, video))
        except ValueError as error:
            found.unknown.append((video, str(error)))
    return found


def _read_performance(root: Path, video: Path) -> CorpusPerformance:
    named = _NAME.fullmatch(video.stem)
    if named is None or named["emotion"] not in EMOTIONS or named["sentence"] not in SENTENCES:
        raise ValueError(f"not {SHAPE} with CREMA-D's codes")
    audio = find_sound(root / "AudioWAV" / video.stem, published=".wav")
    if audio is None:
        raise ValueError(f"no sound AudioWAV/{video.stem}.wav")
    level, intensity = LEVELS[named["level"].ljust(2, "X")]
    return CorpusPerformance(
        identity=f"crema-d-{named['actor']}",
        emotion=EMOTIONS[named["emotion"]],
        level=level,
        intensity=intensity,
        video=video,
        audio=audio,
        text_id=named["sentence"],
        text=SENTENCES[named["sentence"]],
    )
