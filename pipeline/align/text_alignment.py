# SPDX-License-Identifier: Apache-2.0
"""Finding texts in a stream of heard words: alike words, local alignment, and the best chain of
readings.

Pure arithmetic on tokens. Each line is searched for in the whole stream, so re-takes, swapped and
skipped lines need no special case; a chain through the found readings then prefers the script's
order without insisting on it.

Reference: semi-global alignment after Needleman and Wunsch (1970) and Sellers (1980); the chain is
a Viterbi search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

SKIPPED = 0.5  # cost of a script token that was not heard, in token weights
INSERTED = 0.25  # cost of a heard word that is not in the script
UNLIKE = -0.6  # score of two words that have nothing in common
ALIKE = 0.5  # n-gram similarity from which two words may be one misheard
LEAST_COVERAGE = 0.4  # of a line's weight, to be called a reading of it
MOST_READINGS = 24  # of one line

Scores = Float64[np.ndarray, "tokens words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingCandidate:
    """Line `line` may be heard in words `[start, end)`. `coverage`: how much of it (at most 1);
    `weight`: what the whole line weighs.
    """

    line: int
    start: int
    end: int
    coverage: float
    weight: float

    @property
    def value(self) -> float:
        """How much this reading explains."""
        return self.coverage * self.weight


def weigh_token(token: str) -> float:
    """Long words identify a line, short ones hardly.

    >>> token_weight("a"), token_weight("lighthouse")
    (0.35, 1.0)
    """
    return min(1.0, 0.2 + 0.15 * len(token))


def score_tokens(script: Sequence[str], heard: Sequence[str]) -> Scores:
    """Score of each script token against each heard token: 1 when equal, down to `UNLIKE`; misheard
    words score between.

    Words are compared by the letters, pairs and triples of letters they share (Dice), which
    forgives a misheard syllable.
    """
    grams = {
        gram: i
        for i, gram in enumerate(sorted({g for word in {*script, *heard} for g in _grams(word)}))
    }
    left, right = _holds(script, grams), _holds(heard, grams)
    sizes = left.sum(axis=1)[:, None] + right.sum(axis=1)[None, :]
    dice = 2 * (left @ right.T).astype(np.float64) / np.maximum(sizes, 1)
    scores: Scores = np.where(dice >= ALIKE, 2 * dice - 1, UNLIKE)
    return scores


def search_line(
    scores: Scores, weights: Float64[np.ndarray, " tokens"]
) -> tuple[Float64[np.ndarray, " ends"], Int64[np.ndarray, " ends"]]:
    """Best value of the whole line ending before word j (j = 0 .. words), and the word it then
    starts at.
    """
    count = scores.shape[1]
    best, start = np.zeros(count + 1), np.arange(count + 1)
    for row, weight in zip(scores, weights, strict=True):
        skip = best - SKIPPED * weight
        match = np.concatenate([[-np.inf], best[:-1] + weight * row])
        matched = match > skip
        ended, began = (
            np.where(matched, match, skip),
            np.where(matched, np.concatenate([[0], start[:-1]]), start),
        )
        best, start = _with_insertions(ended, began)
    return ended, began


def find_candidates(
    line: int,
    scores: Scores,
    weights: Float64[np.ndarray, " tokens"],
    *,
    least: float = LEAST_COVERAGE,
) -> list[ReadingCandidate]:
    """Where a line may be heard: the best places, none over another, best first."""
    total = float(weights.sum())
    if not total or not scores.shape[1]:
        return []
    values, starts = search_line(scores, weights)
    found: list[ReadingCandidate] = []
    for end in np.argsort(-values, kind="stable"):
        coverage = float(values[end]) / total
        if coverage < least or len(found) == MOST_READINGS:
            break
        start = int(starts[end])
        if start < end and all(end <= other.start or start >= other.end for other in found):
            found.append(
                ReadingCandidate(
                    line=line, start=start, end=int(end), coverage=coverage, weight=total
                )
            )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class DisorderCosts:
    """What leaving the script's order costs, in token weights."""

    use: float = 0.3  # any reading at all: a chance likeness of one short word explains nothing
    skip: float = 0.3  # per doubling of the lines jumped over
    again: float = 0.8  # the same line once more
    back: float = 1.2  # going back, plus `skip` per doubling of the distance


