# SPDX-License-Identifier: Apache-2.0
"""Checks of a finished file's picture: cut points, steadiness of the background, flicker.

The file is decoded once at thumbnail size. Measures are plain differences of luma; the edit list
says where the faces are.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64

from manifests.delivery_rows import Check
from manifests.rows import Cut
from manifests.timebase import format_timecode
from pipeline.checks.check_faces import ExpectedFace
from pipeline.colour.colour import LUMA
from pipeline.media import read_frames

THUMB = (64, 36)
NEAR_FRAMES = 3  # how far around an edit point the jump is looked for
JUMP = 4.0  # mean luma difference (of 255) of a cut that can be seen at all
BLOCK = 4  # thumbnail px; flicker is measured in blocks of 4 x 4
# Levels of 255 by which blocks outside the face may jump from their running median (root mean
# square).
FLICKER = 0.4
# of the face box: how far hair and cheeks reach beside it and above it; below it is the body
FACE_GROWTH = (0.5, 0.6)
CORNER = 12  # the share of the height that counts as upper corner is one in so many
STILL = 0.5  # luma levels of 255 by which a corner may wander within a shot

Series = Float64[np.ndarray, " frames"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureMeasures:
    """Measures of the picture by frame, on a scale of 255.

    `change`: mean luma difference to the frame before (0 for the first). `corner`: mean luma of the
    upper corners, where no talker moves. `blocks`: mean luma of each block.
    """

    change: Series
    corner: Series
    blocks: Float32[np.ndarray, "frames rows columns"]


def measure_picture(path: Path) -> PictureMeasures:
    """Measure a file at thumbnail size. Raises ToolError."""
    change, corner, blocks = [], [], []
    before = None
    wide, high = THUMB
    for frame in read_frames(
        path, width=wide, height=high, filters=f"scale={wide}:{high}:flags=area+accurate_rnd"
    ):
        luma = frame.astype(np.float64) @ LUMA
        change.append(0.0 if before is None else float(np.abs(luma - before).mean()))
        # in an upright picture hair comes lower into the corners than this
        top = luma[: high // CORNER]
        corner.append(float(np.concatenate([top[:, : wide // 8], top[:, -wide // 8 :]]).mean()))
        blocks.append(
            luma.reshape(high // BLOCK, BLOCK, wide // BLOCK, BLOCK)
            .mean(axis=(1, 3))
            .astype(np.float32)
        )
        before = luma
    stacked = (
        np.stack(blocks) if blocks else np.zeros((0, high // BLOCK, wide // BLOCK), np.float32)
    )
    return PictureMeasures(change=np.array(change), corner=np.array(corner), blocks=stacked)


def check_cuts(
    measures: PictureMeasures, cuts: Sequence[Cut], *, version: str, profile: str, rate: Fraction
) -> list[Check]:
    """Check that every visible plain cut lies on its frame.

    The result is one row; a misplaced cut fails with its timecode.
    """
    plain = [cut for cut in cuts if cut.start_frame and not cut.layer and not cut.dissolve_frames]
    wrong = [cut for cut in plain if _is_misplaced(measures.change, cut)]
    return [
        Check(
            version=version,
            profile=profile,
            name="cut points",
            value=f"{len(wrong)} misplaced",
            limit="0 misplaced",
            verdict="fail" if wrong else "pass",
            timecode=format_timecode(wrong[0].start_frame, rate) if wrong else "",
            advice=f"the picture of {wrong[0].number} does not begin here" if wrong else "",
        )
    ]


def check_steadiness(
    measures: PictureMeasures, cuts: Sequence[Cut], *, version: str, profile: str, rate: Fraction
) -> list[Check]:
    """Check how far the upper corners wander in brightness within a shot, at worst.

    Dissolves are left out.
    """
    base = [cut for cut in cuts if not cut.layer]
    ends = {
        cut: after.start_frame - after.dissolve_frames // 2
        for cut, after in itertools.pairwise(base)
    }
    wander = {
        cut: _measure_wander(measures.corner, cut, ends.get(cut, cut.end_frame))
        for cut in base
        if cut.frames > 2
    }
    about = {"version": version, "profile": profile, "name": "background steadiness"}
    return _report_worst(
        wander, STILL, about, rate=rate, advice="the background pumps or moves: check the take"
    )


def check_flicker(
    measures: PictureMeasures,
    scenes: Sequence[ExpectedFace],
    *,
    version: str,
    profile: str,
    rate: Fraction,
) -> list[Check]:
    """Check how much the picture outside the face and the body flickers within a shot, at worst.

    Slow changes belong to `check_steadiness`.
    """
    restless = {
        scene.cut: found
        for scene in scenes
        if (found := _measure_flicker(measures.blocks, scene)) is not None
    }
    about = {"version": version, "profile": profile, "name": "flicker outside the face"}
    return _report_worst(
        restless, FLICKER, about, rate=rate, advice="the background flickers: check the take"
    )


def _report_worst(
    found: Mapping[Cut, float],
    limit: float,
    about: Mapping[str, str],
    *,
    rate: Fraction,
    advice: str,
) -> list[Check]:
    """Report the shot with the highest measure, with a warning over the limit.

    There is no row when nothing was measured.
    """
    worst = max(found, key=lambda cut: found[cut], default=None)
    if worst is None:
        return []
    over = found[worst] > limit
    return [
        Check(
            **about,
            value=f"{found[worst]:.2f} of 255 in {worst.number}",
            limit=f"{limit:g} of 255",
            verdict="warn" if over else "pass",
            timecode=format_timecode(worst.start_frame, rate) if over else "",
            advice=advice if over else "",
        )
    ]


def _measure_flicker(
    blocks: Float32[np.ndarray, "frames rows columns"], scene: ExpectedFace
) -> float | None:
    """Measure how far blocks outside the face jump from their running median (root mean square).

    The result is None when too few blocks or frames are left.
    """
    from scipy.ndimage import median_filter

    cut = scene.cut
    inside = blocks[
        cut.start_frame + cut.dissolve_frames - cut.dissolve_frames // 2 : cut.end_frame
    ]
    outside = _select_outside(scene, blocks.shape[1:])
    if len(inside) < 8 or outside.sum() < 4:
        return None
    seen = inside[:, outside]
    jumps = seen - median_filter(seen, size=(5, 1), mode="nearest")
    return float(np.sqrt((jumps**2).mean()))


def _select_outside(
    scene: ExpectedFace, shape: tuple[int, ...]
) -> Bool[np.ndarray, "rows columns"]:
    """Select the blocks of a shot's picture that hold neither its face nor what is below it."""
    down, across = ((np.arange(count) + 0.5) / count for count in shape)
    left, top, right, bottom = scene.place
    rows, columns = (down > top) & (down < bottom), (across > left) & (across < right)
    wide, high = ((scene.face[side + 2] - scene.face[side]) * FACE_GROWTH[side] for side in (0, 1))
    person = np.outer(
        down > scene.face[1] - high,
        (across > scene.face[0] - wide) & (across < scene.face[2] + wide),
    )
    # shoulders fill the width below the chin
    person |= np.outer(down > scene.face[3], np.ones(shape[1], bool))
    return np.outer(rows, columns) & ~person


def _is_misplaced(change: Series, cut: Cut) -> bool:
    """Check whether there is a jump near the edit point that is not on it."""
    first = max(1, cut.start_frame - NEAR_FRAMES)
    near = change[first : cut.start_frame + NEAR_FRAMES + 1]
    if not len(near) or near.max() < JUMP:
        return False
    return first + int(np.argmax(near)) != cut.start_frame


def _measure_wander(corner: Series, cut: Cut, end: int) -> float:
    start = cut.start_frame + cut.dissolve_frames - cut.dissolve_frames // 2
    inside = corner[start:end]
    if len(inside) < 5:
        return 0.0
    smooth = np.convolve(inside, np.ones(5) / 5, mode="valid")  # single frames carry codec noise
    return float(smooth.max() - smooth.min())
