# SPDX-License-Identifier: Apache-2.0
"""Describe the checks of a version for the review page, and find the shots they are about.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from flows.review.document import CheckEntry, Waiver
from flows.review.snapshot import Snapshot
from manifests.delivery_rows import Check
from manifests.rows import Cut
from manifests.timebase import round_half_up

_NUMBER = re.compile(r"\bsc\w+_sh\w+\b")
_TIMECODE = re.compile(r"(\d+):(\d\d):(\d\d)[:;](\d\d)")


def describe_checks(snapshot: Snapshot, starts: int) -> list[CheckEntry]:
    """Describe the version's checks; those that name a time or a shot know their shot.

    `starts`: the frame of the version's file at which the programme begins.
    """
    rate = snapshot.project.production.rate
    base = sorted((cut for cut in snapshot.cuts if not cut.layer), key=lambda cut: cut.start_frame)
    numbers = {cut.number for cut in snapshot.cuts}
    return [
        _describe_check(row, snapshot, place=_find_place(row, base, numbers, (rate, starts)))
        for row in snapshot.checks
    ]


def _describe_check(
    row: Check, snapshot: Snapshot, *, place: tuple[int | None, str | None]
) -> CheckEntry:
    waiver = snapshot.waived.get((row.profile, row.name)) if row.verdict == "fail" else None
    waived = Waiver(who=waiver["by"], at=waiver["at"], why=waiver["reason"]) if waiver else None
    state = "waived" if waiver else {"pass": "ok", "fail": "failed"}.get(row.verdict, row.verdict)
    return CheckEntry(
        id=f"{row.profile}: {row.name}",
        name=row.name,
        profile=row.profile,
        state=state,
        ok=row.verdict != "fail" or bool(waiver),
        waived=waived,
        value=row.value,
        limit=row.limit,
        says=row.advice,
        frame=place[0],
        shot=place[1],
    )


def _find_place(
    row: Check, base: Sequence[Cut], numbers: set[str], clock: tuple[Fraction, int]
) -> tuple[int | None, str | None]:
    """Find the frame of the timeline and the shot that a check is about."""
    found = _TIMECODE.search(row.timecode)
    if found:
        frame = _count_frame(found, clock[0]) - clock[1]
        shot = next((cut.number for cut in base if cut.start_frame <= frame < cut.end_frame), None)
        return (frame, shot) if frame >= 0 else (None, None)
    named = next(
        (name for name in _NUMBER.findall(f"{row.value} {row.advice}") if name in numbers), None
    )
    return None, named


def _count_frame(found: re.Match[str], rate: Fraction) -> int:
    """Count the frame of a timecode, near enough to find its shot at drop-frame rates."""
    hours, minutes, seconds, frames = map(int, found.groups())
    return round_half_up((hours * 3600 + minutes * 60 + seconds) * rate) + frames
