# SPDX-License-Identifier: Apache-2.0
"""Who makes what next, what a failure means, and when to wind down: the farm's decisions, as plain
values.

Not the doing: `pool` owns actors and clocks, and tells the board what happened. All times are
seconds of one steady clock. Two kinds of blame are kept apart: a shot that fails on several workers
is failed; a worker that fails several different shots, with no take between them, is set aside, and
what it failed is not held against those shots.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from flows.farm.steering import Steering
from manifests.rows import Shot

StopReason = Literal["", "drain", "failures", "budget", "deadline", "full", "workers"]
FailureKind = Literal["input", "tool", "memory", "died", "hung", "full", "cancelled"]
IN_FLIGHT = 2  # the next shot is there when one ends, and little is lost with a worker
LOOK_AHEAD = 16  # how far down the film a worker may look for the portrait that it has warm
STRIKES = 3  # different shots that a worker may fail without a take between
# times the expected seconds of a shot without a sign of progress: then a worker is hung
SILENCE_FACTOR = 10
FIRST_TAKE_FACTOR = 10  # times the least silence, while nobody knows yet how long a shot takes


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerRules:
    """`attempts`: how often a shot is tried in all. `silence_seconds`: the least time without
    progress before a worker counts as hung.

    Stop-loss, each 0 for never: `stop_after_failures` failed shots, `budget_seconds` of worker
    time, `deadline` on the board's clock.
    """

    attempts: int = 3
    silence_seconds: float = 60.0
    stop_after_failures: int = 0
    budget_seconds: float = 0.0
    deadline: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotTask:
    """A shot for a worker. `small`: it ran out of memory before, so it is made alone on its node
    and with less held at once.
    """

    shot: Shot
    small: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotVerdict:
    """What becomes of a shot that did not become a take: `again`, `failed`, or `left` for another
    time.
    """

    shot: Shot
    what: Literal["again", "failed", "left"]
    kind: FailureKind
    reason: str


@dataclass(slots=True)
class WorkerState:
    """What the board knows of one worker. `since`: when its first task began, or its last sign of
    progress.
    """

    node: str
    is_new: bool = True
    warm: str = ""
    tasks: list[ShotTask] = field(default_factory=list)
    began: float = 0.0
    since: float = 0.0
    strikes: list[str] = field(default_factory=list)
    makes_small: bool = False


@dataclass(slots=True)
class _ShotHistory:
    """How a shot that is no take yet fared so far. `forgiven`: its tries were given back once,
    because a worker was to blame.
    """

    tries: int = 0
    workers: list[str] = field(default_factory=list)
    forgiven: bool = False


class Scheduler:
    """All shots of a run and all workers at work. Every shot ends as a take, a failure, or left."""

    def __init__(self, shots: Sequence[Shot], rules: SchedulerRules) -> None:
        """`shots` in film order."""
        self.rules = rules
        self.workers: dict[str, WorkerState] = {}
        self.steering = Steering()
        self.spent_seconds = 0.0
        self.stopped: StopReason = ""
        self._failures: dict[str, Shot] = {}
        self._position = {shot.shot_id: place for place, shot in enumerate(shots)}
        self._waiting = list(shots)
        self._held: list[Shot] = []
        self._histories: dict[str, _ShotHistory] = {}
        self._memory_failures: dict[
            str, str
        ] = {}  # shots that ran out of memory, and the node where
        self._slowest = 0.0  # seconds per frame
        # of takes with which a worker began, which take longer; until there are others
        self._slowest_first = 0.0

    @property
    def waiting(self) -> Sequence[Shot]:
        """Shots that nobody makes and nobody holds, the next first."""
        return self._waiting

    @property
    def remaining(self) -> list[Shot]:
        """Shots that are not made now, because they are held or the run winds down; in film
        order.
        """
        kept = [*self._held, *self._waiting]
        return sorted(kept, key=lambda shot: self._position[shot.shot_id])

    @property
    def failure_count(self) -> int:
        """How many shots have failed for good."""
        return len(self._failures)

    @property
    def busy(self) -> bool:
        """Whether a worker makes something."""
        return any(post.tasks for post in self.workers.values())

    @property
    def has_work(self) -> bool:
        """Whether anything runs or may still begin."""
        return self.busy or bool(self._waiting and not self.stopped)

    def apply_steering(self, wanted: Steering) -> list[tuple[str, str]]:
        """Take in what people want now; returns the worker and shot id of everything that is to be
        cancelled.
        """
        if wanted.stop:
            self.stop("drain")
        if wanted != self.steering:
            again = wanted.retry - self.steering.retry
            self.steering = wanted
            self._waiting += [
                self._failures.pop(shot_id) for shot_id in again if shot_id in self._failures
            ]
            everything = self.remaining
            self._held = [shot for shot in everything if shot.shot_id in wanted.held]
            self._waiting = sorted(
                (s for s in everything if s.shot_id not in wanted.held), key=self._sort_key
            )
        return [
            (name, task.shot.shot_id)
            for name, post in self.workers.items()
            for task in post.tasks
            if task.shot.shot_id in wanted.held
        ]

    def stop(self, why: StopReason) -> None:
        """Wind down: what runs is finished, nothing new begins. The first reason stays."""
        self.stopped = self.stopped or why

    def check_limits(self, now: float) -> None:
        """Wind down when a limit of the rules is reached."""
        rules = self.rules
        running = sum(now - post.began for post in self.workers.values() if post.tasks)
        if rules.stop_after_failures and self.failure_count >= rules.stop_after_failures:
            self.stop("failures")
        if rules.budget_seconds and self.spent_seconds + running >= rules.budget_seconds:
            self.stop("budget")
        if (
            rules.deadline
            and self._waiting
            and now + self.estimate_seconds(self._waiting[0]) > rules.deadline
        ):
            self.stop("deadline")

    def add_worker(self, worker: str, *, node: str) -> None:
        """A worker is ready."""
        self.workers[worker] = WorkerState(node=node)

    def assign_next(self, worker: str, now: float, *, depth: int = IN_FLIGHT) -> ShotTask | None:
        """Give a worker its next task, if it has fewer than `depth` and there is one for it."""
        post = self.workers[worker]
        if self.stopped or len(post.tasks) >= depth or post.makes_small:
            return None
        index = self._choose_shot(worker, post)
        if index is None:
            return None
        shot = self._waiting.pop(index)
        self._histories.setdefault(shot.shot_id, _ShotHistory()).tries += 1
        task = ShotTask(shot=shot, small=shot.shot_id in self._memory_failures)
        if not post.tasks:
            post.began = post.since = now
        post.makes_small = task.small
        post.warm = shot.portrait_digest
        post.tasks.append(task)
        return task

    def note_progress(self, worker: str, now: float) -> None:
        """A worker made progress."""
        self.workers[worker].since = now

    def record_take(self, worker: str, shot_id: str, now: float) -> None:
        """A worker made a take."""
        post = self.workers[worker]
        task, seconds = self._end_task(post, shot_id, now)
        post.strikes.clear()
        self._forget(shot_id)
        pace = seconds / max(task.shot.frames, 1)
        if post.is_new:
            self._slowest_first = max(self._slowest_first, pace)
        else:
            self._slowest = max(self._slowest, pace)
        post.is_new = False

    def record_failure(
        self, worker: str, shot_id: str, kind: FailureKind, reason: str, *, now: float
    ) -> ShotVerdict:
        """A worker gave a shot back."""
        post = self.workers[worker]
        task, _ = self._end_task(post, shot_id, now)
        if kind in ("cancelled", "full"):
            return self._give_back(task.shot, kind, reason)
        if kind != "input" and shot_id not in post.strikes:
            post.strikes.append(shot_id)
        return self._judge(task, worker, kind, reason)

    def remove_worker(
        self, worker: str, kind: FailureKind, reason: str, *, now: float
    ) -> list[ShotVerdict]:
        """A worker is gone: what it was making counts as tried, what stood behind that does not."""
        post = self.workers[worker]
        verdicts = []
        for task in list(reversed(post.tasks)):
            is_running = task is post.tasks[0]
            self._end_task(post, task.shot.shot_id, now)
            if is_running and kind != "cancelled":
                verdicts.append(self._judge(task, worker, kind, reason))
            else:
                verdicts.append(self._give_back(task.shot, "cancelled", reason))
        del self.workers[worker]
        return verdicts

    def is_bad(self, worker: str) -> bool:
        """Whether a worker has failed too many different shots and must be set aside."""
        return len(self.workers[worker].strikes) >= STRIKES

    def set_aside(self, worker: str, *, now: float) -> list[ShotVerdict]:
        """Take a bad worker away: what it has goes back, and shots that only it failed get their
        tries back, once each.
        """
        for shot_id in self.workers[worker].strikes:
            trouble = self._histories.get(shot_id)
            if trouble and trouble.workers == [worker] and not trouble.forgiven:
                self._histories[shot_id] = _ShotHistory(forgiven=True)
        self.workers[worker].strikes.clear()
        return self.remove_worker(worker, "cancelled", "its worker was set aside", now=now)

    def find_hung(self, now: float) -> list[str]:
        """Workers that have given no sign for longer than any shot should take."""
        return [
            name
            for name, post in self.workers.items()
            if post.tasks and now - post.since > self._allowed_silence(post)
        ]

    def estimate_seconds(self, shot: Shot) -> float:
        """How long a shot takes at the slowest pace seen in this run; 0 while none is known."""
        return (self._slowest or self._slowest_first) * shot.frames

    def _allowed_silence(self, post: WorkerState) -> float:
        least = self.rules.silence_seconds
        expected = self.estimate_seconds(post.tasks[0].shot)
        return max(least, SILENCE_FACTOR * expected) if expected else least * FIRST_TAKE_FACTOR

    def _sort_key(self, shot: Shot) -> tuple[int, int]:
        return -self.steering.priority.get(shot.shot_id, 0), self._position[shot.shot_id]

    def _choose_shot(self, worker: str, post: WorkerState) -> int | None:
        """Which waiting shot a worker takes: of its warm portrait among the next equally urgent
        few, else the first it may.
        """
        small = self._find_small_shot(post.node)
        if small is not None:
            return None if self._is_node_busy(post.node) else small
        if any(other.makes_small for other in self._workers_on(post.node)):
            return None
        allowed = [
            i for i, shot in enumerate(self._waiting[:LOOK_AHEAD]) if self._is_fresh(worker, shot)
        ]
        if not allowed:
            fresh = (i for i, shot in enumerate(self._waiting) if self._is_fresh(worker, shot))
            again = (i for i, shot in enumerate(self._waiting) if self._may_retry(shot))
            return next(itertools.chain(fresh, again), None)
        first = self._sort_key(self._waiting[allowed[0]])[0]
        warm = (i for i in allowed if self._waiting[i].portrait_digest == post.warm)
        return next((i for i in warm if self._sort_key(self._waiting[i])[0] == first), allowed[0])

    def _is_fresh(self, worker: str, shot: Shot) -> bool:
        """Whether a worker has not failed this shot, and it needs no node of its own
        (`_find_small_shot`).
        """
        trouble = self._histories.get(shot.shot_id)
        return trouble is None or (
            worker not in trouble.workers and shot.shot_id not in self._memory_failures
        )

    def _may_retry(self, shot: Shot) -> bool:
        """Whether a worker that has nothing else to do may try again what it has failed: when no
        other worker could.
        """
        workers = self._histories[shot.shot_id].workers if shot.shot_id in self._histories else []
        return shot.shot_id not in self._memory_failures and all(
            other in workers for other in self.workers
        )

    def _find_small_shot(self, node: str) -> int | None:
        """A shot that ran out of memory on this node, or on one that is gone."""
        if not self._memory_failures:
            return None
        gone = set(self._memory_failures.values()) - {post.node for post in self.workers.values()}
        places = {node} | gone
        return next(
            (
                i
                for i, shot in enumerate(self._waiting)
                if self._memory_failures.get(shot.shot_id) in places
            ),
            None,
        )

    def _workers_on(self, node: str) -> Iterable[WorkerState]:
        return (post for post in self.workers.values() if post.node == node)

    def _is_node_busy(self, node: str) -> bool:
        return any(post.tasks for post in self._workers_on(node))

    def _end_task(self, post: WorkerState, shot_id: str, now: float) -> tuple[ShotTask, float]:
        """Take a task off a worker; returns it and how long it took. What stood behind it begins
        now.
        """
        task = next(task for task in post.tasks if task.shot.shot_id == shot_id)
        was_running = task is post.tasks[0]
        seconds = now - post.began if was_running else 0.0
        post.tasks.remove(task)
        if was_running:
            post.began = post.since = now
        post.makes_small = post.makes_small and not task.small
        self.spent_seconds += seconds
        return task, seconds

    def _give_back(self, shot: Shot, kind: FailureKind, reason: str) -> ShotVerdict:
        """A shot that is nobody's fault: it waits, or is held, as if it had not been begun."""
        self._histories[shot.shot_id].tries -= 1
        self._requeue(shot)
        stays = bool(self.stopped) or shot.shot_id in self.steering.held
        return ShotVerdict(shot=shot, what="left" if stays else "again", kind=kind, reason=reason)

    def _judge(self, task: ShotTask, worker: str, kind: FailureKind, reason: str) -> ShotVerdict:
        shot = task.shot
        trouble = self._histories[shot.shot_id]
        if worker not in trouble.workers:
            trouble.workers.append(worker)
        if (
            kind == "input"
            or trouble.tries >= self.rules.attempts
            or (kind == "memory" and task.small)
        ):
            self._failures[shot.shot_id] = shot
            if len(trouble.workers) > 1:
                self._forgive(shot.shot_id)
            self._forget(shot.shot_id)
            return ShotVerdict(shot=shot, what="failed", kind=kind, reason=reason)
        if kind == "memory":
            self._memory_failures[shot.shot_id] = self.workers[worker].node
        self._requeue(shot)
        return ShotVerdict(shot=shot, what="again", kind=kind, reason=reason)

    def _forget(self, shot_id: str) -> None:
        self._histories.pop(shot_id, None)
        self._memory_failures.pop(shot_id, None)

    def _forgive(self, shot_id: str) -> None:
        """A shot that several workers failed is to blame itself."""
        for post in self.workers.values():
            if shot_id in post.strikes:
                post.strikes.remove(shot_id)

    def _requeue(self, shot: Shot) -> None:
        if shot.shot_id in self.steering.held:
            self._held.append(shot)
        else:
            bisect.insort(self._waiting, shot, key=self._sort_key)
