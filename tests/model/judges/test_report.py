# SPDX-License-Identifier: Apache-2.0
"""Scores of an evaluation on a page."""

from __future__ import annotations

from dataclasses import replace

from manifests.corpus_rows import Judgement
from model.judges import report


def test_scores_of_nothing_are_nothing_and_missing_values_are_left_out() -> None:
    about = Judgement(
        run_id="r",
        subject="real",
        clip_id="c",
        corpus="mead",
        identity="i",
        emotion="sad",
        measure="jitter",
        value=0.5,
    )
    assert report.score_judgements([]) == []
    assert report.score_judgements([replace(about, value=None)]) == []
    (one,) = report.score_judgements([about])
    assert (one.value, one.low, one.high) == (0.5, None, None)
