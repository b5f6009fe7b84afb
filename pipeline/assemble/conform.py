# SPDX-License-Identifier: Apache-2.0
"""Conform: take over an editor's changes to the cut from a timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from manifests.errors import InputError, Problem
from manifests.rows import Cut, Shot
from pipeline.assemble.edit_list import split_segments
from pipeline.assemble.timeline_reader import TimelineClip, read_timeline

RATE_TOLERANCE = 0.002  # frames a second: 29.97 and 30000/1001 are the same


def conform_cuts(cuts: Sequence[Cut], path: Path) -> list[Cut]:
    """Conform the edit list to a timeline: trims, slips, splits, reordering and removals.

    Grades and framing stay. Raises InputError with every clip that is not from this production,
    reaches outside its take, has another rate or speed, or leaves a gap or an overlap, and with a
    dissolve that is not possible. A shot that is to last longer than its take must be generated
    anew: ask for handles (`[cut] handle_frames`).
    """
    ours = {Path(cut.take_path).name: cut for cut in cuts} | {cut.shot_id: cut for cut in cuts}
    events = sorted(read_timeline(path), key=lambda event: (event.start, event.layer))
    found = [ours.get(event.shot_id or event.file) for event in events]
    problems = [
        problem
        for event, cut in zip(events, found, strict=True)
        for problem in _find_problems(event, cut, path)
    ]
    problems += _find_gaps([event for event in events if not event.layer], path)
    if problems:
        raise InputError(problems)
    conformed = [
        replace(
            cut,
            order=order,
            start_frame=event.start,
            end_frame=event.end,
            take_frame=event.take_frame,
            dissolve_frames=event.dissolve_frames,
        )
        for order, (event, cut) in enumerate(zip(events, found, strict=True))
        if cut is not None
    ]
    try:
        split_segments(conformed)
    except ValueError as error:
        raise InputError(Problem(file=path.name, message=str(error))) from error
    return conformed


def find_moved_cuts(cuts: Sequence[Cut], shots: Mapping[str, Shot]) -> list[tuple[Cut, int]]:
    """Find the shots of people who speak that are out of sync with their sound.

    Each comes with the number of frames that it is late.
    """
    apart = [
        (cut, cut.start_frame - cut.take_frame - shots[cut.shot_id].first_drawn) for cut in cuts
    ]
    return [(cut, late) for cut, late in apart if late and shots[cut.shot_id].role == "speaking"]


def _find_problems(event: TimelineClip, cut: Cut | None, path: Path) -> list[Problem]:
    """Find everything that is wrong with one clip."""
    found = [Problem(file=path.name, message=f"{event.name} {reason}") for reason in event.unfit]
    if cut is None:
        return found or [
            Problem(
                file=path.name, message=f"the clip {event.name!r} is no shot of this production"
            )
        ]
    if event.layer != cut.layer:
        message, expected = (
            f"{event.name} lies on picture track {event.layer + 1}",
            f"track {cut.layer + 1}",
        )
        found.append(Problem(file=path.name, message=message, expected=expected))
    if event.end <= event.start:
        found.append(Problem(file=path.name, message=f"{event.name} is empty"))
    rate = Fraction(cut.rate_num, cut.rate_den) if cut.rate_num else None
    if rate and abs(event.rate - float(rate)) > RATE_TOLERANCE:
        message = f"the times of {event.name} are in another frame rate"
        found.append(
            Problem(
                file=path.name, message=message, expected=f"{float(rate):g}", got=f"{event.rate:g}"
            )
        )
    available = cut.take_frames or cut.take_frame + cut.frames
    last = event.take_frame + event.end - event.start
    if event.take_frame < 0 or last > available:
        message, got = (
            f"{event.name} reaches outside its take",
            f"frames {event.take_frame} to {last}",
        )
        found.append(
            Problem(file=path.name, message=message, expected=f"0 to {available}", got=got)
        )
    return found


def _find_gaps(events: Sequence[TimelineClip], path: Path) -> list[Problem]:
    ends = [0, *(event.end for event in events)]
    return [
        Problem(
            file=path.name,
            message=f"{event.name} starts at frame {event.start}",
            expected=f"frame {end}",
        )
        for end, event in zip(ends, events, strict=False)
        if event.start != end
    ]
