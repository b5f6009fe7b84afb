# SPDX-License-Identifier: Apache-2.0
"""Steer a run by the decisions that people take while it works.

Decisions are read from the record, so that they may be taken on any machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flows.farm.steering import Steer, Steering
from flows.ledger.decisions import DECISION_NAMES, Decision, fold_decisions
from flows.ledger.direction import apply_decision
from flows.ledger.shot_matching import identify_places
from flows.project import Project
from manifests.rows import Shot
from manifests.run_rows import Event, new_event
from pipeline.render.slate import SLATE

DRAIN = "drain"  # the event that asks a run to finish its shots in progress and stop


def watch_decisions(project: Project, shots: Sequence[Shot], *, began: str) -> Steer:
    """Return the function that the pool calls once a second to be steered.

    `began`: when the run began (UTC, ISO 8601); retries since then count.
    """
    by_place = dict(zip(identify_places(shots), shots, strict=True))

    def steer() -> Steering:
        events = project.store.read(Event, name=[*DECISION_NAMES, DRAIN])
        stop = any(event.name == DRAIN and event.happened_at > began for event in events)
        return replace(compute_steering(by_place, fold_decisions(events), began=began), stop=stop)

    return steer


def new_drain_request(episode: str, *, by: str) -> Event:
    """Make the event that asks a run to finish the shots in progress and begin no others."""
    return new_event(DRAIN, episode, actor=by)


def compute_steering(
    by_place: Mapping[str, Shot], decisions: Mapping[str, Decision], *, began: str
) -> Steering:
    """Compute what decisions mean for the shots of a run.

    A shot that was skipped, or got another seed or emotion, since the run began is held: it is
    another shot now, and is made in the run's next pass.
    """
    known = [
        (by_place[place], decision) for place, decision in decisions.items() if place in by_place
    ]
    return Steering(
        held=frozenset(
            shot.shot_id for shot, decision in known if decision.held or _is_changed(shot, decision)
        ),
        priority={shot.shot_id: decision.priority for shot, decision in known if decision.priority},
        retry=frozenset(shot.shot_id for shot, decision in known if decision.retried_at > began),
    )


def _is_changed(shot: Shot, decision: Decision) -> bool:
    if shot.talker == SLATE:
        return not decision.skipped
    return decision.skipped or apply_decision(shot, decision).shot_id != shot.shot_id