def chain_candidates(
    found: Sequence[ReadingCandidate], *, order: DisorderCosts | None = None
) -> list[ReadingCandidate]:
    """The readings, in order of words and none over another, that together explain most at the
    least cost of disorder.
    """
    costs = order or DisorderCosts()
    ranked = sorted(found, key=lambda r: (r.end, r.start))
    if not ranked:
        return []
    starts, ends, lines, values = (
        np.array([getattr(r, n) for r in ranked]) for n in ("start", "end", "line", "value")
    )
    total, previous = np.empty(len(ranked)), np.full(len(ranked), -1)
    furthest = int(lines.max()) + 1
    jumps = _jumps(np.arange(-furthest, furthest + 1), costs)
    for i in range(len(ranked)):
        gain = values[i] - costs.use
        total[i] = gain - jumps[lines[i] + 1 + furthest]
        before = int(np.searchsorted(ends, starts[i], side="right"))
        if before:
            reached = total[:before] - jumps[(lines[i] + furthest) - lines[:before]]
            best = int(np.argmax(reached))
            if reached[best] + gain > total[i]:
                total[i], previous[i] = reached[best] + gain, best
    taken: list[ReadingCandidate] = []
    at = int(np.argmax(total))
    if total[at] <= 0:
        return []
    while at >= 0:
        taken.append(ranked[at])
        at = int(previous[at])
    return taken[::-1]


def pair_tokens(scores: Scores, weights: Float64[np.ndarray, " tokens"]) -> list[tuple[int, int]]:
    """Which token is which word, over the whole of both (global alignment); only pairs that are
    alike.
    """
    rows, columns = scores.shape
    table = np.zeros((rows + 1, columns + 1))
    table[1:, 0] = -SKIPPED * np.cumsum(weights)
    table[0, 1:] = -INSERTED * np.arange(1, columns + 1)
    for i in range(rows):
        for j in range(columns):
            table[i + 1, j + 1] = max(
                table[i, j] + weights[i] * scores[i, j],
                table[i, j + 1] - SKIPPED * weights[i],
                table[i + 1, j] - INSERTED,
            )
    found = []
    i, j = rows, columns
    while i and j:
        if np.isclose(table[i, j], table[i - 1, j - 1] + weights[i - 1] * scores[i - 1, j - 1]):
            i, j = i - 1, j - 1
            found += [(i, j)] if scores[i, j] >= 0 else []
        elif np.isclose(table[i, j], table[i - 1, j] - SKIPPED * weights[i - 1]):
            i -= 1
        else:
            j -= 1
    return found[::-1]


def _with_insertions(
    ended: Float64[np.ndarray, " ends"], began: Int64[np.ndarray, " ends"]
) -> tuple[Float64[np.ndarray, " ends"], Int64[np.ndarray, " ends"]]:
    """Let heard words that are not in the script pass, each at a cost: a running maximum along the
    words.
    """
    places = np.arange(len(ended))
    lifted = ended + INSERTED * places
    highest = np.maximum.accumulate(lifted)
    source = np.maximum.accumulate(np.where(lifted == highest, places, 0))
    return highest - INSERTED * places, began[source]


def _jumps(steps: Int64[np.ndarray, " n"], costs: DisorderCosts) -> Float64[np.ndarray, " n"]:
    """Cost of going `steps` lines on: 1 is the next line and free."""
    ahead = costs.skip * np.log2(np.maximum(steps, 1))
    behind = costs.back + costs.skip * np.log2(1 + np.maximum(-steps, 0))
    jumps: Float64[np.ndarray, " n"] = np.where(
        steps > 0, ahead, np.where(steps == 0, costs.again, behind)
    )
    return jumps


def _grams(word: str) -> set[str]:
    padded = f"<{word}>"
    return {
        *word,
        *(padded[i : i + 2] for i in range(len(padded) - 1)),
        *(padded[i : i + 3] for i in range(len(padded) - 2)),
    }


def _holds(texts: Sequence[str], grams: dict[str, int]) -> Float32[np.ndarray, "texts grams"]:
    held = np.zeros((len(texts), len(grams)), dtype=np.float32)
    for i, text in enumerate(texts):
        held[i, [grams[gram] for gram in _grams(text)]] = 1
    return held
