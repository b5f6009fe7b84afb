# SPDX-License-Identifier: Apache-2.0
"""A second look at who speaks: voices regrouped from whole pieces of speech, then followed in steps
of 0.2 s.

A diarizer that clusters windows of five seconds gives similar voices away and runs neighbours into
one turn. Two pure steps mend that (numbers in docs/listening.md): `regroup` clusters the pieces
anew from several starts and keeps the tightest grouping; `follow` walks along the speech with the
voice of each 1.2 s and changes speaker where that pays, rather in a pause than in a word.

Reference: spherical k-means (Dhillon and Modha, 2001); resegmentation by Viterbi decoding as is
usual after clustering.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy.cluster.hierarchy import fcluster, linkage

from manifests.timebase import ANALYSIS_HZ
from pipeline.speech import speech_levels
from pipeline.speech.turns import SpeakerSpan, exclusive, overlap, pieces, touching

HEAVIEST_SECONDS = 4.0  # a long piece must not be its speaker's whole voice
RANDOM_STARTS = 20
CELL_SAMPLES = round(0.2 * ANALYSIS_HZ)
WINDOW_SAMPLES = round(1.2 * ANALYSIS_HZ)
SHARPNESS = 10.0  # how much more likely a voice is per unit of cosine, natural logarithm
SWITCH_IN_WORD, SWITCH_IN_PAUSE, SWITCH_AT_EDGE = 3.0, 0.5, 0.15  # cost of changing speaker
PAUSE_FRAMES = 8  # 80 ms of quiet are a pause
NEAR_FRAMES = 25  # within a quarter of a second of the change
ROUNDS = 3

Vectors = Float64[np.ndarray, "items dimension"]
Labels = Int64[np.ndarray, " items"]
Weights = Float64[np.ndarray, " items"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """0.2 s of piece number `piece`, and the window of up to 1.2 s around it (within the piece)
    whose voice stands for it.
    """

    piece: int
    start: int
    end: int
    window_start: int
    window_end: int


def regroup(vectors: Vectors, seconds: Weights, speakers: Labels, *, count: int) -> Labels:
    """Voices (unit vectors) to `count` groups: the tightest of many groupings, among them the given
    one.

    With fewer than `count` vectors, or one group, the given speakers stay.
    """
    if count < 2 or len(vectors) < count:
        return speakers
    weight = np.minimum(seconds, HEAVIEST_SECONDS)
    starts = [_renumbered(speakers)] if len(set(speakers.tolist())) <= count else []
    for method in ("average", "complete", "ward"):
        tree = linkage(vectors, method, metric="euclidean")
        starts.append(fcluster(tree, count, "maxclust") - 1)
    starts += _seeded(vectors, weight, count)
    grouped = [_settled(vectors, weight, start, count) for start in starts]
    whole = [
        (labels, tight) for labels, tight in grouped if len(set(labels.tolist())) == count
    ] or grouped
    return max(whole, key=lambda group: group[1])[0]


def tightness(vectors: Vectors, weight: Weights, labels: Labels) -> float:
    """How like the voices of a group are: weighted mean cosine to the centroid of their group."""
    names, own = np.unique(labels, return_inverse=True)
    centroids = _centroids(vectors, weight, labels, names.tolist())
    return float(np.average((vectors * centroids[own]).sum(axis=1), weights=weight))


def cells(spans: Sequence[SpeakerSpan]) -> list[Cell]:
    """The exclusive speech in steps of about 0.2 s. No window reaches over a change of speaker that
    was found already.
    """
    found = []
    for number, piece in enumerate(pieces(spans)):
        start, end = piece[0].start, piece[-1].end
        steps = max(1, round((end - start) / CELL_SAMPLES))
        edges = [start + (end - start) * i // steps for i in range(steps + 1)]
        for a, b in itertools.pairwise(edges):
            first = max(start, min((a + b) // 2 - WINDOW_SAMPLES // 2, end - WINDOW_SAMPLES))
            last = min(end, first + WINDOW_SAMPLES)
            found.append(Cell(piece=number, start=a, end=b, window_start=first, window_end=last))
    return found


def follow(
    spans: Sequence[SpeakerSpan],
    grid: Sequence[Cell],
    vectors: Vectors,
    levels: speech_levels.Levels,
) -> list[SpeakerSpan]:
    """New exclusive spans: in each cell the speaker the whole walk makes likeliest. `vectors`: one
    a cell, zero where unknown.

    Centroids and walk are repeated; a walk that would lose a speaker is not taken. Silence within
    the old spans stays silence.
    """
    before = exclusive(spans)
    labels = np.array([_majority(cell, before) for cell in grid], dtype=np.int64)
    names = sorted(set(labels.tolist()))
    costs = _switch_costs(grid, levels)
    sure = np.array(
        [min(1.0, (cell.window_end - cell.window_start) / WINDOW_SAMPLES) for cell in grid]
    )
    for _ in range(ROUNDS if len(names) > 1 else 0):
        likely = SHARPNESS * sure[:, None] * (vectors @ _centroids(vectors, sure, labels, names).T)
        walked = np.array(names, dtype=np.int64)[_walk(likely, costs)]
        if np.array_equal(walked, labels) or len(set(walked.tolist())) < len(names):
            break
        labels = walked
    found: list[SpeakerSpan] = []
    for a, b, speaker in _joined(grid, labels, levels):
        for old in touching(before, a, b):
            start, end = max(a, old.start), min(b, old.end)
            if found and (found[-1].end, found[-1].speaker) == (start, speaker):
                start = found.pop().start
            found.append(SpeakerSpan(start=start, end=end, speaker=speaker, exclusive=True))
    return found


def _renumbered(labels: Labels) -> Labels:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _seeded(vectors: Vectors, weight: Weights, count: int) -> list[Labels]:
    """Starts after k-means++ (Arthur and Vassilvitskii, 2007): far from each other, the same every
    time.
    """
    generator = np.random.default_rng(0)
    starts = []
    for _ in range(RANDOM_STARTS):
        seeds = [int(generator.choice(len(vectors), p=weight / weight.sum()))]
        while len(seeds) < count:
            far = np.maximum(1e-9, 1 - (vectors @ vectors[seeds].T).max(axis=1)) * weight
            seeds.append(int(generator.choice(len(vectors), p=far / far.sum())))
        starts.append(np.argmax(vectors @ vectors[seeds].T, axis=1))
    return starts


def _settled(vectors: Vectors, weight: Weights, labels: Labels, count: int) -> tuple[Labels, float]:
    """Spherical k-means from a start; with how tight the groups are (weighted mean cosine to the
    centroid).
    """
    names = list(range(count))
    centroids = _centroids(vectors, weight, labels, names)
    for _ in range(20):
        nearest = np.argmax(vectors @ centroids.T, axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        centroids = _centroids(vectors, weight, labels, names)
    return labels, tightness(vectors, weight, labels)


def _centroids(vectors: Vectors, weight: Weights, labels: Labels, names: Sequence[int]) -> Vectors:
    sums = np.stack(
        [(vectors[labels == name] * weight[labels == name, None]).sum(axis=0) for name in names]
    )
    centroids: Vectors = sums / (np.linalg.norm(sums, axis=1, keepdims=True) + 1e-12)
    return centroids


def _majority(cell: Cell, spans: Sequence[SpeakerSpan]) -> int:
    whole = SpeakerSpan(start=cell.start, end=cell.end, speaker=-1, exclusive=True)
    return max(touching(spans, cell.start, cell.end), key=lambda span: overlap(span, whole)).speaker


def _switch_costs(grid: Sequence[Cell], levels: speech_levels.Levels) -> Weights:
    """What it costs to change speaker before each cell: little at the edge of a piece or in a
    pause, much within a word.
    """
    loud = speech_levels.sounding(levels)
    costs = np.zeros(len(grid))
    for i in range(1, len(grid)):
        frame = grid[i].start // speech_levels.HOP
        near = ~loud[max(0, frame - NEAR_FRAMES) : frame + NEAR_FRAMES]
        quiet = (
            np.convolve(near, np.ones(PAUSE_FRAMES), mode="valid").max() / PAUSE_FRAMES
            if len(near) > PAUSE_FRAMES
            else 0
        )
        inside = SWITCH_IN_WORD + (SWITCH_IN_PAUSE - SWITCH_IN_WORD) * quiet
        costs[i] = SWITCH_AT_EDGE if grid[i].piece != grid[i - 1].piece else inside
    return costs


def _walk(likely: Float64[np.ndarray, "cells speakers"], costs: Weights) -> Labels:
    """Viterbi: the path of most likelihood less the cost of its changes."""
    total = likely[0].copy()
    came = np.zeros(likely.shape, dtype=np.int64)
    for i in range(1, len(likely)):
        best = int(np.argmax(total))
        stay = total >= total[best] - costs[i]
        came[i] = np.where(stay, np.arange(len(total)), best)
        total = np.where(stay, total, total[best] - costs[i]) + likely[i]
    path = [int(np.argmax(total))]
    for i in range(len(likely) - 1, 0, -1):
        path.append(int(came[i, path[-1]]))
    return np.array(path[::-1], dtype=np.int64)


def _joined(
    grid: Sequence[Cell], labels: Labels, levels: speech_levels.Levels
) -> list[tuple[int, int, int]]:
    """Cells of one piece and speaker joined; within a piece the change lies in its quietest moment
    nearby.
    """
    found: list[tuple[int, int, int]] = []
    piece = -1
    for cell, speaker in zip(grid, labels.tolist(), strict=True):
        start = cell.start
        if found and cell.piece == piece:
            first, _, before = found.pop()
            if before == speaker:
                start = first
            else:
                start = _quiet_cut(cell, first, levels)
                found.append((first, start, before))
        found.append((start, cell.end, speaker))
        piece = cell.piece
    return found


def _quiet_cut(cell: Cell, after: int, levels: speech_levels.Levels) -> int:
    frame = cell.start // speech_levels.HOP
    first, last = (
        max(after // speech_levels.HOP + 1, frame - NEAR_FRAMES),
        min(cell.end // speech_levels.HOP, frame + NEAR_FRAMES),
    )
    if last - first < 3:
        return cell.start
    power = np.convolve(10 ** (levels[first:last] / 10), np.ones(5), mode="same")
    return (first + int(np.argmin(power))) * speech_levels.HOP
