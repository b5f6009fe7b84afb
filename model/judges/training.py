# SPDX-License-Identifier: Apache-2.0
"""Train Callsheet's own two judges, on identities that no generator saw.

It takes minutes on one thread, so there is nothing to resume: a run that was killed leaves nothing,
and the next one gives the same judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from model import weights
from model.affect.prepared_corpus import Corpus
from model.judges import emotion, lipsync
from model.judges.splits import split_clips
from model.judges.trained import JudgeOrigin, save_judge
from model.previs.landmarks import Landmarker
from model.training.reporting import Report, ignore_report


def train_judges(
    corpus: Corpus,
    folder: Path,
    *,
    emotion_settings: emotion.EmotionJudgeSettings | None = None,
    lipsync_settings: lipsync.LipsyncJudgeSettings | None = None,
    report: Report = ignore_report,
) -> tuple[JudgeOrigin, ...]:
    """Train both judges and save them in `folder`.

    `report` receives `emotion/...` by epoch and `lipsync/...` by step.

    Raises:
        InputError: The corpus has too few clips, or the weights of the mesh are missing.
    """
    split = split_clips(corpus)
    landmarker = Landmarker(
        weights.locate("mediapipe-face-detector"), weights.locate("mediapipe-face-mesh")
    )
    net, origin = emotion.train_emotion_judge(
        corpus,
        split,
        emotion_settings or emotion.EmotionJudgeSettings(),
        landmarker=landmarker,
        report=_prefix_report(report, "emotion"),
    )
    emotion_origin = save_judge(net, origin, folder)
    sync, origin = lipsync.train_lipsync_judge(
        corpus,
        split,
        lipsync_settings or lipsync.LipsyncJudgeSettings(),
        _prefix_report(report, "lipsync"),
    )
    return emotion_origin, save_judge(sync, origin, folder)


def _prefix_report(report: Report, judge: str) -> Report:
    def tell(step: int, values: Mapping[str, float]) -> None:
        report(step, {f"{judge}/{name}": value for name, value in values.items()})

    return tell
