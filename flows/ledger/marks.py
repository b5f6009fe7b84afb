# SPDX-License-Identifier: Apache-2.0
"""Mark versions that hold slates for skipped shots, or takes of several talkers.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from manifests.delivery_rows import Check
from manifests.rows import Cut
from pipeline.render.slate import SLATE

MARKS = ("slates", "talkers")
MOST_NAMED = 12  # shots that are named before the rest is counted


def check_marks(cuts: Sequence[Cut], *, version: str) -> list[Check]:
    """Warn of slates, and of several talkers; return nothing when there are neither."""
    labels = Counter(cut.label for cut in cuts)
    checks = [_warn_of_slates(cuts, version)] if labels.pop(SLATE, 0) else []
    if len(labels) > 1:
        value = ", ".join(f"{count} {label}" for label, count in sorted(labels.items()))
        advice = (
            "the version mixes talkers; approve the remaining shots (`callsheet shot approve`)"
            " to render them all with one talker"
        )
        checks.append(_warn("talkers", value, "one", advice, version))
    return checks


def _warn_of_slates(cuts: Sequence[Cut], version: str) -> Check:
    names = [cut.number for cut in cuts if cut.label == SLATE]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    advice = (
        f"skipped: {', '.join(names[:MOST_NAMED])}{more}; `callsheet shot release` brings them back"
    )
    return _warn("slates", f"{len(names)} of {len(cuts)} shots", "none", advice, version)


def _warn(name: str, value: str, limit: str, advice: str, version: str) -> Check:
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
    """Describe the marks among these checks in words: `slates: 1 of 4 shots`."""
    return [f"{check.name}: {check.value}" for check in checks if check.name in MARKS]
