# SPDX-License-Identifier: Apache-2.0
"""The pool: shots go out to Ray actors, takes come back, a lost worker is replaced, Ctrl-C leaves
nothing running.

Ray Core actors and our own small queue. What to do next is decided by the board (`policy`), which
knows neither Ray nor clocks; here one loop does it: about once a second it asks what people want
and looks whether every worker still moves.
"""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.farm.cluster import connected
from flows.farm.policy import IN_FLIGHT, Kind, Rules, Scheduler, Stop, Task, Verdict
from flows.farm.steering import Steer, unsteered
from flows.farm.worker import Failure, Job, Ready, Worker, end_process
from manifests.rows import Shot, Take
from model.talkers import describe

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
# asking what people want takes at most this part of the time, however long the record has grown
STEER_SHARE = 20
START_SECONDS = 600.0  # weights of gigabytes load from slow disks
LOST_IN_VAIN = 4  # times as many workers as there are places may be lost without a take between
CONTROL = "control"  # calls that are answered while a take is being made
OUT_OF_MEMORY = ("out-of-memory", "oom", "out of memory", "low on memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmSettings:
    """`address`: a running Ray cluster, "" for one of our own on this machine. `workers`: 0 for one
    per CPU, or per GPU.

    `attempts`, `silence_seconds` and the stop-loss as in `policy.Rules`, but `deadline` in seconds
    since 1970.
    """

    address: str = ""
    workers: int = 0
    attempts: int = 3
    silence_seconds: float = 60.0
    stop_after_failures: int = 0
    budget_seconds: float = 0.0
    deadline: float = 0.0


def _nothing(_name: str, _shot: Shot, _detail: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Who hears of what. `result`: every take, and every shot that failed for good, as they come.

    `event(name, shot, detail)`: `running` (the worker), `retried` (why; it waits again), `stopped`
    (why; it is left). `steer` is asked about once a second.
    """

    result: Callable[[Take | Failure], None]
    event: Callable[[str, Shot, str], None] = _nothing
    steer: Steer = unsteered


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended. `left`: shots not made, since they were held or the run was `stopped`;
    `note` says more.

    `seconds` of worker time were spent.
    """

    left: tuple[Shot, ...] = ()
    stopped: Stop = ""
    note: str = ""
    seconds: float = 0.0


def make_takes(shots: Sequence[Shot], *, job: Job, settings: FarmSettings, hooks: Hooks) -> Ended:
    """Make the takes of all shots, in film order. Raises ToolError when Ray itself fails."""
    if not shots:
        return Ended()
    with connected(settings.address, cpus=settings.workers * job.threads) as ray:
        pool = _Pool(ray, shots, job=job, settings=settings, hooks=hooks)
        try:
            return pool.run()
        finally:
            pool.close()


@dataclass(slots=True)
class _Actor:
    """One worker's process: its handle, its name for people, the last number it gave for its
    progress.
    """

    handle: Any
    name: str = ""
    steps: int = -1
    making: dict[Any, Task] = field(default_factory=dict)


class _Pool:
    """Actors, and what we wait for from them. `_ready` are the calls of `begin`, `_looks` those of
    `look`, by their futures.
    """

    def __init__(
        self, ray: Any, shots: Sequence[Shot], *, job: Job, settings: FarmSettings, hooks: Hooks
    ) -> None:
        self._ray = ray
        self._hooks = hooks
        self._board = Scheduler(shots, _rules(settings, now=_now()))
        self._actors: dict[str, _Actor] = {}
        self._ready: dict[Any, str] = {}
        self._looks: dict[Any, str] = {}
        self._making: dict[Any, str] = {}
        self._numbers = itertools.count()
        self._in_vain = 0
        self._steered_at = 0.0
        self._note = ""
        self._useful_at = _now()  # when a worker was last ready
        gpus = _gpus_each(ray.cluster_resources(), job=job, settings=settings)
        options = {
            "num_cpus": job.threads,
            "num_gpus": gpus,
            "max_restarts": 0,
            "concurrency_groups": {CONTROL: 1},
        }
        self._actor = ray.remote(**options)(Worker)
        self._job = job
        self._wanted, self._gpus = settings.workers, gpus
        self._closed = 0  # places whose worker could not load its talker

    def run(self) -> Ended:
        """Until every shot is made, failed or left."""
        board, tick = self._board, 0.0
        while board.goes_on:
            now = _now()
            if now >= tick:
                tick = now + TICK_SECONDS
                self._tick(now)
            self._hand_out(now)
            self._collect(timeout=max(0.0, tick - _now()))
        for shot in board.left:
            self._hooks.event("stopped", shot, board.stopped or "held")
        return Ended(
            left=tuple(board.left),
            stopped=board.stopped,
            note=self._note,
            seconds=round(board.spent_seconds, 3),
        )

    def close(self) -> None:
        """Nothing of ours runs on."""
        for actor in self._actors.values():
            self._ray.kill(actor.handle)

    def _tick(self, now: float) -> None:
        """What is done once a second."""
        board = self._board
        if now >= self._steered_at:
            wanted = self._hooks.steer()
            self._steered_at = now + STEER_SHARE * (_now() - now)
            for worker, shot_id in board.steer(wanted):
                self._actors[worker].handle.cancel.options(concurrency_group=CONTROL).remote(
                    shot_id
                )
        board.check_limits(now)
        for worker in board.hung(now):
            self._end_process(worker)
            self._lose(worker, "hung", f"no sign of progress on {self._actors[worker].name}")
        self._fill(now)
        looked_at = set(self._looks.values())
        for worker, post in board.posts.items():
            if post.tasks and worker not in looked_at:
                look = self._actors[worker].handle.look
                self._looks[look.options(concurrency_group=CONTROL).remote()] = worker

    def _fill(self, now: float) -> None:
        """Start workers until every place has one, but not more than there are shots."""
        wanted = sum(len(post.tasks) for post in self._board.posts.values())
        wanted += 0 if self._board.stopped else len(self._board.waiting)
        for _ in range(min(self._places() - self._closed, wanted) - len(self._actors)):
            actor = _Actor(self._actor.remote(self._job))
            worker = f"w{next(self._numbers)}"
            self._actors[worker] = actor
            self._ready[actor.handle.begin.remote()] = worker
        if self._board.posts:
            self._useful_at = now
        elif not self._actors or now - self._useful_at > START_SECONDS:
            self._note = (
                self._note
                or "no worker became ready; has the cluster free CPUs or GPUs? Where machines come on demand: --workers"
            )
            self._board.stop("workers")

    def _hand_out(self, now: float) -> None:
        # every worker gets its first shot before any gets its second
        for depth in range(1, IN_FLIGHT + 1):
            for worker in self._board.posts:
                task = self._board.next_for(worker, now, depth=depth)
                if task is not None:
                    actor = self._actors[worker]
                    future = actor.handle.make.remote(task)
                    actor.making[future] = task
                    self._making[future] = worker
                    self._hooks.event("running", task.shot, actor.name)

    def _collect(self, timeout: float) -> None:
        """Wait for something to happen, and take it in."""
        futures = [*self._making, *self._ready, *self._looks]
        if not futures:
            time.sleep(timeout)
            return
        for future in self._ray.wait(futures, num_returns=1, timeout=timeout)[0]:
            worker = self._making.get(future) or self._ready.get(future) or self._looks[future]
            try:
                value = self._ray.get(future)
            except self._ray.exceptions.RayError as error:
                self._died(worker, str(error))
            else:
                self._heard(worker, future, value)

    def _heard(self, worker: str, future: Any, value: Any) -> None:
        """A call of a worker returned."""
        if self._looks.pop(future, None):
            self._moved(worker, value)
        elif self._ready.pop(future, None):
            self._begun(worker, value)
        else:
            del self._making[future]
            self._result(worker, self._actors[worker].making.pop(future), value)

    def _moved(self, worker: str, steps: int) -> None:
        actor = self._actors[worker]
        if steps != actor.steps:
            actor.steps = steps
            self._board.sign(worker, _now())

    def _begun(self, worker: str, ready: Ready | Failure) -> None:
        if isinstance(ready, Ready):
            self._actors[worker].name = ready.name
            self._board.join(worker, node=ready.node)
            return
        log.warning("a worker could not begin: %s", ready.reason)
        self._note = ready.reason
        self._closed += 1
        self._forget(worker)

    def _result(self, worker: str, task: Task, result: Take | Failure) -> None:
        now = _now()
        if isinstance(result, Take):
            self._in_vain = 0
            self._board.made(worker, task.shot.shot_id, now)
            self._hooks.result(result)
            return
        if result.kind == "full":
            self._note = result.reason
            self._board.stop("full")
        self._judged(
            self._board.did_not(worker, task.shot.shot_id, result.kind, result.reason, now=now),
            worker,
        )
        if self._board.is_bad(worker):
            log.warning("%s failed several shots and is set aside", self._actors[worker].name)
            verdicts = self._board.set_aside(worker, now=now)
            self._replace(worker, verdicts)

    def _judged(self, verdict: Verdict, worker: str) -> None:
        detail = f"{verdict.kind}: {verdict.reason}"
        if verdict.what == "failed":
            name = self._actors[worker].name
            failure = Failure(
                shot_id=verdict.shot.shot_id, kind=verdict.kind, reason=verdict.reason, suspect=name
            )
            self._hooks.result(failure)
        elif verdict.what == "again":
            log.info("%s is tried again: %s", verdict.shot.number, detail)
            self._hooks.event("retried", verdict.shot, detail)
        elif not self._board.stopped:  # what is left when all ends is told then
            self._hooks.event("stopped", verdict.shot, "held")

    def _died(self, worker: str, reason: str) -> None:
        """A worker is gone; what it had finished before counts."""
        for future, task in list(self._actors[worker].making.items()):
            if self._ray.wait([future], timeout=0)[0]:
                try:
                    value = self._ray.get(future)
                except self._ray.exceptions.RayError:
                    break
                del self._making[future], self._actors[worker].making[future]
                self._result(worker, task, value)
        first = reason.splitlines()[0] if reason else "no reason given"
        kind: Kind = "memory" if any(words in reason.lower() for words in OUT_OF_MEMORY) else "died"
        self._lose(worker, kind, f"the worker died: {first}")

    def _lose(self, worker: str, kind: Kind, reason: str) -> None:
        log.warning("%s: %s", self._actors[worker].name or "a worker", reason)
        self._note = reason
        known = worker in self._board.posts
        self._replace(worker, self._board.lost(worker, kind, reason, now=_now()) if known else [])

    def _replace(self, worker: str, verdicts: Sequence[Verdict]) -> None:
        """Its place is filled again at the next tick, unless workers are lost and lost and nothing
        is made.
        """
        for verdict in verdicts:
            self._judged(verdict, worker)
        self._forget(worker)
        self._in_vain += 1
        if self._in_vain >= LOST_IN_VAIN * max(self._places(), 1):
            self._board.stop("workers")
        else:
            self._fill(_now())

    def _end_process(self, worker: str) -> None:
        """Kill a process that may not even answer Ray, from a task on its own machine."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(self._board.posts[worker].node, soft=True)
        self._ray.remote(num_cpus=0, scheduling_strategy=there)(end_process).remote(
            self._actors[worker].name
        )

    def _forget(self, worker: str) -> None:
        self._ray.kill(self._actors.pop(worker).handle)
        for futures in (self._making, self._ready, self._looks):
            for future in [future for future, name in futures.items() if name == worker]:
                del futures[future]

    def _places(self) -> int:
        """How many workers there may be now: clusters grow and shrink."""
        return self._wanted or _capacity(
            self._ray.cluster_resources(), self._job.threads, self._gpus
        )


def _now() -> float:
    return time.monotonic()


def _rules(settings: FarmSettings, *, now: float) -> Rules:
    """The rules on the board's own clock."""
    return Rules(
        attempts=settings.attempts,
        silence_seconds=settings.silence_seconds,
        stop_after_failures=settings.stop_after_failures,
        budget_seconds=settings.budget_seconds,
        deadline=now + settings.deadline - time.time() if settings.deadline else 0.0,
    )


def _gpus_each(resources: dict[str, float], *, job: Job, settings: FarmSettings) -> int:
    """How many GPUs a worker takes: one for a talker that wants one where there is any, or where
    machines with GPUs are to come: when somebody says how many workers a cluster is to have, on
    `cuda`.
    """
    if not describe(job.talker, job.settings).wants_gpu:
        return 0
    is_to_come = (
        bool(settings.address and settings.workers) and job.settings.get("device") == "cuda"
    )
    return int(bool(resources.get("GPU")) or is_to_come)


def _capacity(resources: dict[str, float], threads: int, gpus: int) -> int:
    """How many workers a cluster can hold: one for each GPU where the talker wants one, else one
    for each CPU.
    """
    return math.floor(resources.get("GPU", 0) if gpus else resources.get("CPU", 1) / threads)
