# SPDX-License-Identifier: Apache-2.0
"""Wishes carried out: the functions that the command line's verbs call, with the recorded cut as
what was looked at.

All events of a decision are one commit. Who was quicker does not matter: whatever two people decide
is recorded, the later event counts, and the one who made it is told what it follows.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass

from flows import corrections
from flows.ledger import shot_decisions
from flows.ledger.shot_state import ShotState
from flows.project import Project
from flows.review.decision_requests import DecisionRequest
from flows.review.snapshot import Snapshot
from flows.trust import waivers
from flows.who import acting_as, current_user
from manifests.errors import InputError, Problem
from manifests.rows import Row
from manifests.run_rows import Event
from manifests.store import Store, new_event
from pipeline.align.cue_overrides import CueOverride
from pipeline.render.slate import SLATE

FIELDS = {"--emotion": "emotion", "--text": "text", "--reason": "reason", "SHOT": "shots"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A production and the shots that somebody looked at (a `flows.ledger.shot.Chosen`)."""

    project: Project
    shots: Sequence[ShotState]


class Gathering(Store):
    """A record that is read as it is and keeps what would be written: so that many decisions are
    checked before one is written.
    """

    def __init__(self, store: Store) -> None:
        """`store`: the record."""
        super().__init__(store.root, options=store.options)
        self.events: list[Event] = []

    def append(self, rows: Sequence[Row], *, snapshot: str = "") -> None:
        """Keep the events; nothing else is written by decisions."""
        del snapshot
        self.events += [row for row in rows if isinstance(row, Event)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionDraft:
    """A decision drawn up: its events, not written yet, and what it means in words. A waiver has
    none: it is more than an event.
    """

    wish: DecisionRequest
    events: Sequence[Event]
    says: Sequence[str]


def draft_decision(wish: DecisionRequest, reading: Snapshot, *, who: str) -> DecisionDraft:
    """The events of a wish. Nothing is written. Raises InputError with every problem, as the verbs
    do.
    """
    gathering = Gathering(reading.project.store)
    project = dataclasses.replace(reading.project, store=gathering)
    try:
        with acting_as(who):
            says = (
                _cue(wish, project)
                if wish.name == "cue"
                else []
                if wish.name == "waive"
                else _about_shots(wish, reading, project)
            )
    except InputError as error:
        raise InputError([_with_field(problem) for problem in error.problems]) from error
    once = {
        (one.name, one.subject, one.detail): one for one in reversed(gathering.events)
    }  # a retry with seed and emotion says it twice
    return DecisionDraft(
        wish=wish, events=[one for one in gathering.events if one in once.values()], says=says
    )


def commit_drafts(
    drawn: Sequence[DecisionDraft], reading: Snapshot, *, who: str
) -> tuple[list[str], list[str]]:
    """Record decisions, all events in one commit, then waive: the ids of the events, and what to
    say. Raises InputError and ToolError.
    """
    store = reading.project.store
    events = [one for several in drawn for one in several.events]
    store.append(events)
    ids, says = (
        [one.event_id for one in events],
        [said for several in drawn for said in several.says],
    )
    for waiver in (one.wish for one in drawn if one.wish.name == "waive"):
        before = {
            row.event_id
            for row in store.read(Event, name=waivers.WAIVED, subject=waiver.words["version"])
        }
        with acting_as(who):
            outcome = waivers.waive(
                reading.project,
                waiver.words["version"],
                waiver.words["check"],
                reason=waiver.words["reason"],
            )
        now = [
            row.event_id
            for row in store.read(Event, name=waivers.WAIVED, subject=waiver.words["version"])
        ]
        ids += [key for key in now if key not in before]
        says.append(_said(outcome))
    return ids, says


def _about_shots(wish: DecisionRequest, reading: Snapshot, project: Project) -> list[str]:
    chosen, words = Looked(project=project, shots=wish.shots), wish.words
    match wish.name:
        case "approve":
            decided = _approve(wish, reading, project)
        case "hold":
            decided = shot_decisions.hold(chosen)
        case "release":
            decided = shot_decisions.release(chosen)
        case "skip":
            decided = shot_decisions.skip(chosen)
        case "note":
            decided = shot_decisions.add_note(chosen, words["text"])
        case "priority":
            decided = shot_decisions.set_priority(chosen, words["priority"])
        case "circle":
            decided = shot_decisions.circle_variants(
                chosen, [wish.takes[entry.place] for entry in wish.shots]
            )
        case _:
            decided = _retry(chosen, wish)
    return [f"{one.number}: {one.decision}" for one in decided]


def _approve(
    wish: DecisionRequest, reading: Snapshot, project: Project
) -> list[shot_decisions.ShotDecision]:
    """Approve the takes that were looked at; where another one is in use, or wanted since, it
    becomes the one.
    """
    wanted = {
        entry.place: one for entry, one in zip(reading.states, reading.wanted_shots, strict=True)
    }
    looked = [
        dataclasses.replace(entry, shot=take, made=True)
        if (take := wish.takes.get(entry.place))
        else entry
        for entry in wish.shots
    ]
    circled = [
        (before, after)
        for before, after in zip(wish.shots, looked, strict=True)
        if after.has_take
        and wanted[after.place].shot_id != after.shot.shot_id
        and SLATE not in (wanted[after.place].talker, after.shot.talker)
    ]
    decided = shot_decisions.approve(Looked(project=project, shots=looked))
    if circled:
        shot_decisions.circle_variants(
            Looked(project=project, shots=[before for before, _ in circled]),
            [after.shot for _, after in circled],
        )
    return decided


def _retry(chosen: Looked, wish: DecisionRequest) -> list[shot_decisions.ShotDecision]:
    words, decided = wish.words, list[shot_decisions.ShotDecision]()
    seed = words["seed"] if isinstance(words["seed"], int) else None
    if words["emotion"] or words["intensity"] != 1:
        decided = shot_decisions.direct(
            chosen, emotion=words["emotion"], intensity=words["intensity"]
        )
    if not decided or words["seed"] != "same":
        decided += shot_decisions.retry(chosen, seed=seed, new_seed=words["seed"] == "new")
    if words["note"]:
        decided += shot_decisions.add_note(chosen, words["note"])
    return decided


def _cue(wish: DecisionRequest, project: Project) -> list[str]:
    made = []
    for name, value in wish.cue.items():
        said = new_event(corrections.EVENT, wish.line_id, actor=current_user())
        plain = CueOverride(
            line_id=wish.line_id, field=name, value=value, at=said.happened_at
        ).to_detail()
        made.append(dataclasses.replace(said, detail=json.dumps(plain, ensure_ascii=False)))
    project.store.append(made)
    return [f"{wish.line_id}: {', '.join(wish.cue)} set by hand; the next plan takes it in"]


def _said(outcome: waivers.Outcome) -> str:
    left = f"; still failed: {', '.join(one.name for one in outcome.left)}" if outcome.left else ""
    latest = f"; latest is {outcome.version}" if outcome.published else ""
    return (
        f"waived: {', '.join(f'{one.profile}: {one.name}' for one in outcome.waived)}{left}{latest}"
    )


def _with_field(problem: Problem) -> Problem:
    """A verb's problem, with the field of the page in place of the option; where it names a shot,
    the shot stays in the message.
    """
    if problem.column:
        return problem
    column = FIELDS.get(problem.file)
    message = problem.message if column else f"{problem.file} {problem.message}"
    return dataclasses.replace(problem, file="decision", column=column or "shots", message=message)
