# SPDX-License-Identifier: Apache-2.0
"""Digests of the sound in many spans of the timeline, decoding each recording once for all of them.

A cut of thousands of shots asks for as many spans; decoding each span by itself would seek through
the same FLAC thousands of times. Digests are kept in one file per arrangement of recordings
(`media/spans`), which may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.identity import DIGITS, digest
from manifests.rows import Recording
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from pipeline.speech.ingest import read_pcm

BLOCK = 60 * MASTER_HZ  # of the timeline, decoded at once
_RATIO = MASTER_HZ // ANALYSIS_HZ

Span = tuple[int, int]


def digest_spans(
    recordings: Sequence[Recording], spans: Sequence[Span], *, root: Path
) -> list[str]:
    """Digest the sound of each span, from the cache and one pass over the rest.

    `spans`: 48 kHz samples, half-open. A digest is the SHA-256 of the span's 16-bit 16 kHz mono
    PCM.
    """
    kept = root / layout.AUDIO_DIGESTS / f"{_digest_arrangement(recordings)}.json"
    known = _read_cache(kept)
    fresh = sorted({span for span in spans if span not in known})
    if fresh:
        known |= _digest_fresh(recordings, fresh, root=root)
        _write_cache(kept, {span: known[span] for span in dict.fromkeys(spans)})
    return [known[span] for span in spans]


def _digest_fresh(
    recordings: Sequence[Recording], spans: Sequence[Span], *, root: Path
) -> dict[Span, str]:
    """Digest spans in one pass over the timeline; `spans` are in order of their starts."""
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
    """Select the recordings that sound in a block, so that the others are not opened for it."""
    return [
        row
        for row in recordings
        if row.offset_samples < end + MASTER_HZ
        and start < row.offset_samples + row.samples + MASTER_HZ
    ]


def _split_into_blocks(spans: Sequence[Span]) -> Iterator[Span]:
    """Split the timeline into blocks, from the first span's start to the last end."""
    first, last = spans[0][0], max(end for _, end in spans)
    first -= first % _RATIO  # whole samples of both rates, so that blocks meet
    for start in range(first, max(last, first + 1), BLOCK):
        yield start, min(start + BLOCK, -(-max(last, first + 1) // _RATIO) * _RATIO)


def _to_analysis_grid(sample: int) -> int:
    """Round a sample to the 16 kHz grid, as `ingest` does."""
    return (sample + _RATIO // 2) // _RATIO


def _digest_arrangement(recordings: Sequence[Recording]) -> str:
    """Digest which recordings lie where on the timeline: the name of the cache file."""
    return digest([[row.recording_id, row.offset_samples] for row in recordings])


def _read_cache(path: Path) -> dict[Span, str]:
    """Read the cached digests; none when the file is missing or damaged."""
    try:
        entries = json.loads(path.read_text())
        return {(int(start), int(end)): str(found) for start, end, found in entries}
    except (OSError, ValueError, TypeError):
        return {}


def _write_cache(path: Path, known: dict[Span, str]) -> None:
    """Write the cache, or do nothing where the folder is read-only."""
    with contextlib.suppress(OSError), atomic_write(path) as partial:
        partial.write_text(
            json.dumps([[*span, found] for span, found in known.items()], separators=(",", ":"))
        )
