# SPDX-License-Identifier: Apache-2.0
"""The farm's decisions, without a farm: whatever happens to workers and shots, every shot ends once
and the run ends."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from flows.farm.policy import IN_FLIGHT, STRIKES, Scheduler
from flows.farm.shot_tasks import FailureKind, SchedulerRules, ShotVerdict
from flows.farm.steering import Steering
from manifests.rows import Shot


def shots(count: int, *, portraits: int = 1, frames: int = 10) -> list[Shot]:
    """Shots of a film, whose portraits take turns."""
    return [
        Shot(
            shot_id=f"s{i}",
            number=f"sh{i:04}",
            order=i,
            scene="",
            character="",
            actor="",
            role="speaking",
            line_ids="",
            text="",
            lang="en",
            performance="",
            start_frame=0,
            end_frame=frames,
            rate_num=25,
            rate_den=1,
            portrait="",
            portrait_digest=f"p{i % portraits}",
            face="",
            audio_digest="",
            seed=0,
            width=2,
            height=2,
            talker="",
            talker_version="",
            weights_digest="",
            talker_settings="",
        )
        for i in range(count)
    ]


def board(
    count: int,
    *,
    workers: int = 1,
    portraits: int = 1,
    nodes: int = 1,
    rules: SchedulerRules | None = None,
) -> Scheduler:
    made = Scheduler(shots(count, portraits=portraits), rules or SchedulerRules())
    for worker in range(workers):
        made.add_worker(f"w{worker}", node=f"n{worker % nodes}")
    return made


def taken(made: Scheduler, worker: str = "w0", now: float = 0.0) -> str:
    task = made.assign_next(worker, now)
    return task.shot.shot_id if task else ""


@dataclass
class Run:
    """A farm in a few lines: workers that end, fail, die and hang as a seed has it."""

    board: Scheduler
    chance: random.Random
    broken_workers: bool
    takes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    workers: int = 0

    def go(self, places: int) -> None:
        now = 0.0
        for _ in range(10_000):
            if not self.board.has_work:
                return
            now += 1.0
            while len(self.board.workers) < places:
                self.workers += 1
                self.board.add_worker(f"w{self.workers}", node=f"n{self.workers % 2}")
            for worker in self.board.workers:
                task = self.board.assign_next(worker, now)
                if task:
                    self.tries[task.shot.shot_id] += 1
            self._something_happens(now)
        raise AssertionError("the run does not end")

    def _something_happens(self, now: float) -> None:
        busy = [name for name, post in self.board.workers.items() if post.tasks]
        assert busy, "shots wait, workers are there, and nobody works"
        worker = self.chance.choice(busy)
        post = self.board.workers[worker]
        assert len(post.tasks) <= IN_FLIGHT
        task = post.tasks[0]
        if task.small:
            assert (
                sum(len(p.tasks) for p in self.board.workers.values() if p.node == post.node) == 1
            )
        fate = self.chance.random()
        if fate < 0.1:
            self._judge(*self.board.remove_worker(worker, "died", "", now=now))
        elif fate < 0.4 or (self.broken_workers and worker in ("w1", "w2")):
            kind: FailureKind = self.chance.choice(["tool", "input", "memory", "cancelled"])
            self._judge(self.board.record_failure(worker, task.shot.shot_id, kind, "", now=now))
            if self.board.is_bad(worker):
                self._judge(*self.board.set_aside(worker, now=now))
        else:
            self.board.record_take(worker, task.shot.shot_id, now)
            self.takes[task.shot.shot_id] += 1

    def _judge(self, *verdicts: ShotVerdict) -> None:
        for verdict in verdicts:
            self.failures[verdict.shot.shot_id] += verdict.what == "failed"


@given(
    count=st.integers(1, 30),
    places=st.integers(1, 5),
    seed=st.integers(0, 10_000),
    attempts=st.integers(1, 4),
    broken=st.booleans(),
)
def test_every_shot_ends_once_as_a_take_or_a_failure(
    count: int, places: int, seed: int, attempts: int, broken: bool
) -> None:
    run = Run(
        board(count, rules=SchedulerRules(attempts=attempts), workers=0),
        random.Random(seed),
        broken,
    )
    run.go(places)
    assert {shot_id: run.takes[shot_id] + run.failures[shot_id] for shot_id in run.tries} == {
        f"s{i}": 1 for i in range(count)
    }
    assert run.board.failure_count == sum(run.failures.values())
    assert run.board.remaining == []


@given(
    st.integers(0, 40),
    st.sets(st.integers(0, 39)),
    st.dictionaries(st.integers(0, 39), st.integers(-2, 2)),
)
def test_shots_go_out_by_urgency_then_in_film_order_and_held_ones_stay(
    count: int, held: set[int], urgent: dict[int, int]
) -> None:
    made = board(count)
    made.apply_steering(
        Steering(
            held=frozenset(f"s{i}" for i in held), priority={f"s{i}": n for i, n in urgent.items()}
        )
    )
    order = []
    while shot_id := taken(made):
        order.append(int(shot_id[1:]))
        made.record_take("w0", shot_id, 1.0)
    wanted = [i for i in range(count) if i not in held]
    assert order == sorted(wanted, key=lambda i: (-urgent.get(i, 0), i))
    assert [shot.order for shot in made.remaining] == sorted(set(range(count)) & held)


def test_a_worker_stays_with_its_warm_portrait_for_a_while_and_else_follows_the_film() -> None:
    made = board(40, portraits=2)
    assert [taken(made), taken(made)] == ["s0", "s2"]
    made.record_take("w0", "s0", 1.0)
    made.apply_steering(Steering(priority={"s5": 1}))
    assert taken(made) == "s5", "what is wanted first comes first, whoever it shows"


def test_at_most_two_shots_are_at_a_worker() -> None:
    made = board(5)
    assert [taken(made), taken(made), taken(made)] == ["s0", "s1", ""]


def test_a_shot_that_failed_is_tried_by_another_worker_while_there_is_one() -> None:
    made = board(1, workers=2)
    assert taken(made, "w0") == "s0"
    made.record_failure("w0", "s0", "tool", "broke", now=1.0)
    assert taken(made, "w0") == ""
    assert taken(made, "w1") == "s0"


def test_what_a_person_gave_wrong_is_never_tried_again() -> None:
    made = board(1)
    taken(made)
    assert made.record_failure("w0", "s0", "input", "no face", now=1.0).what == "failed"
    assert not made.has_work


def test_a_worker_that_fails_several_shots_is_set_aside_and_they_get_their_tries_back() -> None:
    made = board(STRIKES, rules=SchedulerRules(attempts=2))
    for _ in range(STRIKES):
        shot_id = taken(made)
        made.record_failure("w0", shot_id, "tool", "", now=1.0)
    assert made.is_bad("w0")
    made.set_aside("w0", now=2.0)
    made.add_worker("w1", node="n0")
    for _ in range(STRIKES):
        shot_id = taken(made, "w1")
        made.record_take("w1", shot_id, 3.0)
    assert made.failure_count == 0


def test_a_shot_that_fails_on_several_workers_is_failed_and_is_no_strike_against_them() -> None:
    made = board(1, workers=2, rules=SchedulerRules(attempts=2))
    taken(made, "w0")
    made.record_failure("w0", "s0", "tool", "", now=1.0)
    taken(made, "w1")
    assert made.record_failure("w1", "s0", "tool", "", now=2.0).what == "failed"
    assert [post.strikes for post in made.workers.values()] == [[], []]


def test_a_shot_that_ran_out_of_memory_is_made_small_and_alone_on_its_node_once() -> None:
    made = board(6, workers=3, nodes=2)  # w0 and w2 share n0
    assert [taken(made, w) for w in ("w0", "w1", "w2")] == ["s0", "s1", "s2"]
    assert made.record_failure("w0", "s0", "memory", "", now=1.0).what == "again"
    assert taken(made, "w0") == "", "not while its neighbour works"
    assert taken(made, "w1") == "s3", "other nodes go on"
    made.record_take("w2", "s2", 2.0)
    task = made.assign_next("w2", 2.0)
    assert task is not None
    assert (task.shot.shot_id, task.small) == ("s0", True)
    assert [taken(made, "w0"), taken(made, "w2")] == ["", ""]
    assert made.record_failure("w2", "s0", "memory", "", now=3.0).what == "failed"
    assert taken(made, "w0") == "s4"


def test_of_a_lost_worker_only_the_shot_that_ran_counts_as_tried() -> None:
    made = board(2, rules=SchedulerRules(attempts=1))
    taken(made), taken(made)
    verdicts = made.remove_worker("w0", "died", "killed", now=1.0)
    assert {v.shot.shot_id: v.what for v in verdicts} == {"s0": "failed", "s1": "again"}


def test_held_shots_that_run_are_cancelled_and_can_be_released() -> None:
    made = board(1)
    taken(made)
    held = Steering(held=frozenset({"s0"}))
    assert made.apply_steering(held) == [("w0", "s0")]
    assert made.record_failure("w0", "s0", "cancelled", "", now=1.0).what == "left"
    assert not made.has_work
    made.apply_steering(Steering())
    assert taken(made) == "s0"


def test_a_failed_shot_that_somebody_clears_is_tried_again() -> None:
    made = board(1)
    taken(made)
    made.record_failure("w0", "s0", "input", "no face", now=1.0)
    made.apply_steering(Steering(retry=frozenset({"s0"})))
    assert (made.failure_count, taken(made)) == (0, "s0")


def test_a_worker_is_hung_when_it_gives_no_sign_for_ten_times_what_a_shot_takes() -> None:
    made = board(9, rules=SchedulerRules(silence_seconds=5))
    assert (taken(made), made.find_hung(49), made.find_hung(51)) == ("s0", [], ["w0"])
    made.record_take("w0", "s0", 2.0)
    taken(made, now=2.0)
    assert (made.find_hung(21), made.find_hung(23)) == ([], ["w0"])
    made.note_progress("w0", 22.0)
    assert made.find_hung(41) == []


def test_limits_wind_a_run_down_and_say_why() -> None:
    def after(rules: SchedulerRules, *, fail: bool = False) -> tuple[str, int]:
        made = board(5, rules=rules)
        shot_id = taken(made)
        made.record_failure("w0", shot_id, "input", "", now=10.0) if fail else made.record_take(
            "w0", shot_id, 10.0
        )
        made.check_limits(10.0)
        return made.stopped, len(made.remaining)

    assert after(SchedulerRules(stop_after_failures=1), fail=True) == ("failures", 4)
    assert after(SchedulerRules(budget_seconds=10)) == ("budget", 4)
    assert after(SchedulerRules(budget_seconds=11)) == ("", 4)
    assert after(SchedulerRules(deadline=19)) == ("deadline", 4), (
        "the next shot would take until 20"
    )
    assert after(SchedulerRules(deadline=21)) == ("", 4)


def test_a_stop_lets_what_runs_finish() -> None:
    made = board(3)
    taken(made)
    made.apply_steering(Steering(stop=True))
    assert (made.has_work, taken(made)) == (True, "")
    made.record_take("w0", "s0", 1.0)
    assert (made.has_work, made.stopped, len(made.remaining)) == (False, "drain", 2)
