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
    clips = sorted(read_timeline(path), key=lambda clip: (clip.start, clip.layer))
    pairs = [(clip, ours.get(clip.shot_id or clip.file)) for clip in clips]
    problems = [problem for clip, cut in pairs for problem in _find_problems(clip, cut, path)]
    problems += _find_gaps([clip for clip in clips if not clip.layer], path)
    if problems:
        raise InputError(problems)
    conformed = [
        _conform_cut(cut, clip, order) for order, (clip, cut) in enumerate(pairs) if cut is not None
    ]
    try:
        split_segments(conformed)
    except ValueError as error:
        raise InputError(Problem(file=path.name, message=str(error))) from error
    return conformed


def _conform_cut(cut: Cut, clip: TimelineClip, order: int) -> Cut:
    return replace(
        cut,
        order=order,
        start_frame=clip.start,
        end_frame=clip.end,
        take_frame=clip.take_frame,
        dissolve_frames=clip.dissolve_frames,
    )


def find_moved_cuts(cuts: Sequence[Cut], shots: Mapping[str, Shot]) -> list[tuple[Cut, int]]:
    """Find the shots of people who speak that are out of sync with their sound.

    Each comes with the number of frames that it is late.
    """
    apart = [
        (cut, cut.start_frame - cut.take_frame - shots[cut.shot_id].first_drawn) for cut in cuts
    ]
    return [(cut, late) for cut, late in apart if late and shots[cut.shot_id].role == "speaking"]


def _find_problems(clip: TimelineClip, cut: Cut | None, path: Path) -> list[Problem]:
    """Find everything that is wrong with one clip."""
    problems = [Problem(file=path.name, message=f"{clip.name} {reason}") for reason in clip.unfit]
    if cut is None:
        message = f"the clip {clip.name!r} is not a shot of this production"
        return problems or [Problem(file=path.name, message=message)]
    if clip.layer != cut.layer:
        message = f"{clip.name} lies on picture track {clip.layer + 1}"
        track = f"track {cut.layer + 1}"
        problems.append(Problem(file=path.name, message=message, expected=track))
    if clip.end <= clip.start:
        problems.append(Problem(file=path.name, message=f"{clip.name} is empty"))
    return problems + _find_rate_problems(clip, cut, path) + _find_range_problems(clip, cut, path)


def _find_rate_problems(clip: TimelineClip, cut: Cut, path: Path) -> list[Problem]:
    rate = Fraction(cut.rate_num, cut.rate_den) if cut.rate_num else None
    if rate is None or abs(clip.rate - float(rate)) <= RATE_TOLERANCE:
        return []
    message, expected = f"{clip.name} has times in another frame rate", f"{float(rate):g}"
    return [Problem(file=path.name, message=message, expected=expected, got=f"{clip.rate:g}")]


def _find_range_problems(clip: TimelineClip, cut: Cut, path: Path) -> list[Problem]:
    available = cut.take_frames or cut.take_frame + cut.frames
    last = clip.take_frame + clip.end - clip.start
    if clip.take_frame >= 0 and last <= available:
        return []
    message, got = f"{clip.name} reaches outside its take", f"frames {clip.take_frame} to {last}"
    return [Problem(file=path.name, message=message, expected=f"0 to {available}", got=got)]


def _find_gaps(clips: Sequence[TimelineClip], path: Path) -> list[Problem]:
    ends = [0, *(clip.end for clip in clips)]
    return [
        Problem(
            file=path.name,
            message=f"{clip.name} starts at frame {clip.start}",
            expected=f"frame {end}",
        )
        for end, clip in zip(ends, clips, strict=False)
        if clip.start != end
    ]
