# SPDX-License-Identifier: Apache-2.0
"""Refine who speaks: regroup voices by whole pieces of speech, then follow them in steps of 0.2 s.

A diarizer that clusters windows of five seconds confuses similar voices and merges neighbours into
one turn. Two pure steps correct that (numbers in docs/how-it-works/measurements/listening.md).
`regroup` clusters the pieces anew from several starts and keeps the tightest grouping.
`follow_voices` walks along the speech with the voice of each 1.2 s and changes speaker
where that pays, rather in a pause than in a word.

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
from model.level_curve import HOP
from pipeline.speech import speech_levels
from pipeline.speech.turns import (
    SpeakerSpan,
    find_touching,
    group_pieces,
    measure_overlap,
    select_exclusive,
)

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
class VoiceCell:
    """A step of 0.2 s in piece number `piece`, with the window whose voice stands for it.

    The window reaches up to 1.2 s around the step, within the piece.
    """

    piece: int
    start: int
    end: int
    window_start: int
    window_end: int


def regroup(vectors: Vectors, seconds: Weights, speakers: Labels, *, count: int) -> Labels:
    """Group voices (unit vectors) into `count` groups: the tightest of many groupings.

    The grouping by `speakers` is among them. With fewer than `count` vectors, or one group, it
    stays.
    """
    if count < 2 or len(vectors) < count:
        return speakers
    weight = np.minimum(seconds, HEAVIEST_SECONDS)
    starts = [_renumber(speakers)] if len(set(speakers.tolist())) <= count else []
    for method in ("average", "complete", "ward"):
        tree = linkage(vectors, method, metric="euclidean")
        starts.append(fcluster(tree, count, "maxclust") - 1)
    starts += _seed_starts(vectors, weight, count)
    grouped = [_run_kmeans(vectors, weight, start, count) for start in starts]
    whole = [
        (labels, tight) for labels, tight in grouped if len(set(labels.tolist())) == count
    ] or grouped
    return max(whole, key=lambda group: group[1])[0]


def measure_tightness(vectors: Vectors, weight: Weights, labels: Labels) -> float:
    """Measure how alike the voices of each group are: weighted mean cosine to their centroid."""
    names, own = np.unique(labels, return_inverse=True)
    centroids = _compute_centroids(vectors, weight, labels, names.tolist())
    return float(np.average((vectors * centroids[own]).sum(axis=1), weights=weight))


def split_into_cells(spans: Sequence[SpeakerSpan]) -> list[VoiceCell]:
    """Split the exclusive speech into steps of about 0.2 s.

    No window reaches over a change of speaker that was found already.
    """
    found = []
    for number, piece in enumerate(group_pieces(spans)):
        start, end = piece[0].start, piece[-1].end
        steps = max(1, round((end - start) / CELL_SAMPLES))
        edges = [start + (end - start) * i // steps for i in range(steps + 1)]
        for a, b in itertools.pairwise(edges):
            first = max(start, min((a + b) // 2 - WINDOW_SAMPLES // 2, end - WINDOW_SAMPLES))
            last = min(end, first + WINDOW_SAMPLES)
            found.append(
                VoiceCell(piece=number, start=a, end=b, window_start=first, window_end=last)
            )
    return found


def follow_voices(
    spans: Sequence[SpeakerSpan],
    grid: Sequence[VoiceCell],
    vectors: Vectors,
    levels: speech_levels.Levels,
) -> list[SpeakerSpan]:
    """Build new exclusive spans: each cell goes to the speaker that makes the whole walk likeliest.

    `vectors`: one a cell, zero where unknown. Centroids and walk are repeated; a walk that would
    lose a speaker is not taken. Silence within the old spans stays silence.
    """
    before = select_exclusive(spans)
    labels = np.array([_find_main_speaker(cell, before) for cell in grid], dtype=np.int64)
    labels = _walk_cells(grid, vectors, labels, _compute_switch_costs(grid, levels))
    found: list[SpeakerSpan] = []
    for a, b, speaker in _join_cells(grid, labels, levels):
        for old in find_touching(before, a, b):
            start, end = max(a, old.start), min(b, old.end)
            if found and (found[-1].end, found[-1].speaker) == (start, speaker):
                start = found.pop().start
            found.append(SpeakerSpan(start=start, end=end, speaker=speaker, exclusive=True))
    return found


def _walk_cells(
    grid: Sequence[VoiceCell], vectors: Vectors, labels: Labels, costs: Weights
) -> Labels:
    """Label the cells anew, from `labels`; a walk that would lose a speaker is not taken."""
    names = sorted(set(labels.tolist()))
    sure = np.array(
        [min(1.0, (cell.window_end - cell.window_start) / WINDOW_SAMPLES) for cell in grid]
    )
    for _ in range(ROUNDS if len(names) > 1 else 0):
        likely = (
            SHARPNESS
            * sure[:, None]
            * (vectors @ _compute_centroids(vectors, sure, labels, names).T)
        )
        walked = np.array(names, dtype=np.int64)[_find_best_path(likely, costs)]
        if np.array_equal(walked, labels) or len(set(walked.tolist())) < len(names):
            break
        labels = walked
    return labels


def _renumber(labels: Labels) -> Labels:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _seed_starts(vectors: Vectors, weight: Weights, count: int) -> list[Labels]:
    """Draw starting groups that lie far from each other, the same every time.

    Reference: k-means++ (Arthur and Vassilvitskii, 2007).
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


