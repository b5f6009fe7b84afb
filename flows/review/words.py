# SPDX-License-Identifier: Apache-2.0
"""Rows in people's words, for the review page: what is performed, what was decided, cues as they
are after a correction. Pure.
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

LEAST = 0.005  # of a weight that is worth a word
STOPS = 4  # moods that are named before the rest is an ellipsis


def list_weights(weights: Sequence[float]) -> dict[str, float]:
    """The labels that weigh something.

    >>> mix([0, 0, 0, 0, 0.8, 0, 0, 0.2])
    {'happy': 0.8, 'surprised': 0.2}
    """
    return {
        label: round(weight, 4)
        for label, weight in zip(LABELS, weights, strict=True)
        if round(weight, 4) > LEAST
    }


def describe_emotion(keys: Iterable[Sequence[float]]) -> str:
    """What a performance shows, as a curve in words.

    >>> emotion([[0, 0, 0, 0, 0, 0, 1, 0, 0], [20, 0.9, 0, 0, 0, 0, 0, 0, 0]])
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
    return " -> ".join(named if len(named) <= STOPS else [*named[: STOPS - 1], "...", named[-1]])


def describe_decision(name: str, detail: Mapping[str, Any]) -> str:
    """What somebody decided."""
    if name == "cue":
        return _cue(str(detail["field"]), str(detail["value"]))
    return DECIDED.get(name, "").format_map(detail)


DECIDED = {
    "note": "{text}",
    "priority": "priority {priority}",
    "seed": "another take, with seed {seed}",
    "directed": "performed {words}",
    "circled": "the take with seed {seed}",
    "waived": "{reason}",
    "retry": "tried again",
    "skipped": "a slate goes out in its place",
}


def _cue(field: str, value: str) -> str:
    if field in ("start", "end"):
        return (
            f"{field} at {format_clock(int(value) / MASTER_HZ)}"
            if value
            else f"{field} as it was heard"
        )
    if field == "ignore":
        return "left out" if value else "no longer left out"
    return f"{field} {value}" if value else f"{field} as it was heard"


def apply_overrides(cues: Sequence[Cue], decided: Sequence[CueOverride]) -> list[Cue]:
    """The cues with those decisions that they do not show yet. A choice between takes needs the
    sound and is left to the next plan.
    """
    now = {cue.line_id: cue for cue in cues}
    fresh = [
        one
        for (line_id, field), one in cue_overrides.select_latest(decided).items()
        if line_id in now and field != "take" and not _shows(now[line_id], field, one.value)
    ]
    found = Alignment(cues=list(cues), takes={}, chosen={}, names={}, unscripted=[])
    changed = cue_overrides.apply(found, fresh).cues
    return [
        after if after.reasons == before.reasons else replace(after, reasons=_once(after.reasons))
        for before, after in zip(cues, changed, strict=True)
    ]


def _shows(cue: Cue, field: str, value: str) -> bool:
    """Whether a cue is as a decision says. A decision that was taken back shows only after the next
    plan, and is not shown here.
    """
    if field == "ignore":
        return cue.reasons.startswith("ignored") == bool(value)
    now = {"start": str(cue.start), "end": str(cue.end), "character": cue.character}[field]
    return not value or value == now


def _once(reasons: str) -> str:
    """`set by hand` is said once, however often it was."""
    first, *rest = reasons.split("; ")
    return "; ".join([first, *(part for part in rest if not part.startswith("set by hand"))])
