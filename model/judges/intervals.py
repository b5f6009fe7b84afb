# SPDX-License-Identifier: Apache-2.0
"""Estimate 95 % intervals of proportions and means over clips of few people.

Clips of a person are alike, so means are resampled by person, not by clip (cluster bootstrap; Efron
& Tibshirani 1993, ch. 8). When every clip gives the same value, resampling says nothing, so
proportions also use the interval of Wilson (1927).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

DRAWS = 4000
TAILS = (2.5, 97.5)  # per cent
Z = 1.959963984540054  # of the normal distribution, 95 %

Values = Float64[np.ndarray, " clips"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A number, the ends of its 95 % interval, and how many clips it rests on."""

    value: float
    low: float
    high: float
    count: int


def estimate_wilson(right: int, count: int) -> Interval:
    """Estimate a proportion of `count` independent trials (Wilson 1927).

    >>> interval = estimate_wilson(8, 10)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.49, 0.943)
    """
    if not 0 <= right <= count or count == 0:
        raise ValueError(f"{right} of {count} is not a proportion")
    share = right / count
    middle = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = (
        Z
        * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
        / (1 + Z * Z / count)
    )
    return Interval(
        value=share,
        low=0.0 if right == 0 else middle - half,
        high=1.0 if right == count else middle + half,
        count=count,
    )


def estimate_mean(values: Values, groups: Sequence[str], *, seed: int = 0) -> Interval:
    """Estimate a mean over clips; `groups` names the person of each clip.

    A single person says nothing about others: then the ends are nan.
    """
    sums, counts = _sum_by_group(values, groups)
    value = float(sums.sum() / counts.sum())
    if len(sums) < 2:
        return Interval(value=value, low=math.nan, high=math.nan, count=len(values))
    drawn = _draw_groups(len(sums), seed)
    low, high = np.percentile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), TAILS)
    return Interval(value=value, low=float(low), high=float(high), count=len(values))


def estimate_proportion(right: Values, groups: Sequence[str], *, seed: int = 0) -> Interval:
    """Estimate a share of clips (values 0 and 1).

    The ends are the wider ones of the cluster bootstrap and of Wilson's interval.
    """
    resampled = estimate_mean(right, groups, seed=seed)
    trials = estimate_wilson(round(float(right.sum())), len(right))
    low, high = np.nanmin([resampled.low, trials.low]), np.nanmax([resampled.high, trials.high])
    return Interval(value=trials.value, low=float(low), high=float(high), count=trials.count)


def estimate_ratio(
    above: Values, below: Values, groups: Sequence[str], *, seed: int = 0
) -> Interval:
    """Estimate the mean of `above` over the mean of `below`, for the same clips in the same order.

    Persons are resampled for both at once. All is nan when everything below is 0.
    """
    (tops, counts), (bottoms, _) = _sum_by_group(above, groups), _sum_by_group(below, groups)
    value = _divide(tops.sum(), bottoms.sum())
    if len(counts) < 2 or np.isnan(value):
        return Interval(value=float(value), low=math.nan, high=math.nan, count=len(above))
    drawn = _draw_groups(len(counts), seed)
    low, high = np.nanpercentile(
        _divide(tops[drawn].sum(axis=1), bottoms[drawn].sum(axis=1)), TAILS
    )
    return Interval(value=float(value), low=float(low), high=float(high), count=len(above))


def _sum_by_group(values: Values, groups: Sequence[str]) -> tuple[Values, Values]:
    if len(values) != len(groups) or not len(values):
        raise ValueError(f"{len(values)} values for {len(groups)} clips")
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    return np.bincount(place, weights=values), np.bincount(place).astype(np.float64)


def _draw_groups(groups: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, groups, (DRAWS, groups))


def _divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Divide; nan where the divisor is 0."""
    none = np.full_like(np.asarray(above, np.float64), np.nan)
    return np.asarray(np.divide(above, below, out=none, where=np.asarray(below) != 0))