def _run_kmeans(
    vectors: Vectors, weight: Weights, labels: Labels, count: int
) -> tuple[Labels, float]:
    """Run spherical k-means from a start; return labels and their tightness."""
    names = list(range(count))
    centroids = _compute_centroids(vectors, weight, labels, names)
    for _ in range(20):
        nearest = np.argmax(vectors @ centroids.T, axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        centroids = _compute_centroids(vectors, weight, labels, names)
    return labels, measure_tightness(vectors, weight, labels)


def _compute_centroids(
    vectors: Vectors, weight: Weights, labels: Labels, names: Sequence[int]
) -> Vectors:
    sums = np.stack(
        [(vectors[labels == name] * weight[labels == name, None]).sum(axis=0) for name in names]
    )
    centroids: Vectors = sums / (np.linalg.norm(sums, axis=1, keepdims=True) + 1e-12)
    return centroids


def _find_main_speaker(cell: VoiceCell, spans: Sequence[SpeakerSpan]) -> int:
    whole = SpeakerSpan(start=cell.start, end=cell.end, speaker=-1, exclusive=True)
    return max(
        find_touching(spans, cell.start, cell.end), key=lambda span: measure_overlap(span, whole)
    ).speaker


def _compute_switch_costs(grid: Sequence[VoiceCell], levels: speech_levels.Levels) -> Weights:
    """Compute the cost of changing speaker before each cell.

    It is small at the edge of a piece or in a pause, and large within a word.
    """
    loud = speech_levels.find_sounding(levels)
    costs = np.zeros(len(grid))
    for i in range(1, len(grid)):
        frame = grid[i].start // HOP
        near = ~loud[max(0, frame - NEAR_FRAMES) : frame + NEAR_FRAMES]
        quiet = (
            np.convolve(near, np.ones(PAUSE_FRAMES), mode="valid").max() / PAUSE_FRAMES
            if len(near) > PAUSE_FRAMES
            else 0
        )
        inside = SWITCH_IN_WORD + (SWITCH_IN_PAUSE - SWITCH_IN_WORD) * quiet
        costs[i] = SWITCH_AT_EDGE if grid[i].piece != grid[i - 1].piece else inside
    return costs


def _find_best_path(likely: Float64[np.ndarray, "cells speakers"], costs: Weights) -> Labels:
    """Find the path of most likelihood less the cost of its changes (Viterbi)."""
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


def _join_cells(
    grid: Sequence[VoiceCell], labels: Labels, levels: speech_levels.Levels
) -> list[tuple[int, int, int]]:
    """Join cells of one piece and speaker; move changes to a quiet moment nearby."""
    found: list[tuple[int, int, int]] = []
    piece = -1
    for cell, speaker in zip(grid, labels.tolist(), strict=True):
        start = cell.start
        if found and cell.piece == piece:
            first, _, before = found.pop()
            if before == speaker:
                start = first
            else:
                start = _find_quiet_cut(cell, first, levels)
                found.append((first, start, before))
        found.append((start, cell.end, speaker))
        piece = cell.piece
    return found


def _find_quiet_cut(cell: VoiceCell, after: int, levels: speech_levels.Levels) -> int:
    frame = cell.start // HOP
    first, last = (
        max(after // HOP + 1, frame - NEAR_FRAMES),
        min(cell.end // HOP, frame + NEAR_FRAMES),
    )
    if last - first < 3:
        return cell.start
    power = np.convolve(10 ** (levels[first:last] / 10), np.ones(5), mode="same")
    return (first + int(np.argmin(power))) * HOP
