# SPDX-License-Identifier: Apache-2.0
"""`plan`: each shot with its state, what is wrong or allowed, and what rendering would take; for
people and as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flows.cut import CurrentCut, listen_and_cut
from flows.inputs import Inputs, open_inputs, weights_used
from flows.plan import PLANNED, Estimate, Plan, PlannedShot, compare_with_record
from flows.project import Project
from flows.view.listen import list_conflicts, list_notes
from flows.view.screen import DONE, print_table, say, say_json
from manifests.timebase import format_timecode

ALWAYS = ("new", "changed", "cached")  # counted in the last line also when there are none


def show_plan(folder: Path, *, out: Path | None, only_inputs: bool, as_json: bool) -> int:
    """Check the inputs; listen if that is not cached; show each shot with its state and why."""
    project, inputs = open_inputs(folder, out)
    if only_inputs:
        facts = {
            "lines": len(inputs.lines),
            "characters": len(inputs.actors),
            "problems": [],
            **_allowed(project, inputs),
        }
        say_json(facts) if as_json else say(
            f"{facts['lines']} lines, {facts['characters']} actors: nothing is wrong."
        )
        return DONE
    cutting = listen_and_cut(project, inputs)
    planned = compare_with_record(cutting)
    if as_json:
        say_json(_as_json(planned, cutting))
    else:
        _show(planned, cutting)
    return DONE


def _show(planned: Plan, cutting: CurrentCut) -> None:
    rows = [
        (
            entry.shot.number,
            format_timecode(entry.shot.start_frame, entry.shot.rate),
            entry.shot.frames,
            entry.shot.character,
            describe_state(entry),
            entry.shot.text[:48],
        )
        for entry in planned.shots
    ]
    print_table(("shot", "starts", "frames", "character", "state", "text"), rows)
    for cue in cutting.corrected.unsure_cues:
        say(f"{cue.status}: {cue.character}: {cue.text} ({cue.reasons})")
    for said in (
        f"{kind}: {one}"
        for kind, several in list_conflicts(cutting.corrected).items()
        for one in several
    ):
        say(said)
    for said in list_notes(cutting.project):
        say(said)
    allowed = _allowed(cutting.project, cutting.inputs)
    for row in allowed["licences"]:
        if row["commercial"] != "yes":
            say(f"licence: {row['name']}: {row['licence']} (commercial use: {row['commercial']})")
    for row in allowed["consents"]:
        say(
            f"consent: {row['subject']}: {row['covers']}"
            + (f" until {row['until']}" if row["until"] else "")
        )
    say(
        f"{len(planned.shots)} shots: {describe_counts(planned)}{describe_estimate(planned.estimate) if planned.to_render else ''}"
    )


def describe_state(entry: PlannedShot) -> str:
    """`changed (emotion)`, `new, failed before (tool: ...)`, `cached, awaiting approval (text
    changed since)` ...
    """
    words = entry.state + (f" ({', '.join(entry.why)})" if entry.why else "")
    if entry.failed:
        words += f", failed before ({entry.failed.splitlines()[0][:60]})"
    if entry.awaiting:
        words += ", awaiting approval"
    if entry.withdrawn:
        words += f" ({', '.join(entry.withdrawn)} changed since it was approved)"
    return words


def describe_counts(planned: Plan) -> str:
    """How many shots are in each state; what is seldom is told only when there is any."""
    counts = [(planned.count(state), state) for state in PLANNED]
    counts += [(planned.awaiting, "awaiting approval"), (planned.failed, "failed before")]
    return ", ".join(f"{count} {state}" for count, state in counts if count or state in ALWAYS)


def describe_estimate(estimate: Estimate) -> str:
    """`; about 4 to 9 s on 2 workers, 0.01 to 0.02 EUR`, and by talker when there are several."""
    words = f"; about {estimate.low_seconds:.0f} to {estimate.high_seconds:.0f} s on {estimate.workers} workers"
    if estimate.low_cost is not None and estimate.high_cost is not None:
        words += f", {estimate.low_cost:.2f} to {estimate.high_cost:.2f} {estimate.currency}"
    if len(estimate.by_talker) > 1:
        shares = (
            f"{s.talker} {s.shots} shots {s.low_seconds:.0f} to {s.high_seconds:.0f} s"
            for s in estimate.by_talker
        )
        words += f" ({'; '.join(shares)})"
    return words


def _allowed(project: Project, inputs: Inputs) -> Mapping[str, list[dict[str, str]]]:
    """The licences of the weights that would be used, and who allowed what."""
    licences = [
        {
            "name": row.name,
            "purpose": row.purpose,
            "licence": row.licence,
            "commercial": row.commercial,
        }
        for row in weights_used(project)
    ]
    shown = {actor.actor for actor in inputs.actors}
    consents = [
        {
            "subject": row.subject,
            "covers": row.covers,
            "until": row.valid_until,
            "evidence": row.evidence,
        }
        for row in inputs.consents
        if row.subject in shown
    ]
    return {"licences": licences, "consents": consents}


def _as_json(planned: Plan, cutting: CurrentCut) -> dict[str, Any]:
    return {
        "shots": [_shot(entry) for entry in planned.shots],
        "counts": {state: planned.count(state) for state in PLANNED}
        | {"awaiting": planned.awaiting, "failed": planned.failed},
        "estimate": asdict(planned.estimate),
        "unsure": cutting.corrected.unsure_cues,
        **list_conflicts(cutting.corrected),
        **_allowed(cutting.project, cutting.inputs),
        "notes": list_notes(cutting.project),
        "problems": [],
    }


def _shot(entry: PlannedShot) -> dict[str, Any]:
    names = ("shot_id", "number", "character", "role", "talker", "start_frame", "end_frame", "text")
    said = {
        name: getattr(entry, name) for name in ("state", "why", "awaiting", "failed", "withdrawn")
    }
    return {name: getattr(entry.shot, name) for name in names} | said
