# SPDX-License-Identifier: Apache-2.0
"""Checks that need the picture: do the cuts lie where the edit list says, and does the background keep still within a shot?

The file is decoded once at thumbnail size. Measures are plain differences of luma; nothing here knows what a face is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from manifests.rows import Check, Cut
from manifests.timebase import timecode
from pipeline.colour import LUMA
from pipeline.media import read_frames

THUMB = (64, 36)
NEAR_FRAMES = 3  # how far around an edit point the jump is looked for
JUMP = 4.0  # mean luma difference (of 255) of a cut that can be seen at all
STILL = 0.5  # luma levels of 255 by which a corner may wander within a shot

Series = Float64[np.ndarray, " frames"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewing:
    """What was seen, by frame: `change`, the mean luma difference to the frame before (0 for the first); `corner`, the mean luma of the
    upper corners, where no talker moves. Both on a scale of 255."""

    change: Series
    corner: Series


def view(path: Path) -> Viewing:
    """Decode a file at thumbnail size. Raises ToolError."""
    change, corner = [], []
    before = None
    wide, high = THUMB
    for frame in read_frames(path, width=wide, height=high, filters=f"scale={wide}:{high}:flags=area+accurate_rnd"):
        luma = frame.astype(np.float64) @ LUMA
        change.append(0.0 if before is None else float(np.abs(luma - before).mean()))
        corner.append(float(np.concatenate([luma[: high // 6, : wide // 8], luma[: high // 6, -wide // 8 :]]).mean()))
        before = luma
    return Viewing(change=np.array(change), corner=np.array(corner))


def check_cuts(viewing: Viewing, cuts: Sequence[Cut], *, version: str, profile: str, rate: Fraction) -> list[Check]:
    """Every visible plain cut must lie on its frame. One row; a misplaced cut fails with its timecode."""
    wrong = [
        cut
        for cut in cuts
        if cut.start_frame and not cut.layer and not cut.dissolve_frames and _misplaced(viewing.change, cut)
    ]
    return [
        Check(
            version=version,
            profile=profile,
            name="cut points",
            value=f"{len(wrong)} misplaced",
            limit="0 misplaced",
            verdict="fail" if wrong else "pass",
            timecode=timecode(wrong[0].start_frame, rate) if wrong else "",
            advice=f"the picture of {wrong[0].number} does not begin here" if wrong else "",
        )
    ]


def check_steadiness(
    viewing: Viewing, cuts: Sequence[Cut], *, version: str, profile: str, rate: Fraction
) -> list[Check]:
    """How far the upper corners wander in brightness within a shot, at worst. Dissolves are left out."""
    wander = {cut: _wander(viewing.corner, cut) for cut in cuts if not cut.layer and cut.frames > 2}
    worst = max(wander, key=lambda cut: wander[cut], default=None)
    if worst is None:
        return []
    unsteady = wander[worst] > STILL
    return [
        Check(
            version=version,
            profile=profile,
            name="background steadiness",
            value=f"{wander[worst]:.2f} of 255 in {worst.number}",
            limit=f"{STILL:g} of 255",
            verdict="warn" if unsteady else "pass",
            timecode=timecode(worst.start_frame, rate) if unsteady else "",
            advice="the background pumps or moves: look at the take" if unsteady else "",
        )
    ]


def _misplaced(change: Series, cut: Cut) -> bool:
    """Whether there is a jump near the edit point that is not on it."""
    first = max(1, cut.start_frame - NEAR_FRAMES)
    near = change[first : cut.start_frame + NEAR_FRAMES + 1]
    if not len(near) or near.max() < JUMP:
        return False
    return first + int(np.argmax(near)) != cut.start_frame


def _wander(corner: Series, cut: Cut) -> float:
    start = cut.start_frame + cut.dissolve_frames - cut.dissolve_frames // 2
    inside = corner[start : cut.end_frame]
    if len(inside) < 5:
        return 0.0
    smooth = np.convolve(inside, np.ones(5) / 5, mode="valid")  # single frames carry codec noise
    return float(smooth.max() - smooth.min())
