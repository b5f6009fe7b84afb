# SPDX-License-Identifier: Apache-2.0
"""Checks of the edit list: enlarged takes, colour casts over the limit, dissolves past handles."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from manifests.delivery_rows import Check
from manifests.rows import Cut, Grade
from pipeline.assemble import edit_list
from pipeline.checks.check_verdict import CheckVerdict, build_check

LARGEST_ENLARGEMENT = 1.5  # beyond it a 1080p screen shows the softness


def check_edit(
    cuts: Sequence[Cut],
    grades: Sequence[Grade],
    *,
    version: str,
    size: tuple[int, int],
    rate: Fraction,
) -> list[Check]:
    """Check what the edit list itself shows, without opening a file.

    It finds takes enlarged beyond their pixels, casts over the limit, and dissolves without
    handles.
    """
    verdicts = [_check_grades(cuts, grades, rate), _check_held_frames(cuts)]
    if cuts:
        verdicts.append(_check_enlargement(cuts, size, rate))
    return [build_check(verdict, version, "edit", rate) for verdict in verdicts]


def _check_grades(cuts: Sequence[Cut], grades: Sequence[Grade], rate: Fraction) -> CheckVerdict:
    flagged = {grade.grade_id for grade in grades if grade.limited}
    limited = [cut for cut in cuts if cut.grade_id in flagged]
    return CheckVerdict(
        "grade limit",
        _list_numbers(limited),
        "none",
        "warn" if limited else "pass",
        at=_find_start(limited, rate),
        advice="the colour cast is stronger than [look] limit allows: "
        "correct the portrait or raise the limit",
    )


def _check_held_frames(cuts: Sequence[Cut]) -> CheckVerdict:
    held = edit_list.count_held_frames(cuts)
    verdict, value = "warn" if held else "pass", f"{sum(held.values())} frames"
    advice = "a dissolve is longer than the handles of its take: shorten the dissolve"
    return CheckVerdict("held frames", value, "0 frames", verdict, advice=advice)


def _check_enlargement(cuts: Sequence[Cut], size: tuple[int, int], rate: Fraction) -> CheckVerdict:
    enlarged = {cut: _measure_enlargement(cut, size) for cut in cuts}
    largest = max(cuts, key=lambda cut: enlarged[cut])
    return CheckVerdict(
        "enlargement",
        f"{enlarged[largest]:.2f} times in {largest.number}",
        f"{LARGEST_ENLARGEMENT:g} times",
        "warn" if enlarged[largest] > LARGEST_ENLARGEMENT else "pass",
        at=_find_start([largest], rate),
        advice="the picture looks soft: generate a larger one, or use a larger portrait",
    )


def _measure_enlargement(cut: Cut, size: tuple[int, int]) -> float:
    """Measure how many times a take's pixels are enlarged to fill their place."""
    if cut.crop_box is None:
        return 1.0
    wide, high = cut.place_box.size if cut.place_box else size
    return max(wide / cut.crop_box.width, high / cut.crop_box.height)


def _list_numbers(cuts: Sequence[Cut]) -> str:
    return (
        ", ".join(cut.number for cut in cuts[:5]) + (" ..." if len(cuts) > 5 else "")
        if cuts
        else "none"
    )


def _find_start(cuts: Sequence[Cut], rate: Fraction) -> float | None:
    return float(cuts[0].start_frame / rate) if cuts else None
