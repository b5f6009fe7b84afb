# SPDX-License-Identifier: Apache-2.0
"""What a version must be marked with: slates in place of skipped shots, and takes of several
talkers in one film. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from manifests.delivery_rows import Check
from manifests.rows import Cut
from pipeline.render.slate import SLATE

MARKS = ("slates", "talkers")
NAMED = 12  # shots that are named before the rest is counted


def check_marks(cuts: Sequence[Cut], *, version: str) -> list[Check]:
    """A warning for slates and one for mixed talkers; none for a film that is of one kind."""
    labels = Counter(cut.label for cut in cuts)
    slates = labels.pop(SLATE, 0)
    checks = []
    if slates:
        names = [cut.number for cut in cuts if cut.label == SLATE]
        more = f" and {slates - NAMED} more" if slates > NAMED else ""
        advice = f"skipped: {', '.join(names[:NAMED])}{more}; `callsheet shot release` takes them up again"
        checks.append(_warning("slates", f"{slates} of {len(cuts)} shots", "none", advice, version))
    if len(labels) > 1:
        value = ", ".join(f"{count} {label}" for label, count in sorted(labels.items()))
        advice = "a mixed version: approve the rest (`callsheet shot approve`) to have all of it drawn by one talker"
        checks.append(_warning("talkers", value, "one", advice, version))
    return checks


def _warning(name: str, value: str, limit: str, advice: str, version: str) -> Check:
    return Check(
        version=version,
        profile="all",
        name=name,
        value=value,
        limit=limit,
        verdict="warn",
        advice=advice,
    )


def describe_marks(checks: Sequence[Check]) -> list[str]:
    """What a version is marked with, in words: `slates: 1 of 4 shots`."""
    return [f"{check.name}: {check.value}" for check in checks if check.name in MARKS]
