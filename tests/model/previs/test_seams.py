# SPDX-License-Identifier: Apache-2.0
"""A long shot that was split goes on across the seam: head, lids and gaze of the second piece begin
where those of the first ended."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from model.emotion import Performance, hold_emotion
from model.previs import score
from model.previs.warp import Pose
from model.talker import Speech

RATE = Fraction(25)
FRAMES, SEAM = 200, 120


def poses(first: int, last: int, *, before: int) -> list[Pose]:
    """Frames `[first, last)` of eight silent seconds, as a shot of their own."""
    samples = np.zeros(8 * 16000, np.float32)
    speech = Speech(
        samples=samples, lead=first * 640, frames=last - first, rate=RATE, before_frames=before
    )
    mood = Performance.from_curve(hold_emotion("happy", 0.5), start=-first, end=FRAMES - first)
    return list(score.make_poses(speech, mood, 7, phones=None))


def distance(one: Pose, other: Pose) -> float:
    return float(
        np.abs(np.concatenate([one.head - other.head, np.subtract(one.gaze, other.gaze)])).max()
    )


def test_the_pieces_are_the_frames_of_the_whole() -> None:
    whole = poses(0, FRAMES, before=0)
    pieces = poses(0, SEAM, before=0) + poses(SEAM, FRAMES, before=SEAM)
    assert max(distance(*pair) for pair in zip(whole, pieces, strict=True)) < 1e-6
    lids = (np.array([pose.lids for pose in some]) for some in (whole, pieces))
    np.testing.assert_allclose(*lids, atol=1e-6)


def test_without_the_clock_of_the_stretch_the_head_would_jump() -> None:
    last, jumped = poses(0, SEAM, before=0)[-1], poses(SEAM, FRAMES, before=0)[0]
    going_on = poses(SEAM, FRAMES, before=SEAM)[0]
    assert distance(last, jumped) > 3 * distance(last, going_on)
