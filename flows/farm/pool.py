# SPDX-License-Identifier: Apache-2.0
"""Run a pool of Ray actors: send shots out, collect takes, and replace lost workers.

The pool is Ray Core actors and a small queue. The scheduler (`policy`) decides what to do next and
knows neither Ray nor clocks; one loop here carries it out. About once a second the loop asks for
steering and checks that every worker still makes progress. After Ctrl-C nothing is left running.
"""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.farm.cluster import connect_ray
from flows.farm.farm_settings import FarmCallbacks, FarmResult, FarmSettings
from flows.farm.policy import IN_FLIGHT, Scheduler
from flows.farm.ray_actor import FarmJob, ShotFailure, Worker, WorkerReady, end_process
from flows.farm.shot_tasks import FailureKind, SchedulerRules, ShotTask, ShotVerdict
from manifests.rows import Shot, Take
from model.talkers import describe

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
# at most 1/20 of the time goes into asking for steering, however long the record has grown
STEER_SHARE = 20
START_SECONDS = 600.0  # gigabytes of weights load from slow disks
LOSSES_PER_PLACE = 4  # workers that may be lost, for each place, without a take between them
NO_WORKER = (
    "no worker became ready; check that the cluster has free CPUs or GPUs, or set --workers if its"
    " machines start on demand"
)
CONTROL = "control"  # calls that are answered while a take is being made
OUT_OF_MEMORY = ("out-of-memory", "oom", "out of memory", "low on memory")


def make_takes(
    shots: Sequence[Shot], *, job: FarmJob, settings: FarmSettings, hooks: FarmCallbacks
) -> FarmResult:
    """Make the takes of all shots, in film order. Raises ToolError when Ray itself fails."""
    if not shots:
        return FarmResult()
    with connect_ray(settings.address, cpus=settings.workers * job.threads) as ray:
        pool = _WorkerPool(ray, shots, job=job, settings=settings, hooks=hooks)
        try:
            return pool.run()
        finally:
            pool.close()


@dataclass(slots=True)
class _WorkerProcess:
    """A worker's process: its handle, its name for people, and its last step count."""

    handle: Any
    name: str = ""
    steps: int = -1
    making: dict[Any, ShotTask] = field(default_factory=dict)


