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
    enlarged = {cut: _measure_enlargement(cut, size) for cut in cuts}
    largest = max(cuts, key=lambda cut: enlarged[cut], default=None)
    flagged = {grade.grade_id for grade in grades if grade.limited}
    limited = [cut for cut in cuts if cut.grade_id in flagged]
    held = edit_list.count_held_frames(cuts)
    verdicts = [
        CheckVerdict(
            "grade limit",
            _list_numbers(limited),
            "none",
            "warn" if limited else "pass",
            at=_find_start(limited, rate),
            advice="the cast is larger than [look] allows: mend the portrait or raise the limit",
        ),
        CheckVerdict(
            "held frames",
            f"{sum(held.values())} frames",
            "0 frames",
            "warn" if held else "pass",
            advice="a dissolve reaches past the take: shorten it",
        ),
    ]
    if largest is not None:
        times = enlarged[largest]
        verdict = "warn" if times > LARGEST_ENLARGEMENT else "pass"
        value, limit = f"{times:.2f} times in {largest.number}", f"{LARGEST_ENLARGEMENT:g} times"
        advice = "the picture is softer than it could be: generate larger, or use a larger portrait"
        verdicts.append(
            CheckVerdict(
                "enlargement", value, limit, verdict, at=_find_start([largest], rate), advice=advice
            )
        )
    return [build_check(verdict, version, "edit", rate) for verdict in verdicts]


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
