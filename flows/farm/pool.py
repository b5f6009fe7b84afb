# SPDX-License-Identifier: Apache-2.0
"""The pool: shots go out to Ray actors, takes come back, a lost worker is replaced, Ctrl-C leaves nothing running.

Ray Core actors and our own small queue: at most two shots in flight per worker (the next is there when one ends, and little is
lost with a worker), same-portrait affinity, order of the film. What to do next is decided by pure functions; one loop does it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flows.engines import settle
from flows.farm.worker import Failure, Job, Worker
from manifests.rows import Shot, Take

log = logging.getLogger(__name__)

IN_FLIGHT = 2
LOOK_AHEAD = 16  # how far down the film a worker may look for the portrait it has warm
OBJECT_STORE_BYTES = 128 * 1024**2  # rows only: frames never travel


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmSettings:
    """`address`: a running Ray cluster, "" for one of our own on this machine. `workers`: 0 for one per CPU."""

    address: str = ""
    workers: int = 0
    attempts: int = 3


@dataclass(slots=True)
class _Post:
    """One worker's place: its actor handle, the portrait it has warm, what it is doing."""

    handle: Any
    warm: str = ""
    doing: dict[Any, Shot] = field(default_factory=dict)


@dataclass(slots=True)
class _Ledger:
    """What is waiting and how often each shot was tried."""

    waiting: list[Shot]
    tried: dict[str, int] = field(default_factory=dict)

    def take_next(self, warm: str) -> Shot:
        """Remove and return the next shot for a worker."""
        shot = self.waiting.pop(next_index(self.waiting, warm))
        self.tried[shot.shot_id] = self.tried.get(shot.shot_id, 0) + 1
        return shot


def next_index(waiting: Sequence[Shot], warm: str) -> int:
    """Which of the waiting shots a worker takes: the first in film order of its warm portrait among the next few, else the first.

    >>> next_index([], "")
    0
    """
    for index, shot in enumerate(waiting[:LOOK_AHEAD]):
        if shot.portrait_digest == warm:
            return index
    return 0


def make_takes(
    shots: Sequence[Shot],
    *,
    job: Job,
    settings: FarmSettings,
    on_result: Callable[[Take | Failure], None],
    on_start: Callable[[Shot, str], None] = lambda _shot, _worker: None,
) -> None:
    """Make the takes of all shots; each result is handed over as it comes. `on_start(shot, worker)`: a shot went to a worker.

    A shot that meets tool errors or dead workers is tried `attempts` times in all, then handed over as a Failure."""
    if not shots:
        return
    with _ray(settings) as ray:
        actor = ray.remote(num_cpus=job.threads, max_restarts=0)(Worker)
        count = min(settings.workers or int(ray.cluster_resources().get("CPU", 1)), len(shots))
        posts = [_Post(actor.remote(job)) for _ in range(max(count, 1))]
        ledger = _Ledger(list(shots))
        try:
            while ledger.waiting or any(post.doing for post in posts):
                _hand_out(posts, ledger, on_start)
                for result in _collect(ray, posts, ledger, job=job, actor=actor):
                    if not _try_again(result, ledger, shots, attempts=settings.attempts):
                        on_result(result)
        finally:
            for post in posts:
                ray.kill(post.handle)


def _hand_out(posts: Sequence[_Post], ledger: _Ledger, on_start: Callable[[Shot, str], None]) -> None:
    for depth in range(1, IN_FLIGHT + 1):  # every worker gets its first shot before any gets its second
        for number, post in enumerate(posts):
            if ledger.waiting and len(post.doing) < depth:
                shot = ledger.take_next(post.warm)
                post.warm = shot.portrait_digest
                post.doing[post.handle.make.remote(shot)] = shot
                on_start(shot, f"worker {number}")


def _collect(ray: Any, posts: Sequence[_Post], ledger: _Ledger, *, job: Job, actor: Any) -> Iterator[Take | Failure]:
    futures = [future for post in posts for future in post.doing]
    ready, _ = ray.wait(futures, num_returns=1, timeout=5.0)
    for future in ready:
        post = next(post for post in posts if future in post.doing)
        try:
            result: Take | Failure = ray.get(future)
        except ray.exceptions.RayActorError as error:
            yield from _replace(post, ledger, reason=str(error), handle=actor.remote(job))
        else:
            post.doing.pop(future)
            yield result


def _replace(post: _Post, ledger: _Ledger, *, reason: str, handle: Any) -> Iterator[Failure]:
    """A dead worker's running shot counts as tried; the one behind it goes back to the head of the queue untried."""
    running, *behind = post.doing.values()
    for shot in reversed(behind):
        ledger.tried[shot.shot_id] -= 1
        ledger.waiting.insert(0, shot)
    post.doing.clear()
    post.handle, post.warm = handle, ""
    log.warning("a worker died while making %s: %s", running.number, reason.splitlines()[0])
    yield Failure(shot_id=running.shot_id, kind="tool", reason=f"the worker died: {reason.splitlines()[0]}")


def _try_again(result: Take | Failure, ledger: _Ledger, shots: Sequence[Shot], *, attempts: int) -> bool:
    if isinstance(result, Take) or result.kind == "input" or ledger.tried[result.shot_id] >= attempts:
        return False
    shot = next(shot for shot in shots if shot.shot_id == result.shot_id)
    ledger.waiting.insert(0, shot)
    log.warning("%s is tried again: %s", shot.number, result.reason.splitlines()[0])
    return True


@contextmanager
def _ray(settings: FarmSettings) -> Iterator[Any]:
    """Ray, connected: the one that runs already in this process, a cluster by address, or a small one of our own."""
    settle()
    import ray

    if ray.is_initialized():
        yield ray
        return
    if settings.address:
        ray.init(settings.address, log_to_driver=False, logging_level=logging.ERROR)
    else:
        ray.init(
            num_cpus=settings.workers or os.cpu_count(),
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=OBJECT_STORE_BYTES,
            _node_ip_address="127.0.0.1",
        )
    try:
        yield ray
    finally:
        ray.shutdown()