class _WorkerPool:
    """The actors, and the calls that we wait for.

    `_ready` are the calls of `load`, `_looks` those of `count_steps`, `_making` those of
    `make_take`, by their futures.
    """

    def __init__(
        self,
        ray: Any,
        shots: Sequence[Shot],
        *,
        job: FarmJob,
        settings: FarmSettings,
        hooks: FarmCallbacks,
    ) -> None:
        self._ray = ray
        self._callbacks = hooks
        self._scheduler = Scheduler(shots, _build_rules(settings, now=_read_clock()))
        self._actors: dict[str, _WorkerProcess] = {}
        self._ready: dict[Any, str] = {}
        self._looks: dict[Any, str] = {}
        self._making: dict[Any, str] = {}
        self._numbers = itertools.count()
        self._losses = 0
        self._steered_at = 0.0
        self._note = ""
        self._useful_at = _read_clock()  # when a worker was last ready
        gpus = _count_gpus_per_worker(ray.cluster_resources(), job=job, settings=settings)
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

    def run(self) -> FarmResult:
        """Run until every shot is made, failed or left."""
        scheduler, tick = self._scheduler, 0.0
        while scheduler.has_work:
            now = _read_clock()
            if now >= tick:
                tick = now + TICK_SECONDS
                self._tick(now)
            self._assign_tasks(now)
            self._collect_results(timeout=max(0.0, tick - _read_clock()))
        for shot in scheduler.remaining:
            self._callbacks.event("stopped", shot, scheduler.stopped or "held")
        return FarmResult(
            left=tuple(scheduler.remaining),
            stopped=scheduler.stopped,
            note=self._note,
            seconds=round(scheduler.spent_seconds, 3),
        )

    def close(self) -> None:
        """Kill all workers."""
        for actor in self._actors.values():
            self._ray.kill(actor.handle)

    def _tick(self, now: float) -> None:
        """Do what is due once a second: steering, limits, hung workers, new workers, progress."""
        if now >= self._steered_at:
            self._steer(now)
        self._scheduler.check_limits(now)
        for worker in self._scheduler.find_hung(now):
            self._end_process(worker)
            self._remove_worker(
                worker, "hung", f"no sign of progress on {self._actors[worker].name}"
            )
        self._start_workers(now)
        self._ask_for_steps()

    def _steer(self, now: float) -> None:
        wanted = self._callbacks.steer()
        self._steered_at = now + STEER_SHARE * (_read_clock() - now)
        for worker, shot_id in self._scheduler.apply_steering(wanted):
            cancel = self._actors[worker].handle.cancel
            cancel.options(concurrency_group=CONTROL).remote(shot_id)

    def _ask_for_steps(self) -> None:
        """Ask every busy worker for its step count, unless a question to it is still open."""
        asked = set(self._looks.values())
        for worker, state in self._scheduler.workers.items():
            if state.tasks and worker not in asked:
                count_steps = self._actors[worker].handle.count_steps
                self._looks[count_steps.options(concurrency_group=CONTROL).remote()] = worker

    def _start_workers(self, now: float) -> None:
        """Start workers until every place has one, but no more than there are shots."""
        wanted = sum(len(state.tasks) for state in self._scheduler.workers.values())
        wanted += 0 if self._scheduler.stopped else len(self._scheduler.waiting)
        for _ in range(min(self._count_places() - self._closed, wanted) - len(self._actors)):
            actor = _WorkerProcess(self._actor.remote(self._job))
            worker = f"w{next(self._numbers)}"
            self._actors[worker] = actor
            self._ready[actor.handle.load.remote()] = worker
        if self._scheduler.workers:
            self._useful_at = now
        elif not self._actors or now - self._useful_at > START_SECONDS:
            self._note = self._note or NO_WORKER
            self._scheduler.stop("workers")

    def _assign_tasks(self, now: float) -> None:
        # every worker gets its first shot before any gets its second
        for depth in range(1, IN_FLIGHT + 1):
            for worker in self._scheduler.workers:
                task = self._scheduler.assign_next(worker, now, depth=depth)
                if task is not None:
                    actor = self._actors[worker]
                    future = actor.handle.make_take.remote(task)
                    actor.making[future] = task
                    self._making[future] = worker
                    self._callbacks.event("running", task.shot, actor.name)

    def _collect_results(self, timeout: float) -> None:
        """Wait for a call to return, and handle it."""
        futures = [*self._making, *self._ready, *self._looks]
        if not futures:
            time.sleep(timeout)
            return
        for future in self._ray.wait(futures, num_returns=1, timeout=timeout)[0]:
            worker = self._making.get(future) or self._ready.get(future) or self._looks[future]
            try:
                value = self._ray.get(future)
            except self._ray.exceptions.RayError as error:
                self._handle_death(worker, str(error))
            else:
                self._handle_return(worker, future, value)

    def _handle_return(self, worker: str, future: Any, value: Any) -> None:
        """Handle the value that a call of a worker returned."""
        if self._looks.pop(future, None):
            self._note_progress(worker, value)
        elif self._ready.pop(future, None):
            self._admit_worker(worker, value)
        else:
            del self._making[future]
            self._handle_result(worker, self._actors[worker].making.pop(future), value)

    def _note_progress(self, worker: str, steps: int) -> None:
        actor = self._actors[worker]
        if steps != actor.steps:
            actor.steps = steps
            self._scheduler.note_progress(worker, _read_clock())

    def _admit_worker(self, worker: str, ready: WorkerReady | ShotFailure) -> None:
        if isinstance(ready, WorkerReady):
            self._actors[worker].name = ready.name
            self._scheduler.add_worker(worker, node=ready.node)
            return
        log.warning("a worker could not start: %s", ready.reason)
        self._note = ready.reason
        self._closed += 1
        self._forget_worker(worker)

    def _handle_result(self, worker: str, task: ShotTask, result: Take | ShotFailure) -> None:
        now = _read_clock()
        if isinstance(result, Take):
            self._losses = 0
            self._scheduler.record_take(worker, task.shot.shot_id, now)
            self._callbacks.result(result)
        else:
            self._handle_failure(worker, task, result, now=now)

    def _handle_failure(
        self, worker: str, task: ShotTask, result: ShotFailure, *, now: float
    ) -> None:
        if result.kind == "full":
            self._note = result.reason
            self._scheduler.stop("full")
        self._report_verdict(
            self._scheduler.record_failure(
                worker, task.shot.shot_id, result.kind, result.reason, now=now
            ),
            worker,
        )
        if self._scheduler.is_bad(worker):
            log.warning(
                "set %s aside: it failed several different shots", self._actors[worker].name
            )
            verdicts = self._scheduler.set_aside(worker, now=now)
            self._replace_worker(worker, verdicts)

    def _report_verdict(self, verdict: ShotVerdict, worker: str) -> None:
        detail = f"{verdict.kind}: {verdict.reason}"
        if verdict.what == "failed":
            name = self._actors[worker].name
            failure = ShotFailure(
                shot_id=verdict.shot.shot_id, kind=verdict.kind, reason=verdict.reason, suspect=name
            )
            self._callbacks.result(failure)
        elif verdict.what == "again":
            log.info("retrying %s: %s", verdict.shot.number, detail)
            self._callbacks.event("retried", verdict.shot, detail)
        elif not self._scheduler.stopped:  # at the end of the run, run() reports what is left
            self._callbacks.event("stopped", verdict.shot, "held")

    def _handle_death(self, worker: str, reason: str) -> None:
        """Remove a worker that died; what it had finished before counts."""
        for future, task in list(self._actors[worker].making.items()):
            if self._ray.wait([future], timeout=0)[0]:
                try:
                    value = self._ray.get(future)
                except self._ray.exceptions.RayError:
                    break
                del self._making[future], self._actors[worker].making[future]
                self._handle_result(worker, task, value)
        first = reason.splitlines()[0] if reason else "no reason given"
        kind: FailureKind = (
            "memory" if any(words in reason.lower() for words in OUT_OF_MEMORY) else "died"
        )
        self._remove_worker(worker, kind, f"the worker died: {first}")

    def _remove_worker(self, worker: str, kind: FailureKind, reason: str) -> None:
        log.warning("%s: %s", self._actors[worker].name or "a worker", reason)
        self._note = reason
        known = worker in self._scheduler.workers
        self._replace_worker(
            worker,
            self._scheduler.remove_worker(worker, kind, reason, now=_read_clock()) if known else [],
        )

    def _replace_worker(self, worker: str, verdicts: Sequence[ShotVerdict]) -> None:
        """Forget a worker and start another, unless workers keep dying without making a take."""
        for verdict in verdicts:
            self._report_verdict(verdict, worker)
        self._forget_worker(worker)
        self._losses += 1
        if self._losses >= LOSSES_PER_PLACE * max(self._count_places(), 1):
            self._scheduler.stop("workers")
        else:
            self._start_workers(_read_clock())

    def _end_process(self, worker: str) -> None:
        """Kill a process that may no longer answer Ray, from a task on its own machine."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(self._scheduler.workers[worker].node, soft=True)
        self._ray.remote(num_cpus=0, scheduling_strategy=there)(end_process).remote(
            self._actors[worker].name
        )

    def _forget_worker(self, worker: str) -> None:
        self._ray.kill(self._actors.pop(worker).handle)
        for futures in (self._making, self._ready, self._looks):
            for future in [future for future, name in futures.items() if name == worker]:
                del futures[future]

    def _count_places(self) -> int:
        """Count the workers that may run now: clusters grow and shrink."""
        return self._wanted or _compute_capacity(
            self._ray.cluster_resources(), self._job.threads, self._gpus
        )


def _read_clock() -> float:
    return time.monotonic()


def _build_rules(settings: FarmSettings, *, now: float) -> SchedulerRules:
    """Build the scheduler's rules, with the deadline on its own clock."""
    return SchedulerRules(
        attempts=settings.attempts,
        silence_seconds=settings.silence_seconds,
        stop_after_failures=settings.stop_after_failures,
        budget_seconds=settings.budget_seconds,
        deadline=now + settings.deadline - time.time() if settings.deadline else 0.0,
    )


def _count_gpus_per_worker(
    resources: dict[str, float], *, job: FarmJob, settings: FarmSettings
) -> int:
    """Count the GPUs that each worker takes: 1 or 0.

    A worker takes one when its talker wants one and the cluster has any. It also takes one when
    machines with GPUs are still to join: when the number of workers of a cluster is set, on `cuda`.
    """
    if not describe(job.talker, job.settings).wants_gpu:
        return 0
    is_to_come = (
        bool(settings.address and settings.workers) and job.settings.get("device") == "cuda"
    )
    return int(bool(resources.get("GPU")) or is_to_come)


def _compute_capacity(resources: dict[str, float], threads: int, gpus: int) -> int:
    """Compute how many workers a cluster can hold: one per GPU if they take one, else per CPU."""
    return math.floor(resources.get("GPU", 0) if gpus else resources.get("CPU", 1) / threads)
