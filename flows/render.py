# SPDX-License-Identifier: Apache-2.0
"""Render a production as `callsheet render` does, and print what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.cut import cut_from_record
from flows.engines import orchestrated
from flows.inputs import Inputs, open_inputs
from flows.lease import Note, held
from flows.plan import find_standing_version
from flows.progress import bars, reporter
from flows.project import Project
from flows.view.screen import DONE, SOME_FAILED, complain, say, say_json, shorten_path
from manifests import layout
from manifests.delivery_rows import Deliverable
from manifests.timebase import format_clock


def render(  # noqa: PLR0913 - each is an option of the verb
    folder: Path,
    *,
    out: Path | None,
    ray: str,
    workers: int,
    wait_seconds: float = 0,
    as_json: bool,
) -> int:
    """Do what `plan` shows, or say that there is nothing to do, which takes no engine to find out.

    Raises BusyError when another run works on the production and is still at it after
    `wait_seconds`.
    """
    project, inputs = open_inputs(folder, out)
    standing = _find_standing_version(project, inputs)
    if standing is not None:
        return _nothing_to_do(project, standing, as_json=as_json)
    with (
        held(
            project.root, purpose="render", wait_seconds=wait_seconds, on_wait=_say_who_holds_it
        ) as lease,
        bars(),
    ):
        standing = _find_standing_version(project, inputs) if lease.waited else None
        if standing is not None:
            return _nothing_to_do(project, standing, as_json=as_json)
        reporter().step("Starting the orchestrator")
        from flows.episode import episode

        with orchestrated():
            outcome = episode(str(folder), out=str(out) if out else None, ray=ray, workers=workers)
    return _show_outcome(project, outcome, as_json=as_json)


def _find_standing_version(project: Project, inputs: Inputs) -> list[Deliverable] | None:
    """Return the newest version's files when it is exactly what would be made now."""
    cutting = cut_from_record(project, inputs)
    return find_standing_version(cutting) if cutting is not None else None


def _say_who_holds_it(holder: Note) -> None:
    complain(f"waiting for {holder}")


def _nothing_to_do(project: Project, standing: list[Deliverable], *, as_json: bool) -> int:
    version = standing[0].version
    place = project.root / layout.DELIVERABLES / version
    if as_json:
        say_json(
            {
                "made": 0,
                "version": version,
                "folder": place,
                "files": [row.path for row in standing],
            }
        )
    else:
        say(
            f"Nothing to do: {project.production.title} stands as {version} ({format_clock(standing[0].seconds)}) in {shorten_path(place)}"
        )
    return DONE


def _show_outcome(project: Project, outcome: Any, *, as_json: bool) -> int:
    version = outcome.version
    failed = bool(outcome.rejects) or version is None or bool(version.failed)
    if as_json:
        say_json(outcome)
        return SOME_FAILED if failed else DONE
    for line in outcome.missing:
        say(f"not heard: {line}")
    for reject in outcome.rejects:
        say(f"failed: {reject.subject}: {reject.reason}")
    if version is None:
        say(_why_no_version(outcome))
        return SOME_FAILED
    seconds = version.deliverables[0].seconds
    say(
        f"{project.production.title}: {outcome.shots} shots, {outcome.made} takes made now, {format_clock(seconds)} long"
    )
    for row in version.deliverables:
        say(f"  {row.profile:8} {shorten_path(project.root / layout.DELIVERABLES / row.path)}")
    for mark in outcome.marks:
        say(f"marked: {mark}")
    for check in version.failed:
        say(
            f"failed check: {check.profile} {check.name}: {check.value} (limit {check.limit}) {check.advice}"
        )
    warnings = sum(check.verdict == "warn" for check in version.checks)
    say(
        f"  checks   {len(version.checks) - len(version.failed) - warnings} passed, {warnings} warnings, {len(version.failed)} failed"
    )
    say(
        f"Look first at {shorten_path(version.folder / 'contact_sheet.png')}, then play {shorten_path(version.folder / 'web.mp4')}"
    )
    return SOME_FAILED if failed else DONE


def _why_no_version(outcome: Any) -> str:
    made = f"{outcome.made} takes made now; no version was made"
    if outcome.rejects:
        return f"{len(outcome.rejects)} of {outcome.shots} shots failed; {made}. Mend them and run again."
    if outcome.held:
        return f"held: {', '.join(outcome.held)}; {made}. `callsheet shot release` lets them go on."
    stopped = f"stopped ({outcome.note or outcome.stopped}), " if outcome.stopped else ""
    return f"{stopped}{len(outcome.left)} of {outcome.shots} shots left; {made}. The same command goes on from here."
