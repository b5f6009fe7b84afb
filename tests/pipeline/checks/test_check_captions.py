# SPDX-License-Identifier: Apache-2.0
"""Captions are there for every line."""

from __future__ import annotations

from fractions import Fraction

from pipeline.checks import check_captions
from pipeline.deliver import captions
from tests.pipeline.deliver.test_captions import cue


def test_a_line_without_caption_is_named() -> None:
    cues = [cue("The lamp was out.", 1, 2), cue("It was never out.", 5, 6)]
    composed = captions.compose_captions(cues, rate=Fraction(25), frames=200)
    for shown, verdict in ((composed, "pass"), (composed[:1], "fail")):
        (row,) = check_captions.check_captions(shown, cues, [], version="v001", rate=Fraction(25))
        assert row.verdict == verdict
    assert row.timecode == "00:00:05:00"
    assert "It was never out." in row.advice
