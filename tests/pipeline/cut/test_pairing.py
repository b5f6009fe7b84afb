# SPDX-License-Identifier: Apache-2.0
"""Two people in one picture, scenes that dissolve into each other, and picture and sound cut apart:
what the cut decides."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import InputError
from manifests.rows import Actor, Cue, Line
from manifests.timebase import MASTER_HZ
from pipeline.cut import breakdown, cut_points
from pipeline.cut.cut_points import CutSettings, Utterance
from tests.pipeline.cut.test_breakdown import ACTORS, RECIPE, RULES, cut, shots_of, spoken

SECOND = MASTER_HZ
KEEPER = Actor(character="KEEPER", actor="K", portrait="k.png", portrait_digest="k1", seed=3)
SCENES = [
    spoken("L1", "MARA", 0.5, 3, "Who is there?", scene="1"),
    spoken("L2", "JONAS", 3.5, 6, "It is me.", scene="1"),
    spoken("L3", "MARA", 7, 9.5, "Come in then.", scene="2"),
    spoken("L4", "JONAS", 10, 13, "I will.", scene="2"),
    spoken("L5", "MARA", 13.5, 16, "At last.", scene="2"),
]


def rules(**changes: Any) -> CutSettings:
    return dataclasses.replace(RULES, **changes)


def shown(**changes: Any) -> list[tuple[str, str, str, int]]:
    decided = cut(*SCENES, seconds=17, rules=rules(**changes))
    return [(shot.number, shot.character, shot.layout, shot.layer) for shot in decided]


def test_a_two_hander_is_not_cut_between_its_two_people_and_keeps_their_sides() -> None:
    assert shown(scene_layouts=(("sc02", "two-hander"),)) == [
        ("sc01_sh010", "MARA", "single", 0),
        ("sc01_sh020", "JONAS", "single", 0),
        ("sc02_sh010", "MARA", "two-hander", 0),
        ("sc02_sh010b", "JONAS", "two-hander", 1),
    ]
    mara, jonas = cut(*SCENES, seconds=17, rules=rules(scene_layouts=(("sc02", "two-hander"),)))[2:]
    assert (mara.start_frame, mara.end_frame) == (jonas.start_frame, jonas.end_frame)
    assert (mara.text, jonas.text) == ("Come in then. At last.", "I will.")
    assert jonas.voiced == [(250 - jonas.start_frame, 325 - jonas.start_frame)], (
        "only his own words move his mouth"
    )


def test_in_a_picture_in_picture_the_corner_shows_the_listener() -> None:
    assert [entry[1:] for entry in shown(layout="picture-in-picture")[:4]] == [
        ("MARA", "picture-in-picture", 0),
        ("JONAS", "picture-in-picture", 1),
        ("JONAS", "picture-in-picture", 0),
        ("MARA", "picture-in-picture", 1),
    ]
    decided = cut(*SCENES, seconds=17, rules=rules(layout="picture-in-picture"))
    assert [shot.role for shot in decided[:4]] == ["speaking", "listening", "speaking", "listening"]
    assert len({shot.number for shot in decided}) == len(decided)


def test_scenes_in_which_people_talk_over_each_other_can_have_a_layout_of_their_own() -> None:
    heated = [
        *SCENES[:2],
        spoken("L3", "MARA", 7, 11, scene="2"),
        spoken("L4", "JONAS", 9.5, 13, scene="2"),
    ]
    decided = cut(*heated, seconds=14, rules=rules(overlap_layout="two-hander"))
    assert [(shot.scene, shot.layout) for shot in decided] == [
        ("1", "single"),
        ("1", "single"),
        ("2", "two-hander"),
        ("2", "two-hander"),
    ]
    tagged = cut(
        *heated,
        seconds=14,
        rules=rules(overlap_layout="two-hander", scene_layouts=(("2", "single"),)),
    )
    assert {shot.layout for shot in tagged} == {"single"}


def test_who_is_alone_in_a_scene_stays_alone_in_the_picture() -> None:
    monologue = [spoken("L1", "MARA", 0.5, 3), spoken("L2", "MARA", 4, 6)]
    for layout in ("two-hander", "picture-in-picture"):
        assert {shot.layout for shot in cut(*monologue, rules=rules(layout=layout))} == {"single"}


def test_a_third_person_ends_a_two_hander() -> None:
    parts = [*SCENES[2:], spoken("L6", "KEEPER", 16.5, 19, scene="2")]
    lines, cues = [line for line, _ in parts], [cue for _, cue in parts]
    decided = cutting_of(lines, cues, rules(layout="two-hander"))
    assert [(shot.character, shot.layer) for shot in decided] == [
        ("MARA", 0),
        ("JONAS", 1),
        ("MARA", 0),
        ("KEEPER", 1),
    ]


def cutting_of(
    lines: list[Line], cues: list[Cue], settings: CutSettings
) -> list[breakdown.DecidedShot]:
    return breakdown.break_down(
        cues, lines=lines, actors=[*ACTORS, KEEPER], total_samples=20 * SECOND, settings=settings
    )


def test_a_layout_for_a_scene_that_there_is_not_names_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"sc20.*sc02") as error:
        shown(scene_layouts=(("sc20", "two-hander"), ("3", "single")))
    assert len(error.value.problems) == 2


def test_scenes_dissolve_into_each_other_with_frames_that_are_drawn_for_it() -> None:
    decided = cut(*SCENES, seconds=17, rules=rules(scene_dissolve_frames=13))
    assert [shot.dissolve_frames for shot in decided] == [0, 0, 13, 0, 0]
    assert [shot.handles for shot in decided] == [(0, 0), (0, 7), (6, 0), (0, 0), (0, 0)]
    rows = shots_of(decided)
    assert rows[1].frames == rows[1].end_frame - rows[1].start_frame + 7
    assert decided[2].lines[0].start_frame == 175 - rows[2].first_drawn


def test_handles_are_drawn_around_every_shot_but_not_outside_the_timeline() -> None:
    decided = cut(*SCENES, seconds=17, rules=rules(handle_frames=10))
    assert [shot.handles for shot in decided] == [(0, 10), (10, 10), (10, 10), (10, 10), (10, 0)]
    plain = cut(*SCENES, seconds=17)
    assert [(s.start_frame, s.end_frame) for s in decided] == [
        (s.start_frame, s.end_frame) for s in plain
    ]


def test_words_that_only_the_handles_reach_do_not_make_a_listener_speak() -> None:
    plain, handled = (
        cut(*SCENES, seconds=17, rules=rules(layout="picture-in-picture", handle_frames=frames))
        for frames in (0, 24)
    )
    assert [shot.role for shot in handled] == [shot.role for shot in plain]
    assert [shot.text for shot in handled] == [shot.text for shot in plain]
    assert handled[1].lines[-1].character == "JONAS", "he is heard in the handle"
    assert handled[1].performance.at([60]).tolist() == plain[1].performance.at([60]).tolist()


def test_a_shared_scene_is_cut_to_not_dissolved() -> None:
    decided = cut(
        *SCENES,
        seconds=17,
        rules=rules(scene_dissolve_frames=12, scene_layouts=(("sc02", "two-hander"),)),
    )
    assert {shot.dissolve_frames for shot in decided} == {0}


def test_a_take_with_a_matte_is_another_take() -> None:
    plain, transparent = (
        shots_of(cut(*SCENES), recipe=dataclasses.replace(RECIPE, matte=m)) for m in (False, True)
    )
    assert json.loads(transparent[0].talker_settings)["matte"] is True
    assert json.loads(plain[0].talker_settings) == {}
    assert plain[0].shot_id != transparent[0].shot_id


def edits(*parts: tuple[str, float, float], seconds: float = 30, **changes: int) -> list[int]:
    utterances = [
        Utterance(start=round(a * SECOND), end=round(b * SECOND), character=name, scene="1")
        for name, a, b in parts
    ]
    return [
        p.start
        for p in cut_points.place_cuts(
            utterances, total_samples=round(seconds * SECOND), settings=rules(**changes)
        )
    ]


def test_a_reply_on_the_heels_is_heard_before_it_is_seen() -> None:
    assert edits(("A", 1, 4), ("B", 4.08, 14), sound_leads_frames=8) == [0, 102 + 6]
    assert edits(("A", 1, 4), ("B", 4.08, 8), sound_leads_frames=8) == [0, 102 + 2]


def test_over_the_end_of_a_long_speech_the_listener_is_seen() -> None:
    assert edits(("A", 1, 14), ("B", 14.08, 17), sound_leads_frames=8, picture_leads_frames=8) == [
        0,
        350 - 8,
    ]


def test_a_pause_that_can_be_cut_into_is_cut_into() -> None:
    both = {"sound_leads_frames": 8, "picture_leads_frames": 8}
    assert edits(("A", 1, 4), ("B", 5, 9), **both) == edits(("A", 1, 4), ("B", 5, 9))


turn = st.tuples(
    st.sampled_from("ABC"), st.integers(0, SECOND), st.integers(2 * SECOND, 9 * SECOND)
)
turns = st.lists(turn, min_size=2, max_size=12)


@given(turns, st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001)]))
def test_who_speaks_is_seen_for_95_percent_of_the_speech_however_picture_and_sound_are_cut_apart(
    parts: list[tuple[str, int, int]], rate: Fraction
) -> None:
    end, utterances = 0, []
    for character, pause, length in parts:
        utterances.append(
            Utterance(start=end + pause, end=end + pause + length, character=character, scene="1")
        )
        end += pause + length
    settings = rules(rate=rate, sound_leads_frames=24, picture_leads_frames=24)
    pieces = cut_points.place_cuts(utterances, total_samples=end, settings=settings)
    assert all(before.end == after.start for before, after in pairwise(pieces))
    right = sum(
        max(
            Fraction(0),
            min(Fraction(u.end), piece.end * MASTER_HZ / rate)
            - max(Fraction(u.start), piece.start * MASTER_HZ / rate),
        )
        for u in utterances
        for piece in pieces
        if piece.character == u.character
    )
    spoken = sum(u.end - u.start for u in utterances)
    assert right >= Fraction(95, 100) * spoken - len(utterances) * MASTER_HZ / rate / 2
