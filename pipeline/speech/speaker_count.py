# SPDX-License-Identifier: Apache-2.0
"""Decide how many people speak: as many as the script has, else as many voices as are found. Pure.

The script's count goes to the diarizer as its number of speakers (`limit_speakers`). It holds even
when fewer voices are found; `align` reports that, line by line.
"""

from __future__ import annotations

from collections.abc import Sequence

from manifests.rows import Line
from pipeline.speech.turns import SpeakerSpan


def count_in_script(lines: Sequence[Line]) -> int:
    """Count the characters who speak in the script."""
    return len({line.character for line in lines})


def limit_speakers(known: int | None, *, minimum: int, maximum: int) -> dict[str, int | None]:
    """Build the limits that pyannote takes; `minimum` and `maximum` hold when none is known."""
    return {"num_speakers": known, "min_speakers": minimum, "max_speakers": maximum}


def decide_count(known: int | None, spans: Sequence[SpeakerSpan]) -> int:
    """Decide how many voices to tell apart: those known of, else those found in the spans."""
    return known or len({span.speaker for span in spans})
