# SPDX-License-Identifier: Apache-2.0
"""A lesson's transcript as pages, and its chapters for players."""

from __future__ import annotations

from fractions import Fraction

from pipeline.lesson import transcript
from tests.pipeline.lesson.test_packages import TOLD

RATE = Fraction(25)


HOSTILE = '<script>alert(1)</script> & "quotes" {{title}} ]]> --> \\ = ; #'


def test_the_transcript_says_who_says_what_and_what_stands_on_the_slides() -> None:
    text = transcript.render_text("Lesson", TOLD, rate=RATE)
    assert "0:04  <script>" in text and "ANNA: Hello." in text and "On the slide: Words" in text


def test_text_is_text_in_every_page() -> None:
    for page in (transcript.render_page(HOSTILE, TOLD, rate=RATE, language='en"><script>'),):
        assert "<script>" not in page and "&lt;script&gt;" in page


def test_chapters_for_players_lie_on_their_frames() -> None:
    vtt = transcript.render_chapters_vtt(TOLD, frames=250, rate=RATE)
    assert "00:00:00.000 --> 00:00:04.000\nOne" in vtt and "00:00:04.000 --> 00:00:10.000" in vtt
    assert "-->" not in vtt.splitlines()[-1]
