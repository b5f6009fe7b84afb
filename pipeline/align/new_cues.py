# SPDX-License-Identifier: Apache-2.0
"""Make cues for lines, and assign each cue to its recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from manifests.rows import Cue, Line, Recording
from pipeline.align import cue_confidence


def make_cue(
    line: Line, span: tuple[int, int], *, confidence: float, reasons: str, speaker: str = ""
) -> Cue:
    """Make the cue of a line at a span in samples; a negative start means that it is missing."""
    return Cue(
        line_id=line.line_id,
        recording_id="",
        character=line.character,
        start=span[0],
        end=span[1],
        text=line.text,
        performance=line.performance,
        status="missing" if span[0] < 0 else cue_confidence.choose_status(confidence),
        confidence=confidence,
        reasons=reasons,
        speaker=speaker,
    )


def make_missing_cue(line: Line) -> Cue:
    """Make the cue of a line that was not found."""
    return make_cue(line, (-1, -1), confidence=0.0, reasons="not found in the recordings")


def assign_recording(cue: Cue, recordings: Sequence[Recording]) -> Cue:
    """Give a cue the id of the recording that it begins in."""
    for recording in recordings:
        if recording.offset_samples <= cue.start < recording.offset_samples + recording.samples:
            return replace(cue, recording_id=recording.recording_id)
    return cue
