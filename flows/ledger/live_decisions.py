# SPDX-License-Identifier: Apache-2.0
"""What people decide while a run goes on, for the farm: read from the record, so that it may be
decided on any machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flows.farm.steering import Steer, Steering
from flows.ledger.decisions import DECISION_NAMES, Decision, fold_decisions
from flows.ledger.direction import apply_decision
from flows.ledger.shot_matching import identify_places
from flows.project import Project
from flows.who import current_user
from manifests.rows import Shot
from manifests.run_rows import Event
from manifests.store import new_event
from pipeline.render.slate import SLATE

DRAIN = "drain"  # somebody wants the run to end when what it makes now is made


def watch_decisions(project: Project, shots: Sequence[Shot], *, began: str) -> Steer:
    """The function that the pool asks about once a second. `began`: when the run began (UTC, ISO
    8601); retries since then count.
    """
    by_place = dict(zip(identify_places(shots), shots, strict=True))

    def steer() -> Steering:
        events = project.store.read(Event, name=[*DECISION_NAMES, DRAIN])
        stop = any(one.name == DRAIN and one.happened_at > began for one in events)
        return replace(compute_steering(by_place, fold_decisions(events), began=began), stop=stop)

    return steer


def request_drain(project: Project) -> None:
    """Let the run that works on a production finish what its workers make, and begin nothing
    more.
    """
    project.store.append([new_event(DRAIN, project.production.episode, actor=current_user())])


def compute_steering(
    by_place: Mapping[str, Shot], decisions: Mapping[str, Decision], *, began: str
) -> Steering:
    """The steering that decisions mean for the shots of a run. What was skipped or given another
    seed or emotion since the run began waits: it is another shot now, and made in the run's next
    pass.
    """
    known = [
        (by_place[place], decision) for place, decision in decisions.items() if place in by_place
    ]
    return Steering(
        held=frozenset(
            shot.shot_id for shot, decision in known if decision.held or _is_another(shot, decision)
        ),
        priority={shot.shot_id: decision.priority for shot, decision in known if decision.priority},
        retry=frozenset(shot.shot_id for shot, decision in known if decision.retried_at > began),
    )


def _is_another(shot: Shot, decision: Decision) -> bool:
    if shot.talker == SLATE:
        return not decision.skipped
    return decision.skipped or apply_decision(shot, decision).shot_id != shot.shot_id
