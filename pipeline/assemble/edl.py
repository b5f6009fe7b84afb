# SPDX-License-Identifier: Apache-2.0
"""Write the cut as an edit decision list: `timeline.edl` (CMX 3600)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from manifests import layout
from manifests.rows import Cut
from manifests.timebase import format_timecode, round_half_up
from pipeline.assemble.edit_list import find_dissolve_span
from pipeline.assemble.timeline import Programme, to_single_line


def write_edl(programme: Programme, *, folder: Path) -> Path:
    """Write `timeline.edl`: one event per cut, record times from 00:00:00:00.

    Source names stand in `FROM CLIP NAME` comments.
    """
    path = folder / layout.EDL
    path.write_text("\n".join(build_edl_lines(programme)) + "\n", encoding="utf-8")
    return path


def build_edl_lines(programme: Programme) -> list[str]:
    """Build the lines of a CMX 3600 edit decision list.

    Times are timecode at the delivery rate (drop-frame at 30000/1001).
    """
    rate = programme.rate
    drop = format_timecode(0, rate)[-3] == ";"
    lines = [
        f"TITLE: {to_single_line(programme.title)[:70]}",
        f"FCM: {'DROP FRAME' if drop else 'NON-DROP FRAME'}",
    ]
    # a CMX list knows one picture at a time
    base = [cut for cut in programme.cuts if not cut.layer]
    for number, (before, cut, after) in enumerate(
        zip([None, *base], base, [*base[1:], None], strict=False), start=1
    ):
        end = find_dissolve_span(after)[0] if after else cut.end_frame
        lines += _format_event(number, before, cut, end=end, rate=rate)
    return lines


def _format_event(
    number: int, before: Cut | None, cut: Cut, *, end: int, rate: Fraction
) -> list[str]:
    """Format one event, until the next one begins (`end`).

    A dissolve is two lines with one number, the first of no length. It begins where the incoming
    picture does.
    """
    start = find_dissolve_span(cut)[0]
    source = max(cut.take_frame - (cut.start_frame - start), 0)
    times = [format_timecode(frame, rate) for frame in (source, source + end - start, start, end)]
    incoming = to_single_line(cut.number)
    if not cut.dissolve_frames or before is None:
        line = _format_line(number, cut, "C       ", times)
        return [line, f"* FROM CLIP NAME: {incoming}"]
    out = format_timecode(before.take_frame + before.frames - (cut.start_frame - start), rate)
    at = format_timecode(start, rate)
    return [
        _format_line(number, before, "C       ", [out, out, at, at]),
        _format_line(number, cut, f"D    {cut.dissolve_frames:03}", times),
        f"* FROM CLIP NAME: {to_single_line(before.number)}",
        f"* TO CLIP NAME: {incoming}",
    ]


def _format_line(number: int, cut: Cut, transition: str, times: Sequence[str]) -> str:
    reel = _name_reel(cut.number, number)
    return f"{number:03}  {reel:<8} V     {transition} {' '.join(times)}"


def _name_reel(number: str, order: int) -> str:
    """Shorten a shot's number to eight characters, the limit of CMX reels.

    A number without letters or digits becomes the number of the event.
    """
    plain = re.sub(r"[^A-Za-z0-9]", "", number).upper()
    return plain[-8:] or f"EV{round_half_up(Fraction(order)):06}"
