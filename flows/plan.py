# SPDX-License-Identifier: Apache-2.0
"""Plan a render: compare each shot of the cut with the record, and say what would be made and why.

`plan_shots` decides and is pure; `compare_with_record` reads what it needs.

A shot is held or skipped when somebody said so, cached when its take is done, else new or changed;
a change names the inputs that differ from the shot that stood in its place before. Estimates are
ranges learnt from past takes of the same talker.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flows.cut import CurrentCut, needs_approval
from flows.ledger import record
from flows.ledger.shot_diff import list_differences
from flows.ledger.shot_matching import match_previous_shots
from flows.ledger.shot_state import ShotState
from flows.project import Project, done
from manifests.delivery_rows import Deliverable
from manifests.rows import Shot, Take
from pipeline.render.slate import SLATE

PLANNED = ("new", "changed", "cached", "held", "skipped")
FIRST_GUESS = {  # seconds of one worker per frame before anything was rendered here
    "previs": (0.02, 0.08),
    "dice": (0.3, 6.0),
    "nano": (0.03, 0.2),
    SLATE: (0.0005, 0.005),
}
HISTORY = 4000  # past takes from which paces are learnt
ENOUGH = 4  # takes from which a pace is learnt


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedShot:
    """One shot and what would happen to it: one of `PLANNED`; `why` lists what changed.

    `awaiting`: previs goes out until its take is approved. `failed`: how it failed when it was
    tried last, "" when it did not. `withdrawn`: inputs whose change withdrew its approval.
    """

    shot: Shot
    state: str
    why: tuple[str, ...] = ()
    awaiting: bool = False
    failed: str = ""
    withdrawn: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one talker has to do: seconds of one worker, from a decile of past paces to the ninth.
    `takes`: how many it was learnt from.
    """

    talker: str
    shots: int
    frames: int
    low_seconds: float
    high_seconds: float
    takes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A range of seconds on `workers` workers, and of money when the production names a price;
    `by_talker` in worker seconds.
    """

    low_seconds: float
    high_seconds: float
    workers: int
    by_talker: tuple[Share, ...] = ()
    low_cost: float | None = None
    high_cost: float | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What rendering runs on. `price`: of a worker's hour, None when nobody said. `gate`: the
    talker that wants approval, or "".
    """

    workers: int
    price: float | None = None
    currency: str = ""
    gate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All shots of the cut with their states, and what rendering the rest would take."""

    shots: tuple[PlannedShot, ...]
    estimate: Estimate
    to_render: tuple[Shot, ...]

    def count(self, state: str) -> int:
        """How many shots are in a state."""
        return sum(planned.state == state for planned in self.shots)

    @property
    def awaiting(self) -> int:
        """How many shots wait for approval."""
        return sum(planned.awaiting for planned in self.shots)

    @property
    def failed(self) -> int:
        """How many of those to render failed before."""
        return sum(bool(planned.failed) for planned in self.shots)


def compare_with_record(cutting: CurrentCut) -> Plan:
    """Compare the cut with the takes that are done and with the cut that was recorded last."""
    store = cutting.project.store
    made = done(cutting.project, cutting.shots)
    missing = any(shot.shot_id not in made for shot in cutting.shots)
    return plan_shots(
        record.read_shot_states(cutting.project, cutting.shots, done=set(made)),
        before=record.read_previous_cut(store, cutting.shots) if missing else (),
        history=store.read_newest(Take, HISTORY) if missing else (),
        terms=_terms(cutting.project),
    )


def find_standing_version(cutting: CurrentCut) -> list[Deliverable] | None:
    """Return the newest version's files when it is exactly what would be delivered now."""
    takes = done(cutting.project, cutting.shots)
    if any(shot.shot_id not in takes for shot in cutting.shots):
        return None
    from flows.finishing.kinds import VersionInputs, standing

    reel = VersionInputs(
        shots=cutting.shots,
        takes=list(takes.values()),
        cues=cutting.corrected.cues,
        recordings=cutting.recordings,
    )
    return standing(cutting.project, reel)


def plan_shots(
    ledger: Sequence[ShotState], *, before: Sequence[Shot], history: Iterable[Take], terms: Terms
) -> Plan:
    """Compare the cut with the record. `ledger`: the cut as it stands; `before`: the cut as last
    recorded; `history`: past takes.
    """
    missing = [entry for entry in ledger if not entry.has_take and entry.state != "held"]
    former = match_previous_shots([entry.shot for entry in ledger], before) if missing else {}
    planned = tuple(_planned(entry, former, terms) for entry in ledger)
    to_render = tuple({entry.shot.shot_id: entry.shot for entry in missing}.values())
    return Plan(
        shots=planned,
        estimate=estimate_render(to_render, history=history, terms=terms),
        to_render=to_render,
    )


def estimate_render(shots: Sequence[Shot], *, history: Iterable[Take], terms: Terms) -> Estimate:
    """How long these shots take and what they cost, from the first to the ninth decile of past
    takes' seconds per frame.
    """
    paces: dict[str, list[float]] = {}
    for take in history if shots else ():
        if take.frames and take.wall_seconds > 0:
            paces.setdefault(take.talker, []).append(take.wall_seconds / take.frames)
    talkers = dict.fromkeys(shot.talker for shot in shots)
    shares = tuple(
        _share(talker, [s for s in shots if s.talker == talker], paces.get(talker, []))
        for talker in talkers
    )
    low, high = (
        sum(share.low_seconds for share in shares),
        sum(share.high_seconds for share in shares),
    )
    price = terms.price
    return Estimate(
        low_seconds=low / terms.workers,
        high_seconds=high / terms.workers,
        workers=terms.workers,
        by_talker=shares,
        low_cost=None if price is None else low / 3600 * price,
        high_cost=None if price is None else high / 3600 * price,
        currency=terms.currency,
    )


def _share(talker: str, shots: Sequence[Shot], paces: Sequence[float]) -> Share:
    low, high = FIRST_GUESS.get(talker, FIRST_GUESS["previs"])
    if len(paces) >= ENOUGH:
        deciles = statistics.quantiles(paces, n=10, method="inclusive")
        low, high = deciles[0], deciles[-1]
    frames = sum(shot.frames for shot in shots)
    return Share(
        talker=talker,
        shots=len(shots),
        frames=frames,
        low_seconds=frames * low,
        high_seconds=frames * high,
        takes=len(paces) if len(paces) >= ENOUGH else 0,
    )


def _planned(entry: ShotState, former: Mapping[str, tuple[str, Shot]], terms: Terms) -> PlannedShot:
    state, why = _state(entry, former)
    return PlannedShot(
        shot=entry.shot,
        state=state,
        why=why,
        awaiting=bool(terms.gate) and entry.shot.talker not in (terms.gate, SLATE),
        failed=f"{entry.error}: {entry.reason}" if entry.state == "failed" else "",
        withdrawn=entry.withdrawn,
    )


def _state(entry: ShotState, former: Mapping[str, tuple[str, Shot]]) -> tuple[str, tuple[str, ...]]:
    if entry.state in ("held", "skipped"):
        return entry.state, ()
    if entry.has_take:
        return "cached", ()
    _, before = former.get(entry.place, ("", None))
    if before is None or before.shot_id == entry.shot.shot_id:
        return "new", ()
    return "changed", list_differences(entry.shot, before)


def _terms(project: Project) -> Terms:
    wanted = project.production
    price, currency = wanted.generate.price or (None, "")
    return Terms(
        workers=wanted.farm.workers or os.cpu_count() or 1,
        price=price,
        currency=currency,
        gate=wanted.talker if needs_approval(wanted) else "",
    )
