# SPDX-License-Identifier: Apache-2.0
"""What would be rendered and why: each shot of the cut against the record. Pure; nothing is read or written here.

A shot is cached when its take is done, else new or changed; a change names the inputs that differ from the shot that stood in its
place before. Estimates are ranges learnt from past takes of the same talker.
"""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from flows.causes import causes
from manifests.rows import Shot, Take

FIRST_GUESS = (0.02, 0.08)  # seconds of one worker per frame before anything was rendered here


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedShot:
    """One shot and its state: `cached`, `new` or `changed`; `why` lists what changed."""

    shot: Shot
    state: str
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A range of seconds on `workers` workers."""

    low_seconds: float
    high_seconds: float
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All shots of the cut with their states, and what rendering the rest would take."""

    shots: tuple[PlannedShot, ...]
    estimate: Estimate

    @property
    def to_render(self) -> tuple[Shot, ...]:
        """Shots whose take is not done."""
        return tuple(planned.shot for planned in self.shots if planned.state != "cached")

    def count(self, state: str) -> int:
        """How many shots are in a state."""
        return sum(planned.state == state for planned in self.shots)


def plan(
    shots: Sequence[Shot], *, before: Sequence[Shot], done: Collection[str], history: Sequence[Take], workers: int
) -> Plan:
    """Compare the cut with the record. `before`: the cut as last recorded; `done`: identities of the takes that stand."""
    former = _by_place(before)
    planned = tuple(_planned(shot, former, done) for shot in shots)
    waiting = [entry.shot for entry in planned if entry.state != "cached"]
    return Plan(shots=planned, estimate=estimate(waiting, history=history, workers=workers))


def estimate(shots: Sequence[Shot], *, history: Sequence[Take], workers: int) -> Estimate:
    """How long these shots take, from the 10th to the 90th percentile of seconds per frame of past takes of the same talker."""
    talkers = {shot.talker for shot in shots}
    paces = sorted(take.wall_seconds / take.frames for take in history if take.talker in talkers and take.frames)
    low, high = FIRST_GUESS
    if len(paces) >= 4:
        deciles = statistics.quantiles(paces, n=10)
        low, high = deciles[0], deciles[-1]
    frames = sum(shot.frames for shot in shots)
    return Estimate(low_seconds=frames * low / workers, high_seconds=frames * high / workers, workers=workers)


def _planned(shot: Shot, former: Mapping[tuple[str, str], Shot], done: Collection[str]) -> PlannedShot:
    if shot.shot_id in done:
        return PlannedShot(shot=shot, state="cached")
    before = former.get(_place(shot))
    if before is None or before.shot_id == shot.shot_id:
        return PlannedShot(shot=shot, state="new")
    return PlannedShot(shot=shot, state="changed", why=causes(shot, before))


def _by_place(shots: Sequence[Shot]) -> dict[tuple[str, str], Shot]:
    return {_place(shot): shot for shot in shots}


def _place(shot: Shot) -> tuple[str, str]:
    """What makes two shots of two cuts "the same shot": the number that people use, and who is seen."""
    return shot.number, shot.character
