# SPDX-License-Identifier: Apache-2.0
"""Settings, callbacks and result of a run of the farm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flows.farm.ray_actor import ShotFailure
from flows.farm.shot_tasks import StopReason
from flows.farm.steering import Steer, no_steering
from manifests.rows import Shot, Take


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmSettings:
    """Settings of a farm.

    `address`: a running Ray cluster, "" to start Ray on this machine. `workers`: 0 for one per CPU,
    or per GPU. `attempts`, `silence_seconds` and the stop-loss are as in `policy.SchedulerRules`,
    except that `deadline` is in seconds since 1970.
    """

    address: str = ""
    workers: int = 0
    attempts: int = 3
    silence_seconds: float = 60.0
    stop_after_failures: int = 0
    budget_seconds: float = 0.0
    deadline: float = 0.0


def _ignore_event(_name: str, _shot: Shot, _detail: str) -> None:
    """Ignore an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmCallbacks:
    """Callbacks of a run.

    `result` gets every take, and every shot that failed for good, as they come. `event(name, shot,
    detail)` gets `running` (with the worker), `retried` (with the reason; the shot waits again) and
    `stopped` (with the reason; the shot is left). `steer` is asked about once a second.
    """

    result: Callable[[Take | ShotFailure], None]
    event: Callable[[str, Shot, str], None] = _ignore_event
    steer: Steer = no_steering


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmResult:
    """How a run ended.

    `left`: shots not made, because they were held or the run was `stopped`; `note` explains why.
    `seconds`: worker time spent.
    """

    left: tuple[Shot, ...] = ()
    stopped: StopReason = ""
    note: str = ""
    seconds: float = 0.0
