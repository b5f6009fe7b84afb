# SPDX-License-Identifier: Apache-2.0
"""The ledger: what state a shot is in follows from events alone, decisions stay with their shot,
approvals end with what was approved."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.ledger.decisions import (
    DECISION_NAMES,
    carry_decisions_over,
    fold_decisions,
    new_decision,
)
from flows.ledger.direction import apply_decisions
from flows.ledger.live_decisions import compute_steering, new_drain_request, watch_decisions
from flows.ledger.marks import check_marks
from flows.ledger.record import RUN
from flows.ledger.select import select_by_query
from flows.ledger.shot_diff import (
    INPUT_NAMES,
    TALKER_FIELDS,
    describe_reviewed_take,
    list_changes_since_review,
    list_differences,
)
from flows.ledger.shot_matching import identify_places, match_previous_shots
from flows.ledger.shot_state import STATES, compute_states
from flows.plan import Terms, plan_shots
from flows.project import Project
from manifests.errors import InputError
from manifests.rows import Cut, Shot
from manifests.run_rows import Event, new_event
from manifests.store import Store
from pipeline.cut import shot_identity
from pipeline.script.production import Production
from tests.flows.some_shots import cut, ids, said, shot, take_of

SIZE = (640, 360)
TERMS = Terms(workers=2)

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
    return replace(one, happened_at=said(name, "", at).happened_at, event_id=f"{at:06}")


@given(story=stories, choices=decisions, done=st.sets(st.integers(0, 3)), seed=st.integers())
def test_every_shot_has_one_state_whatever_happened_in_whatever_order_it_is_told(
    story: list[tuple[str, int, str]], choices: list[tuple[str, int]], done: set[int], seed: int
) -> None:
    shots = cut("a", "b", "c", "d")
    farm = [
        said(name, shots[index].shot_id, at, run=run) for at, (name, index, run) in enumerate(story)
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
        ("queued", said("queued", one.shot_id, 1)),
        ("running", said("running", one.shot_id, 2, detail="host/7")),
        ("failed", said("failed", one.shot_id, 3, detail="memory: it did not fit")),
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
    farm = [said("running", one.shot_id, 62, detail="host/7")]
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


def test_a_decision_follows_a_rewritten_line_and_comes_back_with_it() -> None:
    before, after = cut("a", "b", "c"), cut("a", "rewritten", "c")
    events = [decided("held", before[1], 1)]
    events += [
        replace(one, happened_at=said("", "", 2).happened_at)
        for one in carry_decisions_over(events, now=after, before=before)
    ]
    assert [
        entry.state for entry in compute_states(after, done=(), decisions=fold_decisions(events))
    ] == ["new", "held", "new"]
    events += [
        replace(one, happened_at=said("", "", 3).happened_at)
        for one in carry_decisions_over(events, now=before, before=after)
    ]
    assert [
        entry.state for entry in compute_states(before, done=(), decisions=fold_decisions(events))
    ] == ["new", "held", "new"]


@given(kept=st.lists(st.booleans(), min_size=1, max_size=12), new=st.integers(0, 3))
def test_no_place_has_two_successors_and_what_stays_succeeds_itself(
    kept: list[bool], new: int
) -> None:
    before = cut(*(f"l{index}" for index in range(len(kept))))
    after = [s for s, stays in zip(before, kept, strict=True) if stays] + [
        shot(f"n{index}") for index in range(new)
    ]
    found = match_previous_shots(after, before)
    sources = [old for old, _ in found.values()]
    assert len(sources) == len(set(sources))
    assert all(
        found[place][0] == place
        for place in set(identify_places(after)) & set(identify_places(before))
    )


def test_shots_with_the_same_lines_and_shots_without_any_have_places_of_their_own() -> None:
    shots = [
        shot("a"),
        shot("a"),
        shot("b"),
        shot("b", line_ids="", character="HENRIK"),
        shot("b", line_ids=""),
    ]
    assert len(set(identify_places(shots))) == len(shots)


@pytest.mark.parametrize("field", [name for name in INPUT_NAMES if name not in TALKER_FIELDS])
def test_a_changed_input_withdraws_an_approval_with_its_name(field: str) -> None:
    one = shot("a")
    approved = fold_decisions([decided("approved", one, 1, **describe_reviewed_take(one))])
    changed = shot("a", **{field: 77 if field == "seed" else "other"})
    (entry,) = compute_states([changed], done=ids([changed]), decisions=approved)
    assert (entry.approved, entry.withdrawn) == (False, (INPUT_NAMES[field],))
    assert INPUT_NAMES[field] in list_differences(changed, one)
    (entry,) = compute_states([one], done=ids([one]), decisions=approved)
    assert (entry.approved, entry.withdrawn, entry.marks) == (True, (), ("approved",))


def test_a_changed_length_withdraws_an_approval_and_a_new_version_of_the_talker_does_not() -> None:
    one = shot("a")
    (place,) = fold_decisions([decided("approved", one, 1, **describe_reviewed_take(one))]).values()
    assert place.approved is not None
    assert list_changes_since_review(place.approved, shot("a", end_frame=60)) == ("length",)
    assert (
        list_changes_since_review(
            place.approved, shot("a", talker_version="2.0.0", weights_digest="v")
        )
        == ()
    )


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


def test_a_circle_that_no_longer_fits_says_why() -> None:
    one = shot("a", seed=5)
    circled = fold_decisions([decided("circled", one, 1, **describe_reviewed_take(one))])
    (entry,) = compute_states([one], done=ids([one]), decisions=circled)
    assert (entry.circled, entry.decision.seed) == (True, 5)
    (entry,) = compute_states([shot("a", seed=5, text="other")], done=(), decisions=circled)
    assert (entry.circled, entry.circle_withdrawn) == (False, ("text",))


def test_a_released_shot_is_as_it_was_and_notes_add_up() -> None:
    (one,) = cut("a")
    events = [decided("held", one, 1), decided("skipped", one, 2), decided("released", one, 3)]
    assert fold_decisions(events) == {}
    notes = [decided("note", one, at, text=f"note {at}") for at in (5, 4)]
    assert next(iter(fold_decisions(notes).values())).notes == ("note 4", "note 5")


def test_only_known_decisions_can_be_made() -> None:
    with pytest.raises(ValueError, match="is not a decision"):
        new_decision("aproved", "p", shot("a"), by="Anna")
    assert set(DETAIL) < set(DECISION_NAMES)


def test_a_run_holds_changed_shots_and_retries_what_was_cleared_since_it_began() -> None:
    shots = cut("a", "b", "c", "d")
    people = fold_decisions(
        [
            decided("held", shots[0], 1),
            decided("seed", shots[1], 2, seed=9, was=1),
            decided("retry", shots[2], 30),
            decided("priority", shots[3], 4, priority=7),
        ]
    )
    wanted = compute_steering(
        dict(zip(identify_places(shots), shots, strict=True)),
        people,
        began=said("", "", 10).happened_at,
    )
    assert wanted.held == ids(shots[:2])
    assert wanted.priority == {shots[3].shot_id: 7}
    assert wanted.retry == ids(shots[2:3])


def test_a_run_is_drained_by_who_asks_for_it_while_it_goes_on(tmp_path: Path) -> None:
    production = Production(title="T", recordings=["x.wav"], folder=tmp_path)
    film = Project(production=production, root=tmp_path, store=Store(tmp_path / "manifests"))
    film.store.append([new_drain_request("e1", by="Anna")])  # the run before
    begins = new_event(RUN, "r2", actor="callsheet")
    film.store.append([begins])
    steer = watch_decisions(film, cut("a", "b"), began=begins.happened_at)
    assert not steer().stop
    film.store.append([new_drain_request("e1", by="Anna")])
    assert steer().stop


def test_a_plan_says_what_changed_what_waits_and_what_failed() -> None:
    before = cut("a", "b", "c", "d", "e")
    now = [
        before[0],
        replace(before[1], text="other", shot_id="x"),
        *before[2:4],
        shot("rewritten", character="MARA"),
    ]
    people = fold_decisions([decided("held", now[2], 1)])
    farm = [said("failed", now[3].shot_id, 2, detail="input: no face")]
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


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (["sc01_sh020"], "2"),
        (["SC01_SH020"], "2"),
        (["sc01_sh020..sc01_sh030"], "23"),
        (["character=mara"], "13"),
        (["state=held"], "2"),
        (["state=done", "sc01_sh040"], "14"),
        (["emotion=neutral"], "1234"),
        (["emotion=angry"], ""),
        (["scene=sc01", "all"], "1234"),
        (["state=failed"], ""),
    ],
)
def test_shots_are_named_by_number_range_and_query(wanted: list[str], numbers: str) -> None:
    shots = cut("a", "b", "c", "d")
    ledger = compute_states(
        shots, done=ids(shots[:1]), decisions=fold_decisions([decided("held", shots[1], 1)])
    )
    assert [entry.shot.number for entry in select_by_query(ledger, wanted)] == [
        f"sc01_sh0{number}0" for number in numbers
    ]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("sc01_sh021", "did you mean .*'sc01_sh020'"),
        ("sc01_sh010..sc01_sh099", "no shot 'sc01_sh099'"),
        ("sc01_sh020..sc01_sh010", "runs backwards"),
        ("charakter=MARA", "did you mean 'character'"),
        ("character=MARIA", "did you mean 'MARA'"),
        ("state=faild", "did you mean 'failed'"),
        ("", "no shot ''"),
        ("=", "cannot be selected by ''"),
        ("..", "no shot ''"),
    ],
)
def test_what_names_nothing_is_told_with_what_is_nearest(wanted: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        select_by_query(compute_states(cut("a", "b"), done=()), [wanted, "sc99"])
    assert len(error.value.problems) == 2


def test_slates_and_several_talkers_mark_a_version() -> None:
    def event(number: str, label: str) -> Cut:
        return Cut(
            version="",
            order=0,
            shot_id=number,
            grade_id="",
            start_frame=0,
            end_frame=1,
            take_path="",
            cube_path="",
            number=number,
            label=label,
        )

    assert check_marks([event("1", "previs"), event("2", "previs")], version="v1") == []
    slates, talkers = check_marks(
        [event("1", "previs"), event("2", "slate"), event("3", "DICE-Talk")], version="v1"
    )
    assert (slates.name, slates.value, slates.verdict) == ("slates", "1 of 3 shots", "warn")
    assert "2" in slates.advice
    assert (talkers.name, talkers.value) == ("talkers", "1 DICE-Talk, 1 previs")


def test_events_of_decisions_can_be_read_by_people() -> None:
    one = new_decision("held", "p", shot("a", number="sc01_sh010"), by="Anna")
    assert json.loads(one.detail) == {"number": "sc01_sh010", "character": "MARA"}
    assert one.actor == "Anna"


def test_every_input_that_shapes_a_shot_has_a_word_for_its_change() -> None:
    own = {"frames", "rate"}  # both are told as the length
    assert {*shot_identity.SHAPING, "before_frames"} - own == set(INPUT_NAMES)
