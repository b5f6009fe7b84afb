# SPDX-License-Identifier: Apache-2.0
"""A plan says what is to do, why, and how long it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.ledger.decisions import fold_decisions
from flows.ledger.shot_state import compute_states
from flows.plan import Terms, plan_shots
from tests.flows.ledger.test_shot_state import decided
from tests.flows.some_shots import build_event, cut, ids, shot, take_of

TERMS = Terms(workers=2)


DETAIL = {"priority": {"priority": 3}, "note": {"text": "n"}, "seed": {"seed": 9, "was": 1}}


def test_a_plan_says_what_changed_what_waits_and_what_failed() -> None:
    before = cut("a", "b", "c", "d", "e")
    now = [
        before[0],
        replace(before[1], text="other", shot_id="x"),
        *before[2:4],
        shot("rewritten", character="MARA"),
    ]
    people = fold_decisions([decided("held", now[2], 1)])
    farm = [build_event("failed", now[3].shot_id, 2, detail="input: no face")]
    ledger = compute_states(now, done=ids(before[:1]), farm=farm, decisions=people)
    planned = plan_shots(ledger, before=before, history=[], terms=TERMS)
    assert [(entry.state, entry.why) for entry in planned.shots] == [
        ("cached", ()),
        ("changed", ("text",)),
        ("held", ()),
        ("new", ()),
        ("changed", ("text", "audio")),
    ]
    assert planned.shots[3].failed == "input: no face"
    assert [one.number for one in planned.to_render] == [now[index].number for index in (1, 3, 4)]


@given(paces=st.lists(st.floats(0.01, 10), min_size=4, max_size=40), price=st.floats(0, 100))
def test_an_estimate_is_a_range_within_what_was_seen(paces: list[float], price: float) -> None:
    shots = cut("a", "b", "c")
    history = [take_of(shots[0], seconds=pace * shots[0].frames) for pace in paces]
    ledger = compute_states(shots, done=())
    found = plan_shots(
        ledger, before=[], history=history, terms=Terms(workers=2, price=price, currency="EUR")
    ).estimate
    frames = sum(one.frames for one in shots)
    assert (
        frames * min(paces) * 0.999
        <= found.low_seconds * 2
        <= found.high_seconds * 2
        <= frames * max(paces) * 1.001
    )
    assert found.low_cost is not None
    assert found.low_cost == pytest.approx(found.low_seconds * 2 / 3600 * price)
    assert found.by_talker[0].takes == len(paces)


def test_each_talker_has_an_estimate_of_its_own() -> None:
    shots = [*cut("a", "b"), shot("c", talker="dice")]
    history = [take_of(shots[2], seconds=100.0) for _ in range(5)]
    found = plan_shots(
        compute_states(shots, done=()), before=[], history=history, terms=TERMS
    ).estimate
    assert {share.talker: (share.shots, share.takes) for share in found.by_talker} == {
        "previs": (2, 0),
        "dice": (1, 5),
    }
    assert found.by_talker[1].low_seconds == pytest.approx(100.0)
