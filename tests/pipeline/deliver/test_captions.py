# SPDX-License-Identifier: Apache-2.0
"""Test captions: the script's words, on time, readable, and never taken for markup."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from pathlib import Path

import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.rows import Cue
from pipeline.deliver import caption_files, caption_lint, captions
from pipeline.deliver.caption_rules import CaptionRules

RATE = Fraction(25)


def cue(
    text: str, start: float, end: float, *, character: str = "MARA", words: list[str] | None = None
) -> Cue:
    """Build a found cue whose words share its time evenly."""
    words = text.split() if words is None else words
    edges = [
        round((start + (end - start) * i / max(len(words), 1)) * 48000)
        for i in range(len(words) + 1)
    ]
    timed = [[word, edges[i], edges[i + 1]] for i, word in enumerate(words)]
    return Cue(
        line_id=text[:8],
        recording_id="r",
        character=character,
        start=round(start * 48000),
        end=round(end * 48000),
        text=text,
        performance="",
        status="matched",
        confidence=1.0,
        words=json.dumps(timed),
    )


def compose(
    *cues: Cue, frames: int = 5000, changes: tuple[int, ...] = ()
) -> list[captions.Caption]:
    return captions.compose_captions(cues, rate=RATE, frames=frames, shot_changes=changes)


def test_a_long_speech_is_broken_after_sentences_and_keeps_every_word_in_time() -> None:
    text = (
        "I told you the lamp was never out. Not once in thirty years, not for fog, not for war. "
        "The keeper was out, and that is another thing entirely."
    )
    composed = compose(cue(text, 1, 12))
    assert " ".join(" ".join(c.lines) for c in composed) == text
    assert composed[0].lines[-1].endswith("out.")
    assert all(len(line) <= 42 for c in composed for line in c.lines)
    assert all(len(c.lines) <= 2 for c in composed)
    assert composed[0].start == 25
    spoken = text.split().index("Not") / len(text.split()) * 11 + 1
    assert abs(composed[1].start - spoken * 25) <= 1


def test_captions_follow_the_recognised_words_not_the_length_of_the_text() -> None:
    late = Cue(
        line_id="l",
        recording_id="r",
        character="A",
        start=48000,
        end=10 * 48000,
        text="Wait. Run now.",
        performance="",
        status="matched",
        confidence=1.0,
        words=json.dumps(
            [["Wait", 48000, 60000], ["Run", 432000, 450000], ["now", 450000, 480000]]
        ),
    )
    first, second = compose(late)
    assert (first.lines, second.lines) == (("Wait.",), ("Run now.",))
    assert second.start == 225
    assert first.end < 75


def test_two_people_at_once_share_a_caption() -> None:
    composed = compose(
        cue("Get down from there!", 1, 3), cue("I will not!", 1.2, 2.6, character="KOFI")
    )
    assert [c.lines for c in composed] == [("- Get down from there!", "- I will not!")]


def test_a_short_overlap_keeps_two_captions() -> None:
    composed = compose(
        cue("Get down from there!", 1, 3), cue("I will not!", 2.8, 4, character="KOFI")
    )
    assert [c.lines for c in composed] == [("Get down from there!",), ("I will not!",)]
    assert composed[1].start - composed[0].end == 2


def test_a_caption_does_not_hang_over_a_shot_change() -> None:
    (caption,) = compose(cue("Over here, quickly now.", 1, 3), changes=(0, 80))
    assert caption.end == 78


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


def test_lint_names_the_rule_that_is_broken() -> None:
    fast = captions.Caption(start=0, end=25, spoken_end=25, lines=("x" * 43, "y" * 30, "z"))
    close = captions.Caption(start=26, end=30, spoken_end=26, lines=("a",))
    found = caption_lint.lint_captions(
        [fast, close], rate=RATE, shot_changes=[0, 27], rules=CaptionRules()
    )
    assert {(f.rule, f.number) for f in found} == {
        ("line length", 1),
        ("lines", 1),
        ("reading speed", 1),
        ("gap", 1),
        ("shortest duration", 2),
        ("shot change", 2),
    }


words = st.lists(
    st.text("abcdefgh,.!? ", min_size=1, max_size=12).filter(str.strip), min_size=1, max_size=40
)


@given(st.lists(st.tuples(words, st.floats(0, 30), st.floats(0.3, 9)), max_size=6))
def test_captions_never_overlap_and_never_leave_the_programme(
    spoken: list[tuple[list[str], float, float]],
) -> None:
    cues = [
        cue(" ".join(text), start, start + span, character=str(i))
        for i, (text, start, span) in enumerate(spoken)
    ]
    composed = compose(*cues, frames=1000, changes=(0, 100, 200, 300, 400))
    assert all(0 <= c.start < c.end <= 1000 for c in composed)
    assert all(first.end <= second.start for first, second in itertools.pairwise(composed))
    shown = " ".join(line for c in composed for line in c.lines)
    assert all(word in shown for text, _, _ in spoken for word in " ".join(text).split())
