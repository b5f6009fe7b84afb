# SPDX-License-Identifier: Apache-2.0
"""Spans of speech keep their promises: nothing overlaps that must not, and silence goes."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from manifests.rows import Turn
from manifests.timebase import MASTER_HZ
from pipeline.speech import speech_levels, turns
from pipeline.speech.turns import SpeakerSpan
from tests.pipeline.speech.noise_speech import SECOND, noise, speaker_span

spans_in_a_row = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 900), st.integers(0, 3)), max_size=12
).map(
    lambda rows: [
        SpeakerSpan(start=a, end=b, speaker=who, exclusive=True)
        for (a, b), who in zip(
            itertools.pairwise(
                itertools.accumulate(
                    [n for gap, length, _ in rows for n in (gap, length)], initial=0
                )
            ),
            [who for _, _, who in rows for who in (-1, who)],
            strict=False,
        )
        if who >= 0
    ]
)


@given(spans_in_a_row, st.integers(0, 6000), st.integers(1, 3000))
def test_touching_finds_what_a_look_at_every_span_finds(
    spans: list[SpeakerSpan], start: int, length: int
) -> None:
    wanted = [span for span in spans if span.start < start + length and span.end > start]
    assert list(turns.find_touching(spans, start, start + length)) == wanted


@given(spans_in_a_row)
def test_speakers_are_numbered_by_first_appearance_and_keep_their_spans(
    spans: list[SpeakerSpan],
) -> None:
    numbered = turns.number_speakers(spans)
    seen = list(dict.fromkeys(span.speaker for span in numbered))
    assert seen == list(range(len(seen)))
    assert [(s.start, s.end) for s in numbered] == [(s.start, s.end) for s in spans]


def test_silence_inside_a_turn_is_left_out_and_short_pauses_stay() -> None:
    sound = noise(4, silent=[(1.0, 1.5), (2.5, 2.6)])
    left = turns.remove_silences([speaker_span(0, 4, 0)], speech_levels.measure_levels(sound))
    assert [(round(s.start / SECOND, 2), round(s.end / SECOND, 2)) for s in left] == [
        (0.0, 1.03),
        (1.47, 4.0),
    ]


def test_what_a_silence_leaves_of_a_turn_in_a_moment_is_dropped() -> None:
    sound = noise(4, silent=[(1.0, 1.97), (3.0, 4.0)])
    left = turns.remove_silences(
        [speaker_span(0, 1.99, 0), speaker_span(1.99, 4, 1)], speech_levels.measure_levels(sound)
    )
    assert [(round(s.start / SECOND, 2), round(s.end / SECOND, 2), s.speaker) for s in left] == [
        (0.0, 1.03, 0),
        (1.99, 3.03, 1),
    ]


@given(spans_in_a_row)
def test_over_noise_turns_get_room_and_still_never_overlap(spans: list[SpeakerSpan]) -> None:
    noisy = np.linspace(-50, -30, 400)
    for levels in (noisy, noisy * 3):  # a background 20 dB under the speech, and 60 dB
        roomier = turns.extend_spans(spans, levels)
        assert [s.speaker for s in roomier] == [s.speaker for s in spans]
        assert all(
            a.start <= b.start and a.end >= b.end for a, b in zip(roomier, spans, strict=True)
        )
        assert all(a.end <= b.start for a, b in itertools.pairwise(roomier))
        if levels is not noisy:
            assert roomier == spans


def test_the_second_voice_of_full_turns_is_found_under_the_first() -> None:
    def turn(start: int, end: int, speaker: str, *, exclusive: bool) -> Turn:
        return Turn(
            diarization_id="d",
            recording_id="r",
            start=start,
            end=end,
            speaker=speaker,
            exclusive=exclusive,
        )

    found = [
        turn(0, 100, "A", exclusive=True),
        turn(100, 300, "B", exclusive=True),
        turn(0, 140, "A", exclusive=False),
        turn(80, 300, "B", exclusive=False),
    ]
    assert [(t.start, t.end, t.speaker) for t in turns.find_overlapped(found)] == [
        (80, 100, "B"),
        (100, 140, "A"),
    ]


def test_rebuilt_spans_keep_the_overlap_under_the_new_names() -> None:
    old = [
        speaker_span(0, 3, 0),
        speaker_span(3, 5, 1),
        speaker_span(0, 3, 0, exclusive=False),
        speaker_span(2.5, 5, 1, exclusive=False),
    ]
    new = [speaker_span(0, 3, 7), speaker_span(3, 5, 8)]
    full = [span for span in turns.rebuild_spans(old, new) if not span.exclusive]
    assert speaker_span(2.5, 3, 8, exclusive=False) in full
    alone = turns.rebuild_spans(old, [speaker_span(0, 5, 7)])
    assert [span for span in alone if not span.exclusive] == [
        speaker_span(0, 5, 7, exclusive=False)
    ]


def test_rttm_holds_every_full_turn_in_seconds() -> None:
    rows = [
        Turn(
            diarization_id="d",
            recording_id="r",
            start=a * MASTER_HZ,
            end=b * MASTER_HZ,
            speaker=who,
            exclusive=alone,
        )
        for a, b, who, alone in ((0, 2, "A", True), (0, 2, "A", False), (1, 3, "B C", False))
    ]
    assert turns.format_rttm(rows, uri="film") == (
        "SPEAKER film 1 0.000 2.000 <NA> <NA> A <NA> <NA>\n"
        "SPEAKER film 1 1.000 2.000 <NA> <NA> B_C <NA> <NA>\n"
    )
    assert turns.format_rttm([], uri="film") == ""
