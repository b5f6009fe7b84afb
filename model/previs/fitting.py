# SPDX-License-Identifier: Apache-2.0
"""Find which of the known words are heard, and about when, by phones.

The phones of the words are matched with phones that a decoder heard. Where a cut takes words away,
or somebody says what is not written, the rest is still found. `phones` then aligns each run for
exact times. Method: local alignment (Smith & Waterman 1981), then again in what is left on either
side.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

VOWELS = frozenset(
    ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
)
SAME, SAME_KIND, OTHER, SKIP = 3.0, 0.5, -2.0, -1.5
LEAST = 14.0  # score of a run that is worth aligning: about six phones of which most were heard
NEAR = 0.5  # share of its phones that must match for a word at either end of a run


@dataclass(frozen=True, slots=True, kw_only=True)
class WordRun:
    """Words [first, last) that were heard, as the decoded phones [start, end)."""

    first: int
    last: int
    start: int
    end: int


def find_runs(words: Sequence[Sequence[str]], decoded: Sequence[str]) -> list[WordRun]:
    """Find runs of words in decoded phones, in order.

    `words`: the phones of each word; `decoded`: phones without silences.
    """
    best = _find_best_run(words, decoded)
    if best is None:
        return []
    before = find_runs(words[: best.first], decoded[: best.start])
    after = find_runs(words[best.last :], decoded[best.end :])
    moved = [
        WordRun(
            first=r.first + best.last,
            last=r.last + best.last,
            start=r.start + best.end,
            end=r.end + best.end,
        )
        for r in after
    ]
    return [*before, best, *moved]


def _find_best_run(words: Sequence[Sequence[str]], decoded: Sequence[str]) -> WordRun | None:
    """Find the run that fits best, of whole words only."""
    known = [phone for word in words for phone in word]
    pairs = _align_phones(known, decoded)
    if not pairs:
        return None
    met = {at: place for at, place in pairs if known[at] == decoded[place]}
    starts = np.concatenate([[0], np.cumsum([len(word) for word in words])]).tolist()
    shares = [
        sum(at in met for at in range(low, high)) / max(high - low, 1)
        for low, high in itertools.pairwise(starts)
    ]
    sure = [number for number, share in enumerate(shares) if share >= NEAR]
    if not sure:
        return None
    first, last = sure[0], sure[-1] + 1
    inside = [place for at, place in pairs if starts[first] <= at < starts[last]]
    return WordRun(first=first, last=last, start=inside[0], end=inside[-1] + 1)


def _align_phones(known: Sequence[str], decoded: Sequence[str]) -> list[tuple[int, int]]:
    """Return the best local alignment as pairs of places, or nothing when it is poor."""
    scores = np.zeros((len(known) + 1, len(decoded) + 1))
    for row, phone in enumerate(known, 1):
        for column, other in enumerate(decoded, 1):
            met = scores[row - 1, column - 1] + _score_pair(phone, other)
            skipped = max(scores[row - 1, column], scores[row, column - 1]) + SKIP
            scores[row, column] = max(met, skipped, 0.0)
    if scores.max() < LEAST:
        return []
    row, column = (int(place) for place in np.unravel_index(scores.argmax(), scores.shape))
    pairs = []
    while scores[row, column] > 0:
        if scores[row, column] == scores[row - 1, column - 1] + _score_pair(
            known[row - 1], decoded[column - 1]
        ):
            row, column = row - 1, column - 1
            pairs.append((row, column))
        elif scores[row, column] == scores[row - 1, column] + SKIP:
            row -= 1
        else:
            column -= 1
    return pairs[::-1]


def _score_pair(phone: str, other: str) -> float:
    if phone == other:
        return SAME
    return SAME_KIND if (phone in VOWELS) == (other in VOWELS) else OTHER
