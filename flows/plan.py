# SPDX-License-Identifier: Apache-2.0
"""Plan a render: compare each shot of the cut with the record, and say what would be made and why.

`plan_shots` decides and is pure; `compare_with_record` reads what it needs.

A shot is held or skipped when somebody decided so, cached when it has a take, and otherwise new or
changed. A change names the inputs that differ from the shot that was in its place before. Estimates
are ranges learnt from past takes of the same talker.
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
from flows.project import Project, find_damaged_takes, find_done_takes
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
HISTORY = 4000  # past takes that paces are learnt from
ENOUGH = 4  # takes that a pace needs


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedShot:
    """One shot and what would happen to it: one of `PLANNED`; `why` lists what changed.

    `awaiting`: previs is delivered until its take is approved. `failed`: how its last attempt
    failed, "" if it did not. `withdrawn`: inputs whose change withdrew its approval.
    """

    shot: Shot
    state: str
    why: tuple[str, ...] = ()
    awaiting: bool = False
    failed: str = ""
    withdrawn: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The work of one talker, in seconds of one worker: first to ninth decile of past paces.

    `takes`: how many takes the pace was learnt from.
    """

    talker: str
    shots: int
    frames: int
    low_seconds: float
    high_seconds: float
    takes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A range of seconds on `workers` workers, and of money if the production names a price.

    `by_talker`: in worker seconds.
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
    """The terms of rendering.

    `price`: of a worker's hour, None if unknown. `gate`: the talker that needs approval, or "".
    """

    workers: int
    price: float | None = None
    currency: str = ""
    gate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All shots of the cut with their states, and an estimate for those to render."""

    shots: tuple[PlannedShot, ...]
    estimate: Estimate
    to_render: tuple[Shot, ...]

    def count(self, state: str) -> int:
        """Count the shots in a state."""
        return sum(planned.state == state for planned in self.shots)

    @property
    def awaiting(self) -> int:
        """Number of shots that await approval."""
        return sum(planned.awaiting for planned in self.shots)

    @property
    def failed(self) -> int:
        """Number of shots to render that failed before."""
        return sum(bool(planned.failed) for planned in self.shots)


def compare_with_record(current_cut: CurrentCut) -> Plan:
    """Compare the cut with the takes that are done and with the cut that was recorded last."""
    store = current_cut.project.store
    takes = find_done_takes(current_cut.project, current_cut.shots)
    missing = any(shot.shot_id not in takes for shot in current_cut.shots)
    return plan_shots(
        record.read_shot_states(
            current_cut.project,
            current_cut.shots,
            done=set(takes),
            damaged=find_damaged_takes(current_cut.project, current_cut.shots) if missing else (),
        ),
        before=record.read_previous_cut(store, current_cut.shots) if missing else (),
        history=store.read_newest(Take, HISTORY) if missing else (),
        terms=_read_terms(current_cut.project),
    )


def find_standing_version(current_cut: CurrentCut) -> list[Deliverable] | None:
    """Return the newest version's files if it is exactly what would be delivered now."""
    takes = find_done_takes(current_cut.project, current_cut.shots)
    if any(shot.shot_id not in takes for shot in current_cut.shots):
        return None
    from flows.finishing.kinds import find_standing_files
    from flows.version import VersionInputs

    reel = VersionInputs(
        shots=current_cut.shots,
        takes=list(takes.values()),
        cues=current_cut.corrected.cues,
        recordings=current_cut.recordings,
    )
    return find_standing_files(current_cut.project, reel)


def plan_shots(
    states: Sequence[ShotState], *, before: Sequence[Shot], history: Iterable[Take], terms: Terms
) -> Plan:
    """Compare the cut with the record.

    `states`: of the cut as it is now; `before`: the cut as last recorded; `history`: past takes.
    """
    missing = [entry for entry in states if not entry.has_take and entry.state != "held"]
    former = match_previous_shots([entry.shot for entry in states], before) if missing else {}
    planned = tuple(_plan_shot(entry, former, terms) for entry in states)
    to_render = tuple({entry.shot.shot_id: entry.shot for entry in missing}.values())
    return Plan(
        shots=planned,
        estimate=estimate_render(to_render, history=history, terms=terms),
        to_render=to_render,
    )


def estimate_render(shots: Sequence[Shot], *, history: Iterable[Take], terms: Terms) -> Estimate:
    """Estimate how long these shots take and what they cost.

    The range is the first to the ninth decile of past takes' seconds per frame.
    """
    paces = _collect_paces(history if shots else ())
    talkers = dict.fromkeys(shot.talker for shot in shots)
    shares = tuple(
        _estimate_talker(talker, [s for s in shots if s.talker == talker], paces.get(talker, []))
        for talker in talkers
    )
    low = sum(share.low_seconds for share in shares)
    high = sum(share.high_seconds for share in shares)
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


def _collect_paces(history: Iterable[Take]) -> dict[str, list[float]]:
    """Collect the seconds per frame of past takes, by talker."""
    paces: dict[str, list[float]] = {}
    for take in history:
        if take.frames and take.wall_seconds > 0:
            paces.setdefault(take.talker, []).append(take.wall_seconds / take.frames)
    return paces


def _estimate_talker(talker: str, shots: Sequence[Shot], paces: Sequence[float]) -> Share:
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


def _plan_shot(
    entry: ShotState, former: Mapping[str, tuple[str, Shot]], terms: Terms
) -> PlannedShot:
    state, why = _classify_shot(entry, former)
    return PlannedShot(
        shot=entry.shot,
        state=state,
        why=why,
        awaiting=bool(terms.gate) and entry.shot.talker not in (terms.gate, SLATE),
        failed=f"{entry.error}: {entry.reason}" if entry.state == "failed" else "",
        withdrawn=entry.withdrawn,
    )


def _classify_shot(
    entry: ShotState, former: Mapping[str, tuple[str, Shot]]
) -> tuple[str, tuple[str, ...]]:
    if entry.state in ("held", "skipped"):
        return entry.state, ()
    if entry.has_take:
        return "cached", ()
    if entry.damaged:
        return "changed", ("damaged: made again",)
    _, before = former.get(entry.place, ("", None))
    if before is None or before.shot_id == entry.shot.shot_id:
        return "new", ()
    return "changed", list_differences(entry.shot, before)


def _read_terms(project: Project) -> Terms:
    wanted = project.production
    price, currency = wanted.generate.price or (None, "")
    return Terms(
        workers=wanted.farm.workers or os.cpu_count() or 1,
        price=price,
        currency=currency,
        gate=wanted.talker if needs_approval(wanted) else "",
    )
