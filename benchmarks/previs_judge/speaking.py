# SPDX-License-Identifier: Apache-2.0
"""Judge the mouth: does its measured gap follow the sound, and is it shut on m, b and p."""

from __future__ import annotations

import numpy as np

from benchmarks.previs_judge.bench import RATE, Bench, measure_gap
from model.level_curve import HZ
from model.previs import visemes
from model.previs.phones import PhoneDecoder

LAGS = range(-12, 13)


def judge_sync(bench: Bench) -> None:
    """Print the correlation of the measured mouth gap with curves of right and wrong sound."""
    right = _curves(bench.samples, bench.frames)
    wrong = _curves(bench.other, bench.frames)
    for emotion in ("neutral", "happy 0.6", "sad 0.6", "angry 0.6", "surprised 0.6", "fear 0.6"):
        gaps = [bench.track(actor, emotion).gap() for actor in bench.actors]
        for name in right:
            met = [_correlate_lagged(gap, right[name]) for gap in gaps]
            r = float(np.mean([value for value, _ in met]))
            other = float(np.mean([_correlate_lagged(gap, wrong[name])[0] for gap in gaps]))
            lags = [lag for _, lag in met]
            result = (
                f"r {r:.2f} lag {min(lags)}..{max(lags)} wrong {other:.2f} ratio "
                f"{r / max(other, 0.05):.1f}"
            )
            print(f"{emotion:14s} {name:7s} {result}")


def _curves(samples: np.ndarray, frames: int) -> dict[str, np.ndarray]:
    """Compute how open a mouth should be at each frame: by the phone decoder, and by the signal."""
    ticks = (np.arange(frames) + 0.5) * HZ / float(RATE) - 0.5
    curves = {}
    for name, phones in (("phones", PhoneDecoder()), ("signal", None)):
        rows = np.concatenate(list(visemes.stream_channels(samples, phones)))
        opening = rows[:, 0] * (1 - 0.95 * rows[:, 3])
        curves[name] = np.interp(ticks, np.arange(len(opening)), opening)
    return curves


def _correlate_lagged(gap: np.ndarray, curve: np.ndarray) -> tuple[float, int]:
    """Find the best correlation over `LAGS`, and its lag of the gap behind the curve (frames)."""
    found = []
    for lag in LAGS:
        a = gap[max(lag, 0) : len(gap) + min(lag, 0)]
        b = curve[max(-lag, 0) : len(curve) + min(-lag, 0)]
        n = min(len(a), len(b))
        found.append((float(np.corrcoef(a[:n], b[:n])[0, 1]), lag))
    return max(found)


def judge_closure(bench: Bench) -> None:
    """Print how often the mouth is shut where the talker heard m, b or p (peaks of its `press`).

    Shut means a gap of at most that at rest + 0.015 IOD.
    """
    press = np.array(
        [pose.speech[visemes.CHANNELS.index("press")] for pose in bench.poses("neutral")]
    )
    peaks = (press[1:-1] >= press[:-2]) & (press[1:-1] > press[2:]) & (press[1:-1] > 0.5)
    centres = np.flatnonzero(peaks) + 1
    for emotion in ("neutral", "happy 0.6", "sad 0.6", "angry 0.6", "surprised 0.6", "happy 1.0"):
        closed: list[bool] = []
        for actor in bench.actors:
            track = bench.track(actor, emotion)
            gap, rest = track.gap(), measure_gap(track.rest)
            closed += [bool(gap[max(at - 1, 0) : at + 2].min() <= rest + 0.015) for at in centres]
        print(
            f"{emotion:14s} {sum(closed)} of {len(closed)} closed ({100 * np.mean(closed):.0f} %)"
        )
