# SPDX-License-Identifier: Apache-2.0
"""Digests of what is heard in many spans of the timeline: each recording is decoded once for all of
them, and known spans not at all.

A cut of thousands of shots asks for as many spans; decoding each by itself seeks through the same
FLAC thousands of times. What was digested is kept in one file per arrangement of recordings
(`media/spans`), which may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from manifests.atomic_write import atomic_write
from manifests.identity import DIGITS, digest
from manifests.rows import Recording
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from pipeline.speech.ingest import read_pcm

FOLDER = "media/spans"
BLOCK = 60 * MASTER_HZ  # of the timeline, decoded at once
_RATIO = MASTER_HZ // ANALYSIS_HZ

Span = tuple[int, int]


def digest_spans(
    recordings: Sequence[Recording], spans: Sequence[Span], *, root: Path
) -> list[str]:
    """What `ingest.span_digest` says of each span (48 kHz samples, half-open), from what is kept
    and one pass over the rest.
    """
    kept = root / FOLDER / f"{_digest_arrangement(recordings)}.json"
    known = _read_cache(kept)
    fresh = sorted({span for span in spans if span not in known})
    if fresh:
        known |= _digest_fresh(recordings, fresh, root=root)
        _write_cache(kept, {span: known[span] for span in dict.fromkeys(spans)})
    return [known[span] for span in spans]


def _digest_fresh(
    recordings: Sequence[Recording], spans: Sequence[Span], *, root: Path
) -> dict[Span, str]:
    """One pass over the timeline; `spans` are in order of their starts."""
    # nothing is heard
    done = {span: hashlib.sha256().hexdigest()[:DIGITS] for span in spans if span[0] >= span[1]}
    open_spans: dict[Span, hashlib._Hash] = {}
    waiting = [span for span in reversed(spans) if span not in done]
    for start, end in _split_into_blocks(spans):
        while waiting and waiting[-1][0] < end:
            open_spans[waiting.pop()] = hashlib.sha256()
        if not open_spans:
            continue
        pcm = read_pcm(_select_audible(recordings, start, end), start, end, root=root)
        origin = _to_analysis_grid(start)
        for span, sha in list(open_spans.items()):
            first, last = (min(max(_to_analysis_grid(edge) - origin, 0), len(pcm)) for edge in span)
            sha.update(pcm[first:last].data)
            if span[1] <= end:
                done[span] = open_spans.pop(span).hexdigest()[:DIGITS]
    return done


def _select_audible(recordings: Sequence[Recording], start: int, end: int) -> list[Recording]:
    """The recordings that can be heard in a block, so that the others are not opened for it."""
    return [
        row
        for row in recordings
        if row.offset_samples < end + MASTER_HZ
        and start < row.offset_samples + row.samples + MASTER_HZ
    ]


def _split_into_blocks(spans: Sequence[Span]) -> Iterator[Span]:
    """Blocks of the timeline from the first span's start to the last one's end."""
    first, last = spans[0][0], max(end for _, end in spans)
    first -= first % _RATIO  # whole samples of both rates, so that blocks meet
    for start in range(first, max(last, first + 1), BLOCK):
        yield start, min(start + BLOCK, -(-max(last, first + 1) // _RATIO) * _RATIO)


def _to_analysis_grid(sample: int) -> int:
    """As `ingest` rounds to the 16 kHz grid."""
    return (sample + _RATIO // 2) // _RATIO


def _digest_arrangement(recordings: Sequence[Recording]) -> str:
    return digest([[row.recording_id, row.offset_samples] for row in recordings])


def _read_cache(path: Path) -> dict[Span, str]:
    """What is kept; nothing when the file is not there or not whole."""
    try:
        entries = json.loads(path.read_text())
        return {(int(start), int(end)): str(found) for start, end, found in entries}
    except (OSError, ValueError, TypeError):
        return {}


def _write_cache(path: Path, known: dict[Span, str]) -> None:
    """What cannot be kept (a production that may only be read) is found out again."""
    with contextlib.suppress(OSError), atomic_write(path) as partial:
        partial.write_text(
            json.dumps([[*span, found] for span, found in known.items()], separators=(",", ":"))
        )
