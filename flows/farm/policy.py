# SPDX-License-Identifier: Apache-2.0
"""Decide who makes which shot next, what a failure means, and when a run winds down.

These are decisions only, as plain values: `pool` owns the actors and the clocks and reports what
happened. All times are seconds of one steady clock. Two kinds of blame are kept apart. A shot that
fails on several workers is failed. A worker that fails several different shots, with no take
between them, is set aside, and its failures do not count against those shots.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Sequence

from flows.farm.shot_tasks import (
    FailureKind,
    SchedulerRules,
    ShotHistory,
    ShotTask,
    ShotVerdict,
    StopReason,
    WorkerState,
)
from flows.farm.steering import Steering
from manifests.rows import Shot

IN_FLIGHT = 2  # a worker has its next shot when one ends, and little is lost when it dies
LOOK_AHEAD = 16  # how far ahead a worker may look for a shot of the portrait that it has warm
STRIKES = 3  # different shots that a worker may fail without a take between them
# a worker is hung after this many times the expected seconds without a sign of progress
SILENCE_FACTOR = 10
FIRST_TAKE_FACTOR = 10  # times the least silence, while no shot has shown how long it takes


class Scheduler:
    """All shots of a run and all workers; every shot ends as a take, a failure, or left."""

    def __init__(self, shots: Sequence[Shot], rules: SchedulerRules) -> None:
        """Take the shots in film order."""
        self.rules = rules
        self.workers: dict[str, WorkerState] = {}
        self.steering = Steering()
        self.spent_seconds = 0.0
        self.stopped: StopReason = ""
        self._failures: dict[str, Shot] = {}
        self._position = {shot.shot_id: place for place, shot in enumerate(shots)}
        self._waiting = list(shots)
        self._held: list[Shot] = []
        self._histories: dict[str, ShotHistory] = {}
        self._memory_failures: dict[str, str] = {}  # shot id to the node where it ran out of memory
        self._slowest = 0.0  # pace: seconds per frame
        # pace of workers' first takes, which are slower; used until there are others
        self._slowest_first = 0.0

    @property
    def waiting(self) -> Sequence[Shot]:
        """Shots that no worker has and nobody holds, the next first."""
        return self._waiting

    @property
    def remaining(self) -> list[Shot]:
        """Shots that this run does not make, held or left as it winds down; in film order."""
        kept = [*self._held, *self._waiting]
        return sorted(kept, key=lambda shot: self._position[shot.shot_id])

    @property
    def failure_count(self) -> int:
        """The number of shots that have failed for good."""
        return len(self._failures)

    @property
    def busy(self) -> bool:
        """Whether any worker is making a shot."""
        return any(state.tasks for state in self.workers.values())

    @property
    def has_work(self) -> bool:
        """Whether anything runs or may still begin."""
        return self.busy or bool(self._waiting and not self.stopped)

    def apply_steering(self, wanted: Steering) -> list[tuple[str, str]]:
        """Apply what people want now; return the worker and shot id of all to be cancelled."""
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
            for name, state in self.workers.items()
            for task in state.tasks
            if task.shot.shot_id in wanted.held
        ]

    def stop(self, why: StopReason) -> None:
        """Wind down: shots in progress are finished, nothing new begins. The first reason stays."""
        self.stopped = self.stopped or why

    def check_limits(self, now: float) -> None:
        """Wind down when the run reaches one of its limits."""
        rules = self.rules
        running = sum(now - state.began for state in self.workers.values() if state.tasks)
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
        """Add a worker that is ready."""
        self.workers[worker] = WorkerState(node=node)

    def assign_next(self, worker: str, now: float, *, depth: int = IN_FLIGHT) -> ShotTask | None:
        """Give a worker its next task, if it has fewer than `depth` and there is one for it."""
        state = self.workers[worker]
        if self.stopped or len(state.tasks) >= depth or state.makes_small:
            return None
        index = self._choose_shot(worker, state)
        if index is None:
            return None
        shot = self._waiting.pop(index)
        self._histories.setdefault(shot.shot_id, ShotHistory()).tries += 1
        task = ShotTask(shot=shot, small=shot.shot_id in self._memory_failures)
        if not state.tasks:
            state.began = state.since = now
        state.makes_small = task.small
        state.warm = shot.portrait_digest
        state.tasks.append(task)
        return task

    def note_progress(self, worker: str, now: float) -> None:
        """Note that a worker made progress."""
        self.workers[worker].since = now

    def record_take(self, worker: str, shot_id: str, now: float) -> None:
        """Record that a worker made a take."""
        state = self.workers[worker]
        task, seconds = self._end_task(state, shot_id, now)
        state.strikes.clear()
        self._forget(shot_id)
        pace = seconds / max(task.shot.frames, 1)
        if state.is_new:
            self._slowest_first = max(self._slowest_first, pace)
        else:
            self._slowest = max(self._slowest, pace)
        state.is_new = False

    def record_failure(
        self, worker: str, shot_id: str, kind: FailureKind, reason: str, *, now: float
    ) -> ShotVerdict:
        """Record that a worker gave a shot back, and decide what becomes of the shot."""
        state = self.workers[worker]
        task, _ = self._end_task(state, shot_id, now)
        if kind in ("cancelled", "full"):
            return self._give_back(task.shot, kind, reason)
        if kind != "input" and shot_id not in state.strikes:
            state.strikes.append(shot_id)
        return self._judge(task, worker, kind, reason)

    def remove_worker(
        self, worker: str, kind: FailureKind, reason: str, *, now: float
    ) -> list[ShotVerdict]:
        """Remove a worker that is gone.

        The shot that it was making counts as tried; its queued shots do not.
        """
        state = self.workers[worker]
        verdicts = []
        for task in list(reversed(state.tasks)):
            is_running = task is state.tasks[0]
            self._end_task(state, task.shot.shot_id, now)
            if is_running and kind != "cancelled":
                verdicts.append(self._judge(task, worker, kind, reason))
            else:
                verdicts.append(self._give_back(task.shot, "cancelled", reason))
        del self.workers[worker]
        return verdicts

    def is_bad(self, worker: str) -> bool:
        """Check whether a worker has failed too many different shots and must be set aside."""
        return len(self.workers[worker].strikes) >= STRIKES

    def set_aside(self, worker: str, *, now: float) -> list[ShotVerdict]:
        """Remove a bad worker and return its shots.

        Shots that only this worker failed get their tries back, once each.
        """
        for shot_id in self.workers[worker].strikes:
            history = self._histories.get(shot_id)
            if history and history.workers == [worker] and not history.forgiven:
                self._histories[shot_id] = ShotHistory(forgiven=True)
        self.workers[worker].strikes.clear()
        return self.remove_worker(worker, "cancelled", "its worker was set aside", now=now)

    def find_hung(self, now: float) -> list[str]:
        """Find workers that have given no sign of progress for longer than any shot should take."""
        return [
            name
            for name, state in self.workers.items()
            if state.tasks and now - state.since > self._allowed_silence(state)
        ]

    def estimate_seconds(self, shot: Shot) -> float:
        """Estimate how long a shot takes, at the slowest pace of this run; 0 if unknown."""
        return (self._slowest or self._slowest_first) * shot.frames

    def _allowed_silence(self, state: WorkerState) -> float:
        least = self.rules.silence_seconds
        expected = self.estimate_seconds(state.tasks[0].shot)
        return max(least, SILENCE_FACTOR * expected) if expected else least * FIRST_TAKE_FACTOR

    def _sort_key(self, shot: Shot) -> tuple[int, int]:
        return -self.steering.priority.get(shot.shot_id, 0), self._position[shot.shot_id]

    def _choose_shot(self, worker: str, state: WorkerState) -> int | None:
        """Choose the waiting shot that a worker makes next, by its index.

        Among the next few shots of equal urgency, one of the worker's warm portrait comes first;
        otherwise the first shot that the worker may make.
        """
        small = self._find_small_shot(state.node)
        if small is not None:
            return None if self._is_node_busy(state.node) else small
        if any(other.makes_small for other in self._workers_on(state.node)):
            return None
        allowed = [
            i for i, shot in enumerate(self._waiting[:LOOK_AHEAD]) if self._is_fresh(worker, shot)
        ]
        if not allowed:
            fresh = (i for i, shot in enumerate(self._waiting) if self._is_fresh(worker, shot))
            again = (i for i, shot in enumerate(self._waiting) if self._may_retry(shot))
            return next(itertools.chain(fresh, again), None)
        first = self._sort_key(self._waiting[allowed[0]])[0]
        warm = (i for i in allowed if self._waiting[i].portrait_digest == state.warm)
        return next((i for i in warm if self._sort_key(self._waiting[i])[0] == first), allowed[0])

    def _is_fresh(self, worker: str, shot: Shot) -> bool:
        """Check that a worker has not failed this shot, and that the shot needs no node of its own.

        See `_find_small_shot` for shots that do.
        """
        history = self._histories.get(shot.shot_id)
        return history is None or (
            worker not in history.workers and shot.shot_id not in self._memory_failures
        )

    def _may_retry(self, shot: Shot) -> bool:
        """Check whether an idle worker may retry a shot: when all workers failed it."""
        workers = self._histories[shot.shot_id].workers if shot.shot_id in self._histories else []
        return shot.shot_id not in self._memory_failures and all(
            other in workers for other in self.workers
        )

    def _find_small_shot(self, node: str) -> int | None:
        """Find a shot that ran out of memory on this node, or on a node that is gone; its index."""
        if not self._memory_failures:
            return None
        gone = set(self._memory_failures.values()) - {state.node for state in self.workers.values()}
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
        return (state for state in self.workers.values() if state.node == node)

    def _is_node_busy(self, node: str) -> bool:
        return any(state.tasks for state in self._workers_on(node))

    def _end_task(self, state: WorkerState, shot_id: str, now: float) -> tuple[ShotTask, float]:
        """Take a task off a worker; return it and how long it took. The next task begins now."""
        task = next(task for task in state.tasks if task.shot.shot_id == shot_id)
        was_running = task is state.tasks[0]
        seconds = now - state.began if was_running else 0.0
        state.tasks.remove(task)
        if was_running:
            state.began = state.since = now
        state.makes_small = state.makes_small and not task.small
        self.spent_seconds += seconds
        return task, seconds

    def _give_back(self, shot: Shot, kind: FailureKind, reason: str) -> ShotVerdict:
        """Return a shot through no fault of its own, as if it had not begun."""
        self._histories[shot.shot_id].tries -= 1
        self._requeue(shot)
        stays = bool(self.stopped) or shot.shot_id in self.steering.held
        return ShotVerdict(shot=shot, what="left" if stays else "again", kind=kind, reason=reason)

    def _judge(self, task: ShotTask, worker: str, kind: FailureKind, reason: str) -> ShotVerdict:
        shot = task.shot
        history = self._histories[shot.shot_id]
        if worker not in history.workers:
            history.workers.append(worker)
        is_hopeless = kind == "input" or (kind == "memory" and task.small)
        if is_hopeless or history.tries >= self.rules.attempts:
            self._failures[shot.shot_id] = shot
            if len(history.workers) > 1:
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
        """Clear the strikes of a shot that several workers failed: the shot is to blame."""
        for state in self.workers.values():
            if shot_id in state.strikes:
                state.strikes.remove(shot_id)

    def _requeue(self, shot: Shot) -> None:
        if shot.shot_id in self.steering.held:
            self._held.append(shot)
        else:
            bisect.insort(self._waiting, shot, key=self._sort_key)
