# SPDX-License-Identifier: Apache-2.0
"""Turn judgements into scores with intervals, and format them as a report in Markdown.

Every score is a mean over clips, with an interval of `intervals`. Scores of a talker stand beside
those of the corpus' own clips, because a judge's number means nothing alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from manifests.corpus_rows import Judgement, Score
from manifests.plurals import count_nouns
from model.emotion import LABELS
from model.judges import intervals
from model.judges.identity import PORTRAITS
from model.judges.intervals import Interval
from model.judges.packaged import ORDER
from model.judges.trained import JudgeOrigin

REAL = "real"
SYNTHETIC = ("synthetic", "units")  # corpora that no person acted in


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How a measure is reported.

    `line`: its line in the report. `share`: whether it is a share of clips or a mean. `chance`: its
    value by chance, if it has one.
    """

    name: str
    line: str
    share: bool = False
    chance: float | None = None
    digits: int = 3


MEASURES = (
    Measure(
        name="emotion_right", line="emotion, judge trained here", share=True, chance=1 / len(LABELS)
    ),
    Measure(
        name="emotion_packaged_right",
        line="emotion, face-api (seven classes)",
        share=True,
        chance=1 / len(ORDER),
    ),
    Measure(name="identity_right", line=f"identity among {PORTRAITS} portraits", share=True),
    Measure(name="identity_distance", line="distance to the portrait (dlib, L2)"),
    Measure(name="sync_confidence", line="lip-sync confidence, net trained here"),
    Measure(name="sync_confidence_wrong_sound", line="the same, with another clip's sound"),
    Measure(name="sync_offset_right", line="lip-sync offset at most one frame", share=True),
    Measure(name="opening_correlation", line="mouth opening against level of the voice (r)"),
    Measure(
        name="opening_correlation_shuffled", line="the same, 95th percentile with shuffled sound"
    ),
    Measure(name="opening_spread", line="spread of the mouth opening (IOD)", digits=4),
    Measure(name="mouth_motion", line="movement of the mouth (levels a frame)"),
    Measure(name="flicker", line="flicker (levels)"),
    Measure(name="jitter", line="jitter of the head's points (IOD)", digits=4),
    Measure(name="face_found", line="frames in which a face was found"),
    Measure(name="hsemotion_right", line="emotion, HSEmotion", share=True, chance=1 / len(LABELS)),
    Measure(name="arcface_similarity", line="similarity to the portrait (ArcFace, cosine)"),
    Measure(name="syncnet_v2_confidence", line="SyncNet v2: confidence (LSE-C)"),
    Measure(name="syncnet_v2_distance", line="SyncNet v2: least distance (LSE-D)"),
    Measure(name="syncnet_v2_offset", line="SyncNet v2: offset (frames)", digits=1),
)
RATIOS = ("emotion_right", "emotion_packaged_right", "mouth_motion", "opening_spread")
DISTANCES = {
    "frechet_dlib": "Frechet distance of faces: dlib's embeddings (128)",
    "frechet_mouth": "Frechet distance of five frames of the mouth: lip-sync net's features (64)",
    "frechet_i3d": "Frechet distance, I3D's features of clips (400)",
}


def score_judgements(judgements: Sequence[Judgement]) -> list[Score]:
    """Compute scores of all measures, by corpus and subject.

    Where a talker was judged on the same clips as the corpus' own, ratios to those are added.
    Chance among portraits follows from how many people there are.
    """
    scores = []
    for corpus, subject in sorted({(row.corpus, row.subject) for row in judgements}):
        own = [row for row in judgements if (row.corpus, row.subject) == (corpus, subject)]
        scores += [
            score for measure in MEASURES if (score := _score_measure(own, measure)) is not None
        ]
        if subject != REAL:
            real = [row for row in judgements if (row.corpus, row.subject) == (corpus, REAL)]
            scores += [
                score for name in RATIOS if (score := _score_ratio(own, real, name)) is not None
            ]
    return scores


def _score_measure(judgements: Sequence[Judgement], measure: Measure) -> Score | None:
    rows = [row for row in judgements if row.measure == measure.name and row.value is not None]
    if not rows:
        return None
    people = [row.identity for row in rows]
    estimate = intervals.estimate_proportion if measure.share else intervals.estimate_mean
    interval = estimate(_collect_values(rows), people)
    chance = (
        1 / min(PORTRAITS, len(set(people))) if measure.name == "identity_right" else measure.chance
    )
    against = None if chance is None else (chance, "chance")
    return make_score(rows[0], measure.name, interval, people, against=against)


