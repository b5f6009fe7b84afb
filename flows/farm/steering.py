# SPDX-License-Identifier: Apache-2.0
"""What people want of shots while a run goes on: held ones wait or are stopped, wanted ones come
first, or everything winds down.

The pool asks for it about once a second. Where it comes from (decisions in the record) is not its
business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """`held`: shot ids that stay out; those that run are cancelled at their next frame or denoising
    step, and count as not tried.

    `priority`: shot id to urgency; higher comes first, 0 for those that are not named. `retry`:
    failed shots to be tried again. `stop`: finish what runs, begin nothing.
    """

    held: frozenset[str] = frozenset()
    priority: Mapping[str, int] = field(default_factory=dict)
    retry: frozenset[str] = frozenset()
    stop: bool = False


Steer = Callable[[], Steering]


def no_steering() -> Steering:
    """Nobody wants anything in particular."""
    return Steering()
