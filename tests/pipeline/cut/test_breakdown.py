# SPDX-License-Identifier: Apache-2.0
"""Shots have their lines, roles, performances and numbers."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import InputError
from manifests.rows import Actor, Cue, Line, Shot
from manifests.timebase import MASTER_HZ, frames_covering
from model.emotion import LABELS, Performance
from pipeline.cut import breakdown, shot_identity
from pipeline.cut.breakdown import DecidedShot
from pipeline.cut.cut_points import CutSettings
from pipeline.cut.shot_identity import ShotRecipe

ACTORS = [
    Actor(
        character="MARA",
        actor="Mara Dahl",
        portrait="mara.png",
        portrait_digest="m1",
        default_emotion="sad 0.4",
        seed=1,
        look="day",
    ),
    Actor(
        character="JONAS", actor="Jonas Berg", portrait="jonas.png", portrait_digest="j1", seed=2
    ),
]
RECIPE = ShotRecipe(
    talker="previs",
    talker_version="1.0.0",
    weights_digest="w1",
    talker_settings="{}",
    size=lambda _: (720, 960),
    episode="e01",
)
RATES = [Fraction(24), Fraction(25), Fraction(30), Fraction(24000, 1001), Fraction(30000, 1001)]
SECOND = MASTER_HZ
RULES = CutSettings(
    rate=Fraction(25), minimum_shot_seconds=1.2, maximum_shot_seconds=20.0, long_pause_seconds=2.5
)


def spoken(
    name: str, character: str, start: float, end: float, text: str = "Hello.", **fields: Any
) -> tuple[Line, Cue]:
    """A line and its cue, times in seconds."""
    cue_fields = {
        key: fields.pop(key) for key in ("performance", "words", "status") if key in fields
    }
    line = Line(line_id=name, order=0, character=character, text=text, **{"scene": "1", **fields})
    cue = Cue(
        line_id=name,
        recording_id="r",
        character=character,
        start=round(start * SECOND),
        end=round(end * SECOND),
        text=text,
        confidence=1.0,
        **{"performance": "", "status": "matched", **cue_fields},
    )
    return line, cue


def cut(
    *parts: tuple[Line, Cue], seconds: float = 10, rules: CutSettings = RULES
) -> list[DecidedShot]:
    lines, cues = [line for line, _ in parts], [cue for _, cue in parts]
    return breakdown.break_down(
        cues, lines=lines, actors=ACTORS, total_samples=round(seconds * SECOND), settings=rules
    )


def shots_of(
    decided: list[DecidedShot],
    recipe: ShotRecipe = RECIPE,
    actors: list[Actor] = ACTORS,
    sound: str = "a",
) -> list[Shot]:
    return shot_identity.build_shots(
        decided,
        actors=actors,
        recipe=recipe,
        audio_digest_of=lambda shot: f"{sound}{shot.start_frame}",
    )


DIALOGUE = [
    spoken("L1", "MARA", 0.5, 3, "Who is there?", performance="fear 1"),
    spoken("L2", "JONAS", 3.5, 6, "It is me.", performance="neutral 1 -> happy 0.9"),
    spoken("L3", "MARA", 7, 9.5, "Come in then."),
]


def test_a_dialogue_becomes_shots_with_their_lines() -> None:
    decided = cut(*DIALOGUE)
    assert [
        (shot.number, shot.character, shot.role, shot.text, shot.line_ids) for shot in decided
    ] == [
        ("sc01_sh010", "MARA", "speaking", "Who is there?", "L1"),
        ("sc01_sh020", "JONAS", "speaking", "It is me.", "L2"),
        ("sc01_sh030", "MARA", "speaking", "Come in then.", "L3"),
    ]
    assert [shot.order for shot in decided] == [0, 1, 2]
    assert decided[1].lines[0].start_frame == 88 - decided[1].start_frame


def test_a_shot_performs_its_line_and_without_markup_the_actors_default() -> None:
    mara, jonas, again = cut(*DIALOGUE)
    assert mara.performance.at([0, 50])[:, LABELS.index("fear")].tolist() == [1, 1]
    first, last = jonas.lines[0].start_frame, jonas.lines[0].end_frame - 1
    np.testing.assert_allclose(
        jonas.performance.at([first, (first + last) / 2, last])[:, LABELS.index("happy")],
        [0, 0.45, 0.9],
    )
    assert again.performance.at([0])[0, LABELS.index("sad")] == 0.4


def test_the_plain_performance_of_a_row_reads_back() -> None:
    for decided, row in zip(cut(*DIALOGUE), shots_of(cut(*DIALOGUE)), strict=True):
        assert Performance.from_plain(json.loads(row.performance)) == decided.performance


def test_an_interjection_is_heard_in_the_others_shot_and_moves_no_mouth() -> None:
    (shot,) = cut(
        spoken("L1", "MARA", 0, 4, "I was"),
        spoken("L2", "JONAS", 4.2, 4.6, "Yes?"),
        spoken("L3", "MARA", 5, 9, "not done."),
    )
    assert (shot.character, shot.text, shot.line_ids) == ("MARA", "I was not done.", "L1|L2|L3")
    assert shot.voiced == [(0, 100), (125, 225)]
    assert [line.speaks for line in shot.lines] == [True, False, True]


def test_a_shot_in_which_nobody_else_is_heard_is_voiced_throughout() -> None:
    assert [shot.voiced for shot in cut(*DIALOGUE)] == [[], [], []]


def test_under_a_voice_over_the_one_in_the_picture_listens() -> None:
    first, second = cut(
        spoken("L1", "MARA", 0, 4, scene="1"),
        spoken("L2", "JONAS", 6, 9, "I remember.", scene="2", voice_over=True),
    )
    assert (first.role, second.role, second.character, second.text) == (
        "speaking",
        "listening",
        "MARA",
        "",
    )
    assert second.performance.at([0])[0, LABELS.index("sad")] == 0.4


def test_lines_that_were_not_heard_are_left_out() -> None:
    line, cue = spoken("L2", "JONAS", 3.5, 6)
    missing = (line, dataclasses.replace(cue, status="missing", start=-1, end=-1))
    assert [shot.line_ids for shot in cut(DIALOGUE[0], missing)] == ["L1"]


def test_a_film_in_which_nothing_was_heard_is_refused() -> None:
    with pytest.raises(InputError, match="no line of the script was heard"):
        cut()


def test_a_line_that_is_cut_gives_each_shot_its_words() -> None:
    words = [
        ["one", 0, SECOND],
        ["two", 10 * SECOND, 11 * SECOND],
        ["three", 12 * SECOND, 28 * SECOND],
    ]
    line = spoken(
        "L1", "MARA", 0, 28, "One two three.", words=json.dumps(words), performance="neutral -> sad"
    )
    first, second = cut(line, seconds=28)
    assert (first.text, second.text) == ("One two", "three.")
    assert second.lines[0].start_frame == -second.start_frame
    seam = first.end_frame - first.start_frame
    np.testing.assert_allclose(first.performance.at([seam]), second.performance.at([0]), atol=1e-6)


def test_a_line_without_word_times_or_spaces_is_shared_out_by_time() -> None:
    first, second = cut(
        spoken("L1", "MARA", 0, 10, "零一二三四五六七八九"), spoken("L2", "JONAS", 6, 9.9)
    )
    assert (first.text, second.character) == ("零一二三四五", "JONAS")


@pytest.mark.parametrize(
    ("scenes", "numbers"),
    [
        (["INT. A", "EXT. B", "INT. A"], ["sc01_sh010", "sc02_sh010", "sc01_sh020"]),
        (["7", "12a", "7"], ["sc07_sh010", "sc12A_sh010", "sc07_sh020"]),
        (["12A INT. A", "3 EXT. B", "3 EXT. B"], ["sc12A_sh010", "sc03_sh010", "sc03_sh020"]),
        (["1 A", "01 B", "C"], ["sc01_sh010", "sc02_sh010", "sc03_sh010"]),
    ],
)
def test_shots_are_numbered_by_tens_within_their_scene(
    scenes: list[str], numbers: list[str]
) -> None:
    parts = [
        spoken(f"L{i}", "MARA" if i % 2 else "JONAS", 5 * i, 5 * i + 4, scene=scene)
        for i, scene in enumerate(scenes)
    ]
    assert [shot.number for shot in cut(*parts, seconds=15)] == numbers


cue_lists = st.lists(
    st.tuples(
        st.sampled_from(["MARA", "JONAS"]), st.floats(0, 40), st.floats(0.05, 9), st.booleans()
    ),
    min_size=1,
    max_size=10,
)


@given(cue_lists, st.sampled_from(RATES), st.floats(1, 50))
def test_any_cues_give_a_whole_cut_whose_shots_perform(
    parts: list[tuple[str, float, float, bool]], rate: Fraction, seconds: float
) -> None:
    lines = [
        spoken(f"L{i}", who, at, at + long, voice_over=over)
        for i, (who, at, long, over) in enumerate(parts)
    ]
    if all(cue.start >= round(seconds * SECOND) for _, cue in lines):
        return
    decided = cut(*lines, seconds=seconds, rules=dataclasses.replace(RULES, rate=rate))
    assert decided[0].start_frame == 0
    assert decided[-1].end_frame == frames_covering(round(seconds * SECOND), rate)
    assert all(left.end_frame == right.start_frame for left, right in pairwise(decided))
    assert len({shot.number for shot in decided}) == len(decided)
    for shot in decided:
        assert np.isfinite(shot.performance.at(range(shot.end_frame - shot.start_frame))).all()
        assert (shot.role == "speaking") == any(line.speaks for line in shot.lines)
