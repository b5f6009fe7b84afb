# SPDX-License-Identifier: Apache-2.0
"""Find texts in a stream of recognised words: similar words, local alignment, and the best chain.

Pure arithmetic on tokens. Each line is searched for in the whole stream, so re-takes, swapped and
skipped lines need no special case. A chain through the candidates then prefers the script's order
without insisting on it.

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
    """A place where a line may be read: line `line` in words `[start, end)`.

    `coverage`: how much of it is there (at most 1); `weight`: what the whole line weighs.
    """

    line: int
    start: int
    end: int
    coverage: float
    weight: float

    @property
    def value(self) -> float:
        """How much of the words this candidate explains."""
        return self.coverage * self.weight


def weigh_token(token: str) -> float:
    """Weigh a token: long words identify a line, short ones hardly do.

    >>> weigh_token("a"), weigh_token("lighthouse")
    (0.35, 1.0)
    """
    return min(1.0, 0.2 + 0.15 * len(token))


def score_tokens(script: Sequence[str], spoken: Sequence[str]) -> Scores:
    """Score each script token against each heard token: 1 when equal, down to `UNLIKE`.

    Misheard words score between. Words are compared by the letters, pairs and triples of letters
    that they share (Dice), which forgives a misheard syllable.
    """
    grams = {
        gram: i
        for i, gram in enumerate(
            sorted({g for word in {*script, *spoken} for g in _list_grams(word)})
        )
    }
    left, right = _mark_grams(script, grams), _mark_grams(spoken, grams)
    sizes = left.sum(axis=1)[:, None] + right.sum(axis=1)[None, :]
    dice = 2 * (left @ right.T).astype(np.float64) / np.maximum(sizes, 1)
    scores: Scores = np.where(dice >= ALIKE, 2 * dice - 1, UNLIKE)
    return scores


def search_line(
    scores: Scores, weights: Float64[np.ndarray, " tokens"]
) -> tuple[Float64[np.ndarray, " ends"], Int64[np.ndarray, " ends"]]:
    """Compute the best value of the whole line ending before word j, and the word where it starts.

    j runs from 0 to the number of words.
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
        best, start = _allow_insertions(ended, began)
    return ended, began


def find_candidates(
    line: int,
    scores: Scores,
    weights: Float64[np.ndarray, " tokens"],
    *,
    least: float = LEAST_COVERAGE,
) -> list[ReadingCandidate]:
    """Find where a line may be read: the best places without overlaps, best first."""
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
    """Chain candidates without overlaps that explain most at the least cost of disorder.

    The result is in order of words.
    """
    costs = order or DisorderCosts()
    ranked = sorted(found, key=lambda r: (r.end, r.start))
    if not ranked:
        return []
    total, previous = _score_chains(ranked, costs)
    at = int(np.argmax(total))
    if total[at] <= 0:
        return []
    chain: list[ReadingCandidate] = []
    while at >= 0:
        chain.append(ranked[at])
        at = int(previous[at])
    return chain[::-1]


def _score_chains(
    ranked: Sequence[ReadingCandidate], costs: DisorderCosts
) -> tuple[Float64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """Compute the best total of a chain ending in each candidate, and its predecessor or -1."""
    starts, ends, lines, values = (
        np.array([getattr(r, n) for r in ranked]) for n in ("start", "end", "line", "value")
    )
    total, previous = np.empty(len(ranked)), np.full(len(ranked), -1)
    furthest = int(lines.max()) + 1
    jumps = _cost_jumps(np.arange(-furthest, furthest + 1), costs)
    for i in range(len(ranked)):
        gain = values[i] - costs.use
        total[i] = gain - jumps[lines[i] + 1 + furthest]
        before = int(np.searchsorted(ends, starts[i], side="right"))
        if before:
            reached = total[:before] - jumps[(lines[i] + furthest) - lines[:before]]
            best = int(np.argmax(reached))
            if reached[best] + gain > total[i]:
                total[i], previous[i] = reached[best] + gain, best
    return total, previous


def pair_tokens(scores: Scores, weights: Float64[np.ndarray, " tokens"]) -> list[tuple[int, int]]:
    """Pair tokens with words by global alignment; only pairs that are alike are kept."""
    table = _fill_table(scores, weights)
    found = []
    i, j = scores.shape
    while i and j:
        if np.isclose(table[i, j], table[i - 1, j - 1] + weights[i - 1] * scores[i - 1, j - 1]):
            i, j = i - 1, j - 1
            found += [(i, j)] if scores[i, j] >= 0 else []
        elif np.isclose(table[i, j], table[i - 1, j] - SKIPPED * weights[i - 1]):
            i -= 1
        else:
            j -= 1
    return found[::-1]


def _fill_table(
    scores: Scores, weights: Float64[np.ndarray, " tokens"]
) -> Float64[np.ndarray, "rows columns"]:
    """Compute the best score of the first i tokens against the first j words."""
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
    return table


def _allow_insertions(
    ended: Float64[np.ndarray, " ends"], began: Int64[np.ndarray, " ends"]
) -> tuple[Float64[np.ndarray, " ends"], Int64[np.ndarray, " ends"]]:
    """Let heard words that are not in the script pass, each at a cost.

    This is a running maximum along the words.
    """
    places = np.arange(len(ended))
    lifted = ended + INSERTED * places
    highest = np.maximum.accumulate(lifted)
    source = np.maximum.accumulate(np.where(lifted == highest, places, 0))
    return highest - INSERTED * places, began[source]


def _cost_jumps(steps: Int64[np.ndarray, " n"], costs: DisorderCosts) -> Float64[np.ndarray, " n"]:
    """Compute the cost of going `steps` lines on: 1 is the next line and free."""
    ahead = costs.skip * np.log2(np.maximum(steps, 1))
    behind = costs.back + costs.skip * np.log2(1 + np.maximum(-steps, 0))
    jumps: Float64[np.ndarray, " n"] = np.where(
        steps > 0, ahead, np.where(steps == 0, costs.again, behind)
    )
    return jumps


def _list_grams(word: str) -> set[str]:
    padded = f"<{word}>"
    return {
        *word,
        *(padded[i : i + 2] for i in range(len(padded) - 1)),
        *(padded[i : i + 3] for i in range(len(padded) - 2)),
    }


def _mark_grams(texts: Sequence[str], grams: dict[str, int]) -> Float32[np.ndarray, "texts grams"]:
    held = np.zeros((len(texts), len(grams)), dtype=np.float32)
    for i, text in enumerate(texts):
        held[i, [grams[gram] for gram in _list_grams(text)]] = 1
    return held
