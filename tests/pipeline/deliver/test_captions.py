# SPDX-License-Identifier: Apache-2.0
"""Test captions: the script's words, on time, readable, and never taken for markup."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from manifests.rows import Cue
from pipeline.deliver import captions

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
