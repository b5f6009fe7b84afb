# SPDX-License-Identifier: Apache-2.0
"""Where cuts fall: the whole timeline is covered, cuts lie in the pauses, nothing flashes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.timebase import MASTER_HZ, frames_covering
from pipeline.cut.cut_points import CutPiece, CutSettings, Utterance, assign_floor, place_cuts

RATES = [Fraction(24), Fraction(25), Fraction(30), Fraction(24000, 1001), Fraction(30000, 1001)]
SECOND = MASTER_HZ
samples = st.integers(0, 60 * SECOND)


def settings(
    rate: Fraction = Fraction(25),
    minimum: float = 1.2,
    maximum: float = 20.0,
    long_pause: float = 2.5,
) -> CutSettings:
    return CutSettings(
        rate=rate,
        minimum_shot_seconds=minimum,
        maximum_shot_seconds=maximum,
        long_pause_seconds=long_pause,
    )


def say(
    character: str, start: float, end: float, *, scene: str = "1", seen: bool = True
) -> Utterance:
    return Utterance(
        start=round(start * SECOND),
        end=round(end * SECOND),
        character=character,
        scene=scene,
        seen=seen,
    )


def seen_by(
    *utterances: Utterance, seconds: float = 20, rules: CutSettings | None = None
) -> list[tuple[str, int, int]]:
    pieces = place_cuts(
        utterances, total_samples=round(seconds * SECOND), settings=rules or settings()
    )
    return [(piece.character, piece.start, piece.end) for piece in pieces]


def gapless(pieces: list[CutPiece], total_samples: int, rate: Fraction) -> bool:
    edges = [0, *(piece.end for piece in pieces)]
    return edges[-1] == frames_covering(total_samples, rate) and all(
        (piece.start, piece.end) == (start, end) and end > start
        for piece, (start, end) in zip(pieces, pairwise(edges), strict=True)
    )


utterances = st.lists(
    st.builds(
        lambda start, length, character, scene, seen: Utterance(
            start=start, end=start + length, character=character, scene=scene, seen=seen
        ),
        samples,
        st.integers(1, 8 * SECOND),
        st.sampled_from("ABC"),
        st.sampled_from(["1", "2"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@given(utterances, st.integers(1, 70 * SECOND), st.sampled_from(RATES), st.floats(0.2, 3))
def test_shots_cover_the_whole_timeline_once(
    spoken: list[Utterance], total: int, rate: Fraction, minimum: float
) -> None:
    rules = settings(rate, minimum)
    pieces = place_cuts(spoken, total_samples=total, settings=rules)
    assert gapless(pieces, total, rate) if any(u.start < total for u in spoken) else pieces == []
    assert (
        len(pieces) <= 1 or min(piece.end - piece.start for piece in pieces) >= rules.minimum_frames
    )


turns = st.tuples(
    st.sampled_from("ABC"), st.integers(0, 4 * SECOND), st.integers(SECOND // 4, 6 * SECOND)
)


@given(st.lists(turns, min_size=1, max_size=10), st.sampled_from(RATES), st.sampled_from([0, 8]))
def test_cuts_fall_into_pauses_or_where_there_is_none_a_few_frames_beside_the_turn(
    parts: list[tuple[str, int, int]], rate: Fraction, leads: int
) -> None:
    end, spoken = 0, []
    for character, pause, length in parts:
        spoken.append(
            Utterance(start=end + pause, end=end + pause + length, character=character, scene="1")
        )
        end += pause + length
    rules = replace(settings(rate), sound_leads_frames=leads, picture_leads_frames=leads)
    frame = MASTER_HZ / rate
    for piece in place_cuts(spoken, total_samples=end + SECOND, settings=rules)[1:]:
        place = piece.start * frame
        crossed = [u for u in spoken if u.start <= place and place + frame < u.end]
        assert all(
            min(place - u.start, u.end - place) <= (leads + 1) * frame for u in crossed if leads
        ), "far inside words"
        assert leads or not crossed, "inside words"


@given(utterances)
def test_exactly_one_speaker_has_the_floor_while_anybody_speaks(spoken: list[Utterance]) -> None:
    floors = assign_floor(spoken)
    assert all(left.end <= right.start for left, right in pairwise(floors))
    covered = {edge for u in spoken for edge in range(u.start, u.end, SECOND // 7)}
    assert all(any(floor.start <= at < floor.end for floor in floors) for at in covered)


@given(utterances, st.randoms(use_true_random=False))
def test_the_order_in_which_utterances_come_does_not_matter(
    spoken: list[Utterance], random: Random
) -> None:
    shuffled = random.sample(spoken, len(spoken))
    first, second = (
        place_cuts(each, total_samples=60 * SECOND, settings=settings())
        for each in (spoken, shuffled)
    )
    assert first == second


def test_a_cut_falls_two_thirds_into_the_pause() -> None:
    assert seen_by(say("A", 1, 4), say("B", 5.5, 9), seconds=10) == [("A", 0, 125), ("B", 125, 250)]


def test_a_short_pause_still_leaves_three_frames_before_the_first_word() -> None:
    (_, _, at), _ = seen_by(say("A", 1, 4), say("B", 4.2, 9), seconds=10)
    assert at == 102


def test_a_pause_of_two_frames_is_cut_at_its_beginning() -> None:
    (_, _, at), _ = seen_by(say("A", 1, 4), say("B", 4.08, 9), seconds=10)
    assert at == 100


def test_after_a_long_pause_the_last_speaker_has_listened_for_most_of_it() -> None:
    (_, _, at), _ = seen_by(say("A", 0, 4), say("B", 14, 18))
    assert at == 329  # 2.5 s / 3 before the first word


def test_the_next_speaker_is_shown_when_one_breaks_in() -> None:
    assert seen_by(say("A", 0, 4), say("B", 3.5, 8), seconds=8) == [("A", 0, 87), ("B", 87, 200)]


def test_one_who_talks_through_an_interruption_comes_back() -> None:
    assert [name for name, _, _ in seen_by(say("A", 0, 12), say("B", 4, 7), seconds=12)] == [
        "A",
        "B",
        "A",
    ]


def test_a_short_interjection_does_not_flash() -> None:
    assert seen_by(say("A", 0, 4), say("B", 4.1, 4.5), say("A", 4.6, 9), seconds=9) == [
        ("A", 0, 225)
    ]
    assert seen_by(say("A", 0, 9), say("B", 4.1, 4.9), seconds=9) == [("A", 0, 225)]


def test_a_short_line_with_room_around_it_is_shown() -> None:
    assert [
        name for name, _, _ in seen_by(say("A", 0, 4), say("B", 5, 5.6), say("A", 7, 9), seconds=9)
    ] == ["A", "B", "A"]


def test_silence_before_and_after_belongs_to_the_first_and_last_speaker() -> None:
    assert seen_by(say("A", 5, 7), say("B", 7.5, 9), seconds=20)[0][1] == 0
    assert seen_by(say("A", 5, 7), say("B", 7.5, 9), seconds=20)[-1] == ("B", 183, 500)


def test_lines_of_one_speaker_stay_one_shot_until_it_is_long() -> None:
    spoken = [say("A", 3 * i, 3 * i + 2.5) for i in range(10)]
    assert len(seen_by(*spoken, seconds=15)) == 1
    shots = seen_by(*spoken, seconds=30)
    assert [name for name, _, _ in shots] == ["A", "A"]
    assert max(end - start for _, start, end in shots) <= 500


def test_a_long_line_is_split_at_the_pause_that_makes_equal_parts() -> None:
    pauses = [(SECOND * 5, SECOND * 6), (SECOND * 14, SECOND * 15), (SECOND * 22, SECOND * 23)]
    pieces = place_cuts(
        [say("A", 0, 30)], total_samples=30 * SECOND, settings=settings(), pauses=pauses
    )
    assert [(piece.start, piece.end) for piece in pieces] == [(0, 367), (367, 750)]


def test_a_long_line_without_a_pause_is_left_whole() -> None:
    assert seen_by(say("A", 0, 60), seconds=60) == [("A", 0, 1500)]


def test_a_new_scene_begins_a_new_shot_of_the_same_speaker() -> None:
    assert seen_by(say("A", 0, 4), say("A", 5.5, 9, scene="2"), seconds=9) == [
        ("A", 0, 125),
        ("A", 125, 225),
    ]


@pytest.mark.parametrize(
    ("spoken", "shown"),
    [
        ([say("A", 0, 4), say("X", 5, 9, seen=False), say("B", 10, 14)], ["A", "B"]),
        ([say("X", 0, 4, seen=False), say("B", 5, 9)], ["B"]),
        (
            [say("A", 0, 4), say("X", 5, 9, seen=False, scene="2"), say("B", 10, 14, scene="2")],
            ["A", "B"],
        ),
        ([say("A", 0, 9), say("X", 2, 8, seen=False)], ["A"]),
        ([say("X", 0, 4, seen=False)], ["X"]),
    ],
)
def test_under_a_voice_over_somebody_listens(spoken: list[Utterance], shown: list[str]) -> None:
    assert [name for name, _, _ in seen_by(*spoken)] == shown


def test_what_lies_behind_the_end_of_the_recording_is_not_shown() -> None:
    assert seen_by(say("A", 0, 4), say("B", 12, 14), seconds=5) == [("A", 0, 125)]


def test_parts_of_a_split_stretch_know_how_much_of_it_lies_before_them() -> None:
    long = [say("A", start, start + 4) for start in range(1, 36, 5)]
    pieces = place_cuts(long, total_samples=40 * SECOND, settings=settings(maximum=10))
    assert len(pieces) > 2
    assert [piece.before for piece in pieces] == [piece.start for piece in pieces]
    assert [
        piece.before
        for piece in place_cuts(
            [say("A", 1, 4), say("B", 5, 9)], total_samples=10 * SECOND, settings=settings()
        )
    ] == [0, 0]
