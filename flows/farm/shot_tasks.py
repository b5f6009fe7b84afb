# SPDX-License-Identifier: Apache-2.0
"""Values of the farm's scheduler: limits, tasks, verdicts, and what is known of each worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from manifests.rows import Shot

StopReason = Literal["", "drain", "failures", "budget", "deadline", "full", "workers"]
FailureKind = Literal["input", "tool", "memory", "died", "hung", "full", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerRules:
    """Limits of a run.

    `attempts`: how often a shot is tried in all. `silence_seconds`: the least time without progress
    before a worker counts as hung.

    Stop-loss, each 0 for never: `stop_after_failures` failed shots, `budget_seconds` of worker
    time, `deadline` on the scheduler's clock.
    """

    attempts: int = 3
    silence_seconds: float = 60.0
    stop_after_failures: int = 0
    budget_seconds: float = 0.0
    deadline: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotTask:
    """A shot for a worker.

    `small`: the shot ran out of memory before, so it is made alone on its node, with settings that
    need less memory at once.
    """

    shot: Shot
    small: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotVerdict:
    """The decision on a shot that did not become a take.

    `what`: `again`, `failed`, or `left` for another run.
    """

    shot: Shot
    what: Literal["again", "failed", "left"]
    kind: FailureKind
    reason: str


@dataclass(slots=True)
class WorkerState:
    """What the scheduler knows of one worker.

    `since`: when its first task began, or its last sign of progress. `warm`: digest of the portrait
    that it has loaded. `strikes`: the shots that it failed since its last take.
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
class ShotHistory:
    """The failed attempts at a shot so far.

    `forgiven`: its tries were given back once, because a worker was to blame.
    """

    tries: int = 0
    workers: list[str] = field(default_factory=list)
    forgiven: bool = False
