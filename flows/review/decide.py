# SPDX-License-Identifier: Apache-2.0
"""Carry out decision requests: draft their events, then commit them.

Drafting is pure: the ledger's functions get the states of the shots in the recorded cut, as the
command line's verbs pass them the states of today's cut. All events of a request are one commit.
Nobody has to be quicker: whatever two people decide is recorded, the later event counts, and the
person who made it is told what it follows.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass

from flows import corrections
from flows.ledger import shot_decisions
from flows.ledger.retakes import RetakeRequest, retake
from flows.ledger.shot_decisions import DecisionDraft
from flows.lesson_inputs import load_emotion_words
from flows.review.decision_requests import DecisionRequest
from flows.review.snapshot import Snapshot
from flows.trust import waivers
from manifests.errors import InputError, Problem
from manifests.run_rows import Event, new_event
from pipeline.align.cue_overrides import CueOverride
from pipeline.render.slate import SLATE

FIELDS = {"--emotion": "emotion", "--text": "text", "--reason": "reason", "SHOT": "shots"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDraft:
    """A request with its events, which are not written yet, and what it means in words.

    A waiver has no events here: it also publishes the version.
    """

    request: DecisionRequest
    events: Sequence[Event] = ()
    says: Sequence[str] = ()


def draft_request(request: DecisionRequest, snapshot: Snapshot, *, by: str) -> RequestDraft:
    """Draft the events of a request. Write nothing.

    Raises:
        InputError: The decision makes no sense; every problem, as the verbs report it.
    """
    if request.name == "waive":
        return RequestDraft(request=request)
    try:
        if request.name == "cue":
            return _draft_cue(request, by=by)
        draft = _draft_shots(request, snapshot, by=by)
    except InputError as error:
        raise InputError([_locate_problem(problem) for problem in error.problems]) from error
    says = [f"{shot.number}: {shot.decision}" for shot in draft.shots]
    return RequestDraft(request=request, events=draft.events, says=says)


def commit_drafts(
    drafts: Sequence[RequestDraft], snapshot: Snapshot, *, by: str
) -> tuple[list[str], list[str]]:
    """Record all events in one commit, then waive checks.

    Returns the ids of the events, and what to tell people. Raises InputError and ToolError.
    """
    events = [event for draft in drafts for event in draft.events]
    snapshot.project.store.append(events)
    ids = [event.event_id for event in events]
    says = [line for draft in drafts for line in draft.says]
    for draft in drafts:
        if draft.request.name == "waive":
            more_ids, line = _waive(draft.request, snapshot, by=by)
            ids += more_ids
            says.append(line)
    return ids, says


def _draft_shots(request: DecisionRequest, snapshot: Snapshot, *, by: str) -> DecisionDraft:
    states, words = request.shots, request.words
    match request.name:
        case "approve":
            draft = _draft_approval(request, snapshot, by=by)
        case "hold":
            draft = shot_decisions.hold(states, by=by)
        case "release":
            draft = shot_decisions.release(states, by=by)
        case "skip":
            draft = shot_decisions.skip(states, by=by)
        case "note":
            draft = shot_decisions.add_note(states, words["text"], by=by)
        case "priority":
            draft = shot_decisions.set_priority(states, words["priority"], by=by)
        case "circle":
            draft = shot_decisions.circle_takes(states, request.takes, by=by)
        case _:
            draft = _draft_retake(request, snapshot, by=by)
    return draft


def _draft_approval(request: DecisionRequest, snapshot: Snapshot, *, by: str) -> DecisionDraft:
    """Approve the takes that were reviewed; circle those that are not in use or wanted now."""
    draft = shot_decisions.approve(request.shots, by=by, reviewed=request.takes)
    wanted = {
        entry.place: shot
        for entry, shot in zip(snapshot.states, snapshot.wanted_shots, strict=True)
    }
    reviewed = {entry.place: request.takes.get(entry.place, entry.shot) for entry in request.shots}
    circled = [
        entry
        for entry in request.shots
        if wanted[entry.place].shot_id != reviewed[entry.place].shot_id
        and SLATE not in (wanted[entry.place].talker, reviewed[entry.place].talker)
    ]
    circles = shot_decisions.circle_takes(circled, reviewed, by=by)
    return dataclasses.replace(draft, events=draft.events + circles.events)


def _draft_retake(request: DecisionRequest, snapshot: Snapshot, *, by: str) -> DecisionDraft:
    words = request.words
    wanted = RetakeRequest(
        seed=words["seed"] if isinstance(words["seed"], int) else None,
        new_seed=words["seed"] == "new",
        emotion=words["emotion"],
        intensity=words["intensity"],
        words=load_emotion_words(snapshot.project) if words["emotion"] else {},
    )
    draft = retake(request.shots, wanted, by=by)
    if words["note"]:
        draft += shot_decisions.add_note(request.shots, words["note"], by=by)
    return draft


def _draft_cue(request: DecisionRequest, *, by: str) -> RequestDraft:
    events = []
    for name, value in request.cue.items():
        event = new_event(corrections.EVENT, request.line_id, actor=by)
        override = CueOverride(
            line_id=request.line_id, field=name, value=value, at=event.happened_at
        )
        detail = json.dumps(override.to_detail(), ensure_ascii=False)
        events.append(dataclasses.replace(event, detail=detail))
    names = ", ".join(request.cue)
    says = [f"{request.line_id}: {names} set by hand; the next plan applies it"]
    return RequestDraft(request=request, events=events, says=says)


def _waive(request: DecisionRequest, snapshot: Snapshot, *, by: str) -> tuple[list[str], str]:
    """Waive a failed check: the ids of the events, and what to tell people."""
    version, words = request.words["version"], request.words
    before = _read_waiver_ids(snapshot, version)
    outcome = waivers.waive_check(
        snapshot.project, version, words["check"], reason=words["reason"], by=by
    )
    fresh = [key for key in _read_waiver_ids(snapshot, version) if key not in before]
    return fresh, _describe_waiver(outcome)


def _read_waiver_ids(snapshot: Snapshot, version: str) -> list[str]:
    rows = snapshot.project.store.read(Event, name=waivers.WAIVED, subject=version)
    return [row.event_id for row in rows]


def _describe_waiver(outcome: waivers.WaiverOutcome) -> str:
    names = ", ".join(f"{check.profile}: {check.name}" for check in outcome.waived)
    left = ", ".join(check.name for check in outcome.left)
    still = f"; still failing: {left}" if left else ""
    latest = f"; latest is now {outcome.version}" if outcome.published else ""
    return f"waived: {names}{still}{latest}"


def _locate_problem(problem: Problem) -> Problem:
    """Put the page's field in place of the verb's option.

    Where a problem names a shot, the shot goes into the message.
    """
    if problem.column:
        return problem
    column = FIELDS.get(problem.file)
    message = problem.message if column else f"{problem.file} {problem.message}"
    return dataclasses.replace(problem, file="decision", column=column or "shots", message=message)
