# SPDX-License-Identifier: Apache-2.0
"""Measure how far listening was from the truth: speakers, characters, and times of lines."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.listening_truth import TrueLine
from manifests.rows import Cue, Turn
from manifests.timebase import MASTER_HZ
from pipeline.speech.turns import SpeakerSpan

COLLAR = 0.25


STEP = MASTER_HZ // 100


HALF_FOUND = 0.5  # a line is found when cue and truth share half of their union


def to_full_spans(turns: Sequence[Turn]) -> list[SpeakerSpan]:
    """Convert turns to what `diarization_error` takes: full spans, in samples at 48 kHz."""
    speakers = {
        name: number for number, name in enumerate(sorted({turn.speaker for turn in turns}))
    }
    return [
        SpeakerSpan(start=turn.start, end=turn.end, speaker=speakers[turn.speaker], exclusive=False)
        for turn in turns
        if not turn.exclusive
    ]


def measure_diarization_error(
    true: Sequence[SpeakerSpan], found: Sequence[SpeakerSpan], *, hz: int = MASTER_HZ
) -> float:
    """Compute the diarization error rate of pyannote.metrics, collar 0.25 s, overlap scored.

    Spans are in samples at `hz`.
    """
    from pyannote.metrics.diarization import DiarizationErrorRate

    with warnings.catch_warnings():
        # the whole file is scored
        warnings.filterwarnings("ignore", message="'uem' was approximated")
        rate = DiarizationErrorRate(collar=COLLAR, skip_overlap=False)
        return float(rate(_annotate(true, hz), _annotate(found, hz)))


def _annotate(spans: Sequence[SpeakerSpan], hz: int) -> Any:
    from pyannote.core import Annotation, Segment

    annotation = Annotation()
    for number, span in enumerate(spans):
        annotation[Segment(span.start / hz, span.end / hz), number] = str(span.speaker)
    return annotation


def measure_right_share(cues: Sequence[Cue], sheet: Sequence[TrueLine]) -> float:
    """Compute the share of the lines' true speech in which the right character is on (10 ms steps).

    Where two lines overlap each counts by itself: both characters have to be on.
    """
    length = max((true.end for true in sheet), default=0) // STEP + 1
    right = spoken = 0
    for character in {true.line.character for true in sheet}:
        true = _mark_speech(
            [(t.start, t.end) for t in sheet if t.line.character == character], length
        )
        on = _mark_speech(
            [(cue.start, cue.end) for cue in cues if cue.character == character], length
        )
        right, spoken = right + int((true & on).sum()), spoken + int(true.sum())
    return right / max(1, spoken)


def _mark_speech(spans: Sequence[tuple[int, int]], length: int) -> np.ndarray:
    track = np.zeros(length, dtype=bool)
    for start, end in spans:
        if start >= 0:
            track[start // STEP : end // STEP] = True
    return track


def is_found(cue: Cue, true: TrueLine) -> bool:
    """Return whether a cue lies where its line is spoken: they share half of their union."""
    if cue.start < 0:
        return False
    shared = min(cue.end, true.end) - max(cue.start, true.start)
    return shared > HALF_FOUND * (max(cue.end, true.end) - min(cue.start, true.start))


def measure_line_errors(
    cues: Sequence[Cue], sheet: Sequence[TrueLine]
) -> tuple[float, list[float], list[float]]:
    """Compute the share of spoken lines that were found, and the errors of their starts and ends.

    Errors are in seconds.
    """
    spoken = [(cue, true) for cue, true in zip(cues, sheet, strict=True) if true.start >= 0]
    found = [(cue, true) for cue, true in spoken if is_found(cue, true)]
    starts = [abs(cue.start - true.start) / MASTER_HZ for cue, true in found]
    ends = [abs(cue.end - true.end) / MASTER_HZ for cue, true in found]
    return len(found) / max(1, len(spoken)), starts, ends
