# SPDX-License-Identifier: Apache-2.0
"""The ledger: what state a shot is in follows from events alone, decisions stay with their shot,
approvals end with what was approved."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flows.ledger.decisions import fold_decisions, new_decision
from flows.ledger.shot_diff import describe_reviewed_take
from flows.ledger.shot_matching import identify_places
from flows.ledger.shot_state import STATES, compute_states
from manifests.rows import Shot
from manifests.run_rows import Event
from tests.flows.some_shots import build_event, cut, ids, shot

names = st.sampled_from(["queued", "running", "done", "failed", "retried", "stopped"])
stories = st.lists(st.tuples(names, st.integers(0, 3), st.sampled_from(["r1", "r2"])), max_size=12)
decisions = st.lists(
    st.tuples(
        st.sampled_from(["held", "released", "skipped", "retry", "priority", "note", "seed"]),
        st.integers(0, 3),
    ),
    max_size=12,
)
DETAIL = {"priority": {"priority": 3}, "note": {"text": "n"}, "seed": {"seed": 9, "was": 1}}


def decided(name: str, made: Shot, at: int, **detail: object) -> Event:
    """A decision at a second, on a shot that is the first of its lines."""
    one = new_decision(
        name, identify_places([made])[0], made, by="Anna", **(detail or DETAIL.get(name, {}))
    )
    return replace(one, happened_at=build_event(name, "", at).happened_at, event_id=f"{at:06}")


@given(story=stories, choices=decisions, done=st.sets(st.integers(0, 3)), seed=st.integers())
def test_every_shot_has_one_state_whatever_happened_in_whatever_order_it_is_told(
    story: list[tuple[str, int, str]], choices: list[tuple[str, int]], done: set[int], seed: int
) -> None:
    shots = cut("a", "b", "c", "d")
    farm = [
        build_event(name, shots[index].shot_id, at, run=run)
        for at, (name, index, run) in enumerate(story)
    ]
    people = [decided(name, shots[index], at + 30) for at, (name, index) in enumerate(choices)]
    made = {shots[index].shot_id for index in done}
    ledger = compute_states(
        shots, done=made, farm=farm, decisions=fold_decisions(people), over={"r1"}
    )
    random.Random(seed).shuffle(farm)
    random.Random(seed).shuffle(people)
    assert ledger == compute_states(
        shots, done=made, farm=farm, decisions=fold_decisions(people), over={"r1"}
    )
    for entry in ledger:
        assert entry.state in STATES
        assert (entry.state == "held") == entry.decision.held
        assert entry.has_take == (entry.shot.shot_id in made)
        if entry.state == "running":
            assert (entry.has_take, entry.decision.skipped) == (False, False)


def test_a_shot_lives_through_its_states() -> None:
    (one,) = shots = cut("a")
    story = [
        ("new", None),
        ("queued", build_event("queued", one.shot_id, 1)),
        ("running", build_event("running", one.shot_id, 2, detail="host/7")),
        ("failed", build_event("failed", one.shot_id, 3, detail="memory: it did not fit")),
    ]
    farm: list[Event] = []
    for state, told in story:
        farm += [told] if told else []
        (entry,) = compute_states(shots, done=(), farm=farm)
        assert entry.state == state
    assert (entry.error, entry.reason) == ("memory", "it did not fit")
    (again,) = compute_states(
        shots, done=(), farm=farm, decisions=fold_decisions([decided("retry", one, 4)])
    )
    assert again.state == "new"
    (made,) = compute_states(shots, done=ids(shots), farm=farm)
    assert made.state == "done"


def test_who_makes_a_shot_and_since_when_is_known_until_its_run_is_over() -> None:
    (one,) = shots = cut("a")
    farm = [build_event("running", one.shot_id, 62, detail="host/7")]
    (entry,) = compute_states(shots, done=(), farm=farm)
    assert (entry.worker, entry.since) == ("host/7", "2026-11-22T10:01:02.000000+00:00")
    (entry,) = compute_states(shots, done=(), farm=farm, over={"r1"})
    assert entry.state == "new"


def test_a_decision_stays_with_its_shot_when_others_are_put_before_it() -> None:
    before = cut("a", "b")
    held = fold_decisions([decided("held", before[1], 1)])
    after = [
        shot("z", number="sc01_sh010"),
        *(replace(s, number=f"sc01_sh{i}0") for i, s in enumerate(before, start=2)),
    ]
    assert [entry.state for entry in compute_states(after, done=(), decisions=held)] == [
        "new",
        "new",
        "held",
    ]


def test_a_circle_that_no_longer_fits_says_why() -> None:
    one = shot("a", seed=5)
    circled = fold_decisions([decided("circled", one, 1, **describe_reviewed_take(one))])
    (entry,) = compute_states([one], done=ids([one]), decisions=circled)
    assert (entry.circled, entry.decision.seed) == (True, 5)
    (entry,) = compute_states([shot("a", seed=5, text="other")], done=(), decisions=circled)
    assert (entry.circled, entry.circle_withdrawn) == (False, ("text",))
