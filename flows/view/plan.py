# SPDX-License-Identifier: Apache-2.0
"""Show a plan: each shot with its state, doubtful cues, licences, consents, and an estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flows.cut import CurrentCut, listen_and_cut
from flows.finishing.recorded import list_damaged_deliverables
from flows.inputs import Inputs, list_weights_used, open_inputs
from flows.plan import PLANNED, Estimate, Plan, PlannedShot, compare_with_record
from flows.project import Project
from flows.view.listen import format_conflicts, list_conflicts, list_notes
from flows.view.screen import DONE, print_table, say, say_json
from manifests.plurals import count_nouns
from manifests.timebase import format_timecode

ALWAYS = ("new", "changed", "cached")  # counted in the last line even if there are none


def show_plan(folder: Path, *, out: Path | None, only_inputs: bool, as_json: bool) -> int:
    """Check the inputs; listen if that is not cached; show each shot with its state and why."""
    project, inputs = open_inputs(folder, out)
    if only_inputs:
        facts = {
            "lines": len(inputs.lines),
            "characters": len(inputs.actors),
            "problems": [],
            **_list_permissions(project, inputs),
        }
        lines = count_nouns(len(inputs.lines), "line")
        actors = count_nouns(len(inputs.actors), "actor")
        say_json(facts) if as_json else say(f"{lines}, {actors}: no problems found.")
        return DONE
    current_cut = listen_and_cut(project, inputs)
    planned = compare_with_record(current_cut)
    if as_json:
        say_json(_describe_plan(planned, current_cut))
    else:
        _print_plan(planned, current_cut)
    return DONE


def _print_plan(planned: Plan, current_cut: CurrentCut) -> None:
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
    for cue in current_cut.corrected.unsure_cues:
        say(f"{cue.status}: {cue.character}: {cue.text} ({cue.reasons})")
    for line in [*format_conflicts(current_cut.corrected), *list_notes(current_cut.project)]:
        say(line)
    for path in list_damaged_deliverables(current_cut.project):
        say(f"damaged: {path}; the next render makes a new version")
    _print_permissions(current_cut)
    estimate = describe_estimate(planned.estimate) if planned.to_render else ""
    say(f"{count_nouns(len(planned.shots), 'shot')}: {describe_counts(planned)}{estimate}")


def _print_permissions(current_cut: CurrentCut) -> None:
    permissions = _list_permissions(current_cut.project, current_cut.inputs)
    for row in permissions["licences"]:
        if row["commercial"] != "yes":
            say(f"licence: {row['name']}: {row['licence']} (commercial use: {row['commercial']})")
    for row in permissions["consents"]:
        until = f" until {row['until']}" if row["until"] else ""
        say(f"consent: {row['subject']}: {row['covers']}{until}")


def describe_state(entry: PlannedShot) -> str:
    """Describe the state of a shot.

    `changed (emotion)`, `new, failed before (tool: ...)`, `cached, awaiting approval` ...
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
    """Describe how many shots are in each state; rare states only if there are any."""
    counts = [(planned.count(state), state) for state in PLANNED]
    counts += [(planned.awaiting, "awaiting approval"), (planned.failed, "failed before")]
    return ", ".join(f"{count} {state}" for count, state in counts if count or state in ALWAYS)


def describe_estimate(estimate: Estimate) -> str:
    """Describe an estimate, and its parts if there are several talkers.

    `; about 4 to 9 s on 2 workers, 0.01 to 0.02 EUR`
    """
    seconds = f"{estimate.low_seconds:.0f} to {estimate.high_seconds:.0f} s"
    words = f"; about {seconds} on {count_nouns(estimate.workers, 'worker')}"
    if estimate.low_cost is not None and estimate.high_cost is not None:
        words += f", {estimate.low_cost:.2f} to {estimate.high_cost:.2f} {estimate.currency}"
    if len(estimate.by_talker) > 1:
        shares = (
            f"{s.talker} {count_nouns(s.shots, 'shot')}"
            f" {s.low_seconds:.0f} to {s.high_seconds:.0f} s"
            for s in estimate.by_talker
        )
        words += f" ({'; '.join(shares)})"
    return words


def _list_permissions(project: Project, inputs: Inputs) -> Mapping[str, list[dict[str, str]]]:
    """List the licences of the weights that would be used, and the consents of the cast."""
    licences = [
        {
            "name": row.name,
            "purpose": row.purpose,
            "licence": row.licence,
            "commercial": row.commercial,
        }
        for row in list_weights_used(project)
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


def _describe_plan(planned: Plan, current_cut: CurrentCut) -> dict[str, Any]:
    """Describe the plan for programs."""
    return {
        "shots": [_describe_shot(entry) for entry in planned.shots],
        "counts": {state: planned.count(state) for state in PLANNED}
        | {"awaiting": planned.awaiting, "failed": planned.failed},
        "estimate": asdict(planned.estimate),
        "unsure": current_cut.corrected.unsure_cues,
        **list_conflicts(current_cut.corrected),
        **_list_permissions(current_cut.project, current_cut.inputs),
        "notes": list_notes(current_cut.project),
        "damaged": list_damaged_deliverables(current_cut.project),
        "problems": [],
    }


def _describe_shot(entry: PlannedShot) -> dict[str, Any]:
    names = ("shot_id", "number", "character", "role", "talker", "start_frame", "end_frame", "text")
    fields = ("state", "why", "awaiting", "failed", "withdrawn")
    return {name: getattr(entry.shot, name) for name in names} | {
        name: getattr(entry, name) for name in fields
    }
