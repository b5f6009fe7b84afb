# SPDX-License-Identifier: Apache-2.0
"""Test captions as SRT and WebVTT; pysubs2 and ttconv both read them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import ModuleType

import pysubs2
import pytest
import ttconv.srt.reader
import ttconv.vtt.reader
from ttconv import model

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


@pytest.mark.parametrize(
    ("form", "reader"), [("srt", ttconv.srt.reader), ("vtt", ttconv.vtt.reader)]
)
def test_another_reader_finds_the_same_words_and_times(
    tmp_path: Path, form: str, reader: ModuleType
) -> None:
    rate = Fraction(30000, 1001)
    spans = {(1, 31): ("Light it & go.",), (1800, 1850): ("- No.", "- نمی\u200cدانم")}
    composed = [
        captions.Caption(start=start, end=end, spoken_end=end, lines=lines)
        for (start, end), lines in spans.items()
    ]
    caption_files.write_captions(composed, tmp_path, rate=rate)
    with (tmp_path / f"captions.{form}").open(encoding="utf-8") as file:
        body = reader.to_model(file).get_body()
    paragraphs = [part for part in body.dfs_iterator() if isinstance(part, model.P)]
    for caption, shown in zip(composed, paragraphs, strict=True):
        words = [part for part in shown.dfs_iterator() if isinstance(part, model.Text)]
        assert tuple(part.get_text() for part in words) == caption.lines
        for frame, seconds in ((caption.start, shown.get_begin()), (caption.end, shown.get_end())):
            assert abs(frame / rate - seconds) <= Fraction(1, 2000)


def test_an_episode_without_speech_has_empty_but_valid_captions(tmp_path: Path) -> None:
    _, vtt = caption_files.write_captions([], tmp_path, rate=RATE)
    assert vtt.read_text().startswith("WEBVTT")