def _score_ratio(own: Sequence[Judgement], real: Sequence[Judgement], name: str) -> Score | None:
    """Compute a ratio over the clips for which both subjects have a value."""
    reals = {row.clip_id: row for row in real if row.measure == name and row.value is not None}
    rows = [
        row for row in own if row.measure == name and row.value is not None and row.clip_id in reals
    ]
    if not rows:
        return None
    against, people = [reals[row.clip_id] for row in rows], [row.identity for row in rows]
    interval = intervals.estimate_ratio(_collect_values(rows), _collect_values(against), people)
    if math.isnan(interval.value):
        return None
    return make_score(rows[0], f"{name}_of_real", interval, people)


def make_score(
    about: Judgement,
    measure: str,
    interval: Interval,
    people: Iterable[str],
    *,
    against: tuple[float, str] | None = None,
) -> Score:
    """Make a score row; ends that are not known are null.

    `about` gives run, subject and corpus; `against` is the reference value and its name.
    """
    low, high = (None if math.isnan(end) else end for end in (interval.low, interval.high))
    return Score(
        run_id=about.run_id,
        subject=about.subject,
        corpus=about.corpus,
        measure=measure,
        value=interval.value,
        low=low,
        high=high,
        clips=interval.count,
        identities=len(set(people)),
        reference=None if against is None else against[0],
        compared="" if against is None else against[1],
    )


def format_page(
    rows: Sequence[Score], origins: Sequence[JudgeOrigin], facts: Mapping[str, str]
) -> str:
    """Format the report in Markdown: a table for each corpus, a column for each subject."""
    parts = ["# Evaluation", ""]
    parts += [f"- {name}: {text}" for name, text in facts.items()]
    for corpus in sorted({row.corpus for row in rows}):
        heading = f"{corpus} corpus" if corpus in SYNTHETIC else corpus
        parts += ["", f"## {heading}", "", *_warn_of_synthetic(corpus)]
        parts += _format_table([row for row in rows if row.corpus == corpus])
    parts += ["", "## Judges trained here", ""]
    parts += [f"- {_describe_origin(origin)}" for origin in origins]
    return "\n".join(parts) + "\n"


def _warn_of_synthetic(corpus: str) -> list[str]:
    if corpus not in SYNTHETIC:
        return []
    warning = "These numbers test the mechanism; they say nothing about human faces or speech."
    return [f"Synthetic corpus: no person acted here. {warning}", ""]


def _format_table(rows: Sequence[Score]) -> list[str]:
    subjects = sorted({row.subject for row in rows}, key=lambda name: (name != REAL, name))
    lines = [
        f"| measure | {' | '.join(subjects)} | reference |",
        "|---|" + "---|" * (len(subjects) + 1),
    ]
    for name, (text, digits) in _list_lines().items():
        scores = {row.subject: row for row in rows if row.measure == name}
        if scores:
            cells = [
                _format_cell(scores[subject], digits) if subject in scores else ""
                for subject in subjects
            ]
            references = _format_references(list(scores.values()), digits)
            lines.append(f"| {text} | {' | '.join(cells)} | {references} |")
    counts = [
        f"{subject}: {count_nouns(max(r.clips for r in rows if r.subject == subject), 'clip')}"
        for subject in subjects
    ]
    identities = count_nouns(max(row.identities for row in rows), "identity", "identities")
    return [*lines, "", f"{', '.join(counts)}; {identities}; 95 % intervals in brackets."]


def _list_lines() -> dict[str, tuple[str, int]]:
    lines = {measure.name: (measure.line, measure.digits) for measure in MEASURES}
    ratios = {
        f"{name}_of_real": (f"{lines[name][0]}: share of the real clips'", 3) for name in RATIOS
    }
    return lines | ratios | {name: (text, 3) for name, text in DISTANCES.items()}


def _format_cell(row: Score, digits: int) -> str:
    ends = (
        ""
        if row.low is None or row.high is None
        else f" ({row.low:.{digits}f} to {row.high:.{digits}f})"
    )
    return f"{row.value:.{digits}f}{ends}"


def _format_references(rows: Sequence[Score], digits: int) -> str:
    references = {
        f"{row.compared} {row.reference:.{digits}f}"
        for row in rows
        if row.compared and row.reference is not None
    }
    return "; ".join(sorted(references))


def _describe_origin(origin: JudgeOrigin) -> str:
    score = ", ".join(f"{name} {value:.3f}" for name, value in origin.scores.items())
    source = f"{origin.corpus} corpus, split {origin.split}"
    clips = count_nouns(origin.clips, "clip")
    data = f"{clips} of {count_nouns(origin.identities, 'identity', 'identities')} ({source})"
    version = f"{origin.judge} {origin.version}"
    return f"{version}: {data}, seed {origin.seed}, data {origin.data[:12]}; {score}"


def _collect_values(rows: Sequence[Judgement]) -> np.ndarray:
    return np.array([row.value for row in rows], np.float64)
