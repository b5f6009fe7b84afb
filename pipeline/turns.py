# SPDX-License-Identifier: Apache-2.0
"""Arithmetic on stretches of speech: grouping them to turns, giving doubtful turns to the nearest voice, RTTM.

Pure: spans and voice vectors in, spans out. A diarizer clusters windows of five seconds and so gives short turns away at random;
asking each whole turn again which voice it is nearest to lowers the error (docs/listening.md has the numbers).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64

from manifests.rows import Turn
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ

GAP_SAMPLES = round(0.4 * ANALYSIS_HZ)  # pauses shorter than this do not end a turn
HEAVIEST_SECONDS = 4.0  # a long turn must not be its speaker's whole voice
ROUNDS = 4
_RATIO = MASTER_HZ // ANALYSIS_HZ

Vector = Float64[np.ndarray, " dimension"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerSpan:
    """`[start, end)` in samples at 16 kHz, spoken by `speaker` (a number from 0)."""

    start: int
    end: int
    speaker: int
    exclusive: bool


def group(spans: Sequence[SpeakerSpan]) -> list[list[SpeakerSpan]]:
    """Exclusive spans gathered to turns: same speaker, nobody between, pauses under 0.4 s."""
    turns: list[list[SpeakerSpan]] = []
    for span in sorted((s for s in spans if s.exclusive), key=lambda s: s.start):
        last = turns[-1][-1] if turns else None
        if last and last.speaker == span.speaker and span.start - last.end < GAP_SAMPLES:
            turns[-1].append(span)
        else:
            turns.append([span])
    return turns


def reassign(speakers: Sequence[int], vectors: Sequence[Vector | None], seconds: Sequence[float]) -> list[int]:
    """The nearest voice for each turn: centroids weighted by duration, turns to their nearest centroid, a few times over.

    A turn without a vector (too short) keeps its speaker; a round that would leave a speaker without turns is not taken.
    """
    known = [i for i, vector in enumerate(vectors) if vector is not None]
    labels = np.array([speakers[i] for i in known], dtype=np.int64)
    names = sorted(set(speakers))
    if len(names) < 2 or len(set(labels.tolist())) < len(names):
        return list(speakers)
    matrix = np.stack([vectors[i] for i in known]).astype(np.float64)  # type: ignore[misc]
    weight = np.minimum([seconds[i] for i in known], HEAVIEST_SECONDS)
    for _ in range(ROUNDS):
        nearest = _nearest(matrix, labels, weight=weight, names=names)
        if np.array_equal(nearest, labels) or len(set(nearest.tolist())) < len(names):
            break
        labels = nearest
    found = list(speakers)
    for i, label in zip(known, labels.tolist(), strict=True):
        found[i] = label
    return found


def relabel(
    spans: Sequence[SpeakerSpan], turns: Sequence[Sequence[SpeakerSpan]], speakers: Sequence[int]
) -> list[SpeakerSpan]:
    """Give every span the speaker its turn got; a full span follows the turn that covers most of it, if that is most of the span."""
    pieces = [(piece, new) for turn, new in zip(turns, speakers, strict=True) for piece in turn]
    exclusive = [replace(piece, speaker=new) for piece, new in pieces]
    full = [_follow(span, pieces) for span in spans if not span.exclusive]
    return sorted([*exclusive, *full], key=lambda s: (s.start, s.end, s.speaker))


def numbered(spans: Sequence[SpeakerSpan]) -> list[SpeakerSpan]:
    """The same spans with speakers numbered in order of first appearance."""
    order: dict[int, int] = {}
    for span in sorted(spans, key=lambda s: (s.start, s.end, s.speaker)):
        order.setdefault(span.speaker, len(order))
    return [replace(span, speaker=order[span.speaker]) for span in spans]


def speaker_name(number: int) -> str:
    """`A` to `Z`, then `S26`, `S27` ..."""
    return chr(ord("A") + number) if number < 26 else f"S{number}"


def rttm(turns: Sequence[Turn], *, uri: str) -> str:
    """Turns (overlap kept) as NIST RTTM lines: `SPEAKER uri 1 start duration <NA> <NA> name <NA> <NA>`, in seconds."""
    lines = []
    for turn in turns:
        if not turn.exclusive:
            start, length = turn.start / MASTER_HZ, (turn.end - turn.start) / MASTER_HZ
            name = turn.speaker.replace(" ", "_")
            lines.append(f"SPEAKER {uri} 1 {start:.3f} {length:.3f} <NA> <NA> {name} <NA> <NA>")
    return "\n".join(lines) + "\n" if lines else ""


def _nearest(
    matrix: Float64[np.ndarray, "turns dimension"],
    labels: Int64[np.ndarray, " turns"],
    *,
    weight: Float64[np.ndarray, " turns"],
    names: Sequence[int],
) -> Int64[np.ndarray, " turns"]:
    centroids = np.stack([(matrix[labels == name] * weight[labels == name, None]).sum(axis=0) for name in names])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True) + 1e-12
    nearest: Int64[np.ndarray, " turns"] = np.array(names, dtype=np.int64)[np.argmax(matrix @ centroids.T, axis=1)]
    return nearest


def _follow(span: SpeakerSpan, pieces: Sequence[tuple[SpeakerSpan, int]]) -> SpeakerSpan:
    shared: dict[int, int] = {}
    for piece, new in pieces:
        if piece.speaker == span.speaker:
            shared[new] = shared.get(new, 0) + max(0, min(span.end, piece.end) - max(span.start, piece.start))
    best = max(shared, key=lambda new: shared[new], default=span.speaker)
    return replace(span, speaker=best) if 2 * shared.get(best, 0) > span.end - span.start else span
