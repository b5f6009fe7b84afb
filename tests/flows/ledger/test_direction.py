# SPDX-License-Identifier: Apache-2.0
"""Decisions change what is made: talker, seed, slate."""

from __future__ import annotations

from dataclasses import replace

from flows.ledger.decisions import fold_decisions
from flows.ledger.direction import apply_decisions
from flows.ledger.shot_diff import describe_reviewed_take
from flows.ledger.shot_matching import identify_places
from tests.flows.ledger.test_shot_state import decided
from tests.flows.some_shots import cut, ids

SIZE = (640, 360)


DETAIL = {"priority": {"priority": 3}, "note": {"text": "n"}, "seed": {"seed": 9, "was": 1}}


def test_only_what_is_approved_goes_to_the_final_talker() -> None:
    previs, dice = cut("a", "b", "c"), cut("a", "b", "c", talker="dice", audio_digest="more sound")
    approved = fold_decisions(
        [
            decided("approved", one, at, **describe_reviewed_take(one))
            for at, one in enumerate(previs[:2])
        ]
    )
    directed = apply_decisions(previs, decisions=approved, size=SIZE, finals=dice)
    assert [one.talker for one in directed] == ["dice", "dice", "previs"]
    assert [one.shot_id for one in directed] == [
        dice[0].shot_id,
        dice[1].shot_id,
        previs[2].shot_id,
    ]
    edited = [replace(previs[0], text="other"), *previs[1:]]
    assert [
        one.talker for one in apply_decisions(edited, decisions=approved, size=SIZE, finals=dice)
    ] == ["previs", "dice", "previs"]


def test_a_seed_and_a_skip_make_another_shot_in_the_same_place() -> None:
    shots = cut("a", "b", "c")
    people = fold_decisions(
        [decided("seed", shots[0], 1, seed=9, was=1), decided("skipped", shots[1], 2)]
    )
    other, slate, same = apply_decisions(shots, decisions=people, size=SIZE)
    assert (other.seed, other.text, same) == (9, shots[0].text, shots[2])
    assert (slate.talker, slate.width, slate.height, slate.frames) == (
        "slate",
        *SIZE,
        shots[1].frames,
    )
    assert len(ids([*shots, other, slate])) == 5
    assert identify_places([other, slate, same]) == identify_places(shots)
