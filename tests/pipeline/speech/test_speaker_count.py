# SPDX-License-Identifier: Apache-2.0
"""The script's count of speakers comes before the count of voices."""

from __future__ import annotations

from manifests.rows import Line
from pipeline.speech import speaker_count
from tests.pipeline.speech.noise_speech import speaker_span


def test_a_character_counts_once_however_many_lines_they_have() -> None:
    lines = [
        Line(line_id=f"L{i}", order=i, scene="1", character=name, text="Yes.")
        for i, name in enumerate(("MARA", "HENRIK", "MARA"))
    ]
    assert speaker_count.count_in_script(lines) == 2


def test_without_a_known_count_the_voices_that_were_found_count() -> None:
    spans = [speaker_span(0, 1, 0), speaker_span(1, 2, 3), speaker_span(2, 3, 0)]
    assert speaker_count.decide_count(None, spans) == 2
    assert speaker_count.decide_count(5, spans) == 5
