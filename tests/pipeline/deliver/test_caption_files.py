# SPDX-License-Identifier: Apache-2.0
"""Captions as SRT and WebVTT."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pysubs2
import pytest

from pipeline.deliver import caption_files, captions
from tests.pipeline.deliver.test_captions import compose, cue

RATE = Fraction(25)


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_text_that_looks_like_markup_is_shown_as_written(tmp_path: Path, form: str) -> None:
    hostile = "a {\\b1} <i>x</i> & 00:00 --> 00:01 \\N end"
    caption_files.write_captions(compose(cue(hostile, 1, 4)), tmp_path, rate=RATE)
    text = (tmp_path / f"captions.{form}").read_text(encoding="utf-8")
    assert text.count("-->") == 1
    assert "<i>" not in text
    read = pysubs2.load(str(tmp_path / f"captions.{form}"))
    assert len(read) == 1
    assert "b1" in read[0].plaintext
    assert "end" in read[0].plaintext


def test_joiners_that_spelling_needs_stay_and_what_turns_text_around_goes(tmp_path: Path) -> None:
    spoken = "نمی\u200cدانم 👩\u200d🚒"
    composed = [captions.Caption(start=0, end=25, spoken_end=25, lines=(f"{spoken}\u202e\x07",))]
    for path in caption_files.write_captions(composed, tmp_path, rate=RATE):
        assert f"\n{spoken}\n" in path.read_text(encoding="utf-8")


def test_srt_and_vtt_hold_the_same_times(tmp_path: Path) -> None:
    composed = compose(
        cue("One thing first.", 0.2, 1.4),
        cue("日本語の字幕もここに出ます。", 3, 5, words=["日本語の", "字幕も", "ここに", "出ます"]),
    )
    srt, vtt = caption_files.write_captions(composed, tmp_path, rate=RATE)
    times = [[(e.start, e.end) for e in pysubs2.load(str(path))] for path in (srt, vtt)]
    assert times[0] == times[1] == [(c.start * 40, c.end * 40) for c in composed]
    assert vtt.read_text(encoding="utf-8").startswith("WEBVTT")


def test_an_episode_without_speech_has_empty_but_valid_captions(tmp_path: Path) -> None:
    _, vtt = caption_files.write_captions([], tmp_path, rate=RATE)
    assert vtt.read_text().startswith("WEBVTT")
