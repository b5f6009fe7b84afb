# SPDX-License-Identifier: Apache-2.0
"""Steer a run while it goes on: hold shots, move shots to the front, retry shots, or stop.

The pool asks for steering about once a second. Where it comes from (decisions in the record) does
not matter here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """What people want of the shots of a run.

    `held`: ids of shots to leave out; those in progress are cancelled at their next frame or
    denoising step, and do not count as tried. `priority`: shot id to urgency; higher comes first, 0
    for shots that are not named. `retry`: failed shots to try again. `stop`: finish the shots in
    progress, begin nothing.
    """

    held: frozenset[str] = frozenset()
    priority: Mapping[str, int] = field(default_factory=dict)
    retry: frozenset[str] = frozenset()
    stop: bool = False


Steer = Callable[[], Steering]


def no_steering() -> Steering:
    """Return steering that changes nothing."""
    return Steering()
