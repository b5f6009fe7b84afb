# SPDX-License-Identifier: Apache-2.0
"""Training the two judges that Callsheet makes itself, on identities that no generator saw.

Minutes on one thread, so there is nothing to resume: a run that was killed left nothing, and the
next one gives the same judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from model import weights
from model.affect.prepared_corpus import Corpus
from model.judges import emotion, lipsync
from model.judges.splits import shares
from model.judges.trained import Origin, keep
from model.previs.landmarks import Landmarker
from model.training.reporting import Report, silent


def train(
    corpus: Corpus,
    folder: Path,
    *,
    looks: emotion.Settings | None = None,
    lips: lipsync.Settings | None = None,
    report: Report = silent,
) -> tuple[Origin, ...]:
    """Train both judges and keep them in `folder`. `report` hears `emotion/...` by epoch and
    `lipsync/...` by step.

    Raises InputError when the corpus has too few clips for it, or the mesh is not here.
    """
    who = shares(corpus)
    landmarker = Landmarker(
        weights.path("mediapipe-face-detector"), weights.path("mediapipe-face-mesh")
    )
    net, origin = emotion.train(
        corpus,
        who,
        looks or emotion.Settings(),
        landmarker=landmarker,
        report=_named(report, "emotion"),
    )
    kept = [keep(net, origin, folder)]
    sync, origin = lipsync.train(corpus, who, lips or lipsync.Settings(), _named(report, "lipsync"))
    return (*kept, keep(sync, origin, folder))


def _named(report: Report, judge: str) -> Report:
    def tell(step: int, values: Mapping[str, float]) -> None:
        report(step, {f"{judge}/{name}": value for name, value in values.items()})

    return tell
