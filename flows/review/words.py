# SPDX-License-Identifier: Apache-2.0
"""Describe performances and decisions in words for the review page, and show corrected cues.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from manifests.rows import Cue
from manifests.timebase import MASTER_HZ, format_clock
from model.emotion import LABELS
from pipeline.align import cue_overrides
from pipeline.align.align import Alignment
from pipeline.align.cue_overrides import CueOverride

LEAST_WEIGHT = 0.005  # smaller weights are not named
MOST_MOODS = 4  # moods that are named before the rest is an ellipsis


def list_weights(weights: Sequence[float]) -> dict[str, float]:
    """List the labels that have a weight.

    >>> list_weights([0, 0, 0, 0, 0.8, 0, 0, 0.2])
    {'happy': 0.8, 'surprised': 0.2}
    """
    return {
        label: round(weight, 4)
        for label, weight in zip(LABELS, weights, strict=True)
        if round(weight, 4) > LEAST_WEIGHT
    }


def describe_emotion(keys: Iterable[Sequence[float]]) -> str:
    """Describe a performance as a curve in words.

    >>> describe_emotion([[0, 0, 0, 0, 0, 0, 1, 0, 0], [20, 0.9, 0, 0, 0, 0, 0, 0, 0]])
    'neutral 1 -> angry 0.9'
    """
    moods = [
        " + ".join(f"{label} {weight:g}" for label, weight in list_weights(row[1:]).items())
        for row in keys
    ]
    named = [
        mood
        for number, mood in enumerate(moods)
        if mood and mood not in moods[max(0, number - 1) : number]
    ]
    return " -> ".join(
        named if len(named) <= MOST_MOODS else [*named[: MOST_MOODS - 1], "...", named[-1]]
    )


def describe_decision(name: str, detail: Mapping[str, Any]) -> str:
    """Describe a decision. `detail`: of its event."""
    if name == "cue":
        return _describe_cue(str(detail["field"]), str(detail["value"]))
    return DECISION_WORDS.get(name, "").format_map(detail)


DECISION_WORDS = {
    "note": "{text}",
    "priority": "priority {priority}",
    "seed": "another take with seed {seed}",
    "directed": "perform {words}",
    "circled": "take with seed {seed}",
    "waived": "{reason}",
    "retry": "try again",
    "skipped": "a slate replaces it",
}


def _describe_cue(field: str, value: str) -> str:
    if field in ("start", "end"):
        return f"{field} at {format_clock(int(value) / MASTER_HZ)}" if value else f"{field} reset"
    if field == "ignore":
        return "left out" if value else "no longer left out"
    return f"{field} {value}" if value else f"{field} reset"


def apply_overrides(cues: Sequence[Cue], decided: Sequence[CueOverride]) -> list[Cue]:
    """Apply the decisions that the cues do not show yet.

    A choice between takes needs the sound and is left to the next plan.
    """
    now = {cue.line_id: cue for cue in cues}
    fresh = [
        override
        for (line_id, field), override in cue_overrides.select_latest(decided).items()
        if line_id in now
        and field != "take"
        and not _is_applied(now[line_id], field, override.value)
    ]
    found = Alignment(cues=list(cues), takes={}, chosen={}, names={}, unscripted=[])
    changed = cue_overrides.apply(found, fresh).cues
    return [
        after
        if after.reasons == before.reasons
        else replace(after, reasons=_shorten_reasons(after.reasons))
        for before, after in zip(cues, changed, strict=True)
    ]


def _is_applied(cue: Cue, field: str, value: str) -> bool:
    """Tell whether a cue is as a decision says.

    A withdrawn decision shows only after the next plan, and is not shown here.
    """
    if field == "ignore":
        return cue.reasons.startswith("ignored") == bool(value)
    now = {"start": str(cue.start), "end": str(cue.end), "character": cue.character}[field]
    return not value or value == now


def _shorten_reasons(reasons: str) -> str:
    """Keep only the first `set by hand`."""
    first, *rest = reasons.split("; ")
    return "; ".join([first, *(part for part in rest if not part.startswith("set by hand"))])
