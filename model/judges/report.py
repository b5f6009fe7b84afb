# SPDX-License-Identifier: Apache-2.0
"""What follows from judgements: scores with intervals as rows, and a page of them in Markdown.

Every score is a mean over clips, with the interval of `intervals`; scores of a talker stand beside
those of the corpus' own clips, because a judge's number means nothing alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from manifests.corpus_rows import Judgement, Score
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
    """How a measure is told: `share` of clips or mean, `chance` when there is one, and the line of
    the page.
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
    Measure(name="sync_confidence_wrong_sound", line="the same with another clip's sound"),
    Measure(name="sync_offset_right", line="lip-sync offset at most one frame", share=True),
    Measure(name="opening_correlation", line="mouth opening against level of the voice (r)"),
    Measure(
        name="opening_correlation_shuffled", line="95th percentile of the same with shuffled sound"
    ),
    Measure(name="opening_spread", line="spread of the mouth opening (IOD)", digits=4),
    Measure(name="mouth_motion", line="movement in the mouth's part (levels a frame)"),
    Measure(name="flicker", line="flicker (levels)"),
    Measure(name="jitter", line="unrest of the head's points (IOD)", digits=4),
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
    """Scores of all measures, by corpus and subject, and ratios to the corpus' own clips where a
    talker was judged on the same ones.

    Chance among portraits follows from how many people there are.
    """
    made = []
    for corpus, subject in sorted({(one.corpus, one.subject) for one in judgements}):
        own = [one for one in judgements if (one.corpus, one.subject) == (corpus, subject)]
        made += [
            score for measure in MEASURES if (score := _score_measure(own, measure)) is not None
        ]
        if subject != REAL:
            real = [one for one in judgements if (one.corpus, one.subject) == (corpus, REAL)]
            made += [
                score for name in RATIOS if (score := _score_ratio(own, real, name)) is not None
            ]
    return made


def _score_measure(judgements: Sequence[Judgement], measure: Measure) -> Score | None:
    told = [one for one in judgements if one.measure == measure.name and one.value is not None]
    if not told:
        return None
    values, people = _collect_values(told), [one.identity for one in told]
    interval = (intervals.estimate_proportion if measure.share else intervals.estimate_mean)(
        values, people
    )
    chance = (
        1 / min(PORTRAITS, len(set(people))) if measure.name == "identity_right" else measure.chance
    )
    against = None if chance is None else (chance, "chance")
    return make_score(told[0], measure.name, interval, people, against=against)


def _score_ratio(own: Sequence[Judgement], real: Sequence[Judgement], name: str) -> Score | None:
    """Of the clips that both subjects have a value of."""
    reals = {one.clip_id: one for one in real if one.measure == name and one.value is not None}
    told = [
        one for one in own if one.measure == name and one.value is not None and one.clip_id in reals
    ]
    if not told:
        return None
    against, people = [reals[one.clip_id] for one in told], [one.identity for one in told]
    interval = intervals.estimate_ratio(_collect_values(told), _collect_values(against), people)
    if math.isnan(interval.value):
        return None
    return make_score(told[0], f"{name}_of_real", interval, people)


def make_score(
    about: Judgement,
    measure: str,
    interval: Interval,
    people: Iterable[str],
    *,
    against: tuple[float, str] | None = None,
) -> Score:
    """A row; ends that are not known are null. `about` says whose it is, `against` what it is read
    against, and what that is.
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


def score_by_emotion(judgements: Sequence[Judgement]) -> dict[str, Interval]:
    """The trained judge's share right by emotion."""
    told = [one for one in judgements if one.measure == "emotion_right" and one.value is not None]
    made = {}
    for label in LABELS:
        some = [one for one in told if one.emotion == label]
        if some:
            made[label] = intervals.estimate_proportion(
                _collect_values(some), [one.identity for one in some]
            )
    return made


def format_page(
    rows: Sequence[Score], origins: Sequence[JudgeOrigin], facts: Mapping[str, str]
) -> str:
    """The report in Markdown: one table for each corpus, one column for each subject."""
    parts = ["# Judgement", ""]
    parts += [f"- {name}: {text}" for name, text in facts.items()]
    for corpus in sorted({row.corpus for row in rows}):
        heading = f"{corpus} corpus" if corpus in SYNTHETIC else corpus
        parts += [
            "",
            f"## {heading}",
            "",
            *_warn_of_synthetic(corpus),
            *_format_table([row for row in rows if row.corpus == corpus]),
        ]
    parts += [
        "",
        "## Judges trained here",
        "",
        *(f"- {_describe_origin(origin)}" for origin in origins),
    ]
    return "\n".join(parts) + "\n"


def _warn_of_synthetic(corpus: str) -> list[str]:
    if corpus not in SYNTHETIC:
        return []
    kind = "no person acted here: these numbers prove the mechanism, not recognition in human faces or speech."
    return [f"Synthetic corpus: {kind}", ""]


def _format_table(rows: Sequence[Score]) -> list[str]:
    subjects = sorted({row.subject for row in rows}, key=lambda name: (name != REAL, name))
    lines = [
        f"| measure | {' | '.join(subjects)} | to read it against |",
        "|---|" + "---|" * (len(subjects) + 1),
    ]
    for name, (text, digits) in _list_lines().items():
        found = {row.subject: row for row in rows if row.measure == name}
        if found:
            cells = [
                _format_cell(found[subject], digits) if subject in found else ""
                for subject in subjects
            ]
            lines.append(
                f"| {text} | {' | '.join(cells)} | {_format_references(list(found.values()), digits)} |"
            )
    counts = [
        f"{subject}: {max(r.clips for r in rows if r.subject == subject)} clips"
        for subject in subjects
    ]
    people = max(row.identities for row in rows)
    return [*lines, "", f"{', '.join(counts)}, of {people} identities; in brackets 95 % intervals."]


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
    told = {
        f"{row.compared} {row.reference:.{digits}f}"
        for row in rows
        if row.compared and row.reference is not None
    }
    return "; ".join(sorted(told))


def _describe_origin(origin: JudgeOrigin) -> str:
    score = ", ".join(f"{name} {value:.3f}" for name, value in origin.scores.items())
    where = f"{origin.clips} clips of {origin.identities} identities ({origin.corpus} corpus, split {origin.split})"
    return f"{origin.judge} {origin.version}: {where}, seed {origin.seed}, data {origin.data[:12]}; {score}"


def _collect_values(rows: Sequence[Judgement]) -> np.ndarray:
    return np.array([one.value for one in rows], np.float64)
