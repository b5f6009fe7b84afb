# SPDX-License-Identifier: Apache-2.0
"""Render a production as `callsheet render` does, and print the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.cut import cut_from_record
from flows.farm.cluster import check_cluster
from flows.inputs import Inputs, open_inputs
from flows.lease import LeaseNote, hold_lease
from flows.plan import find_standing_version
from flows.prefect_server import run_prefect_server
from flows.progress import get_reporter, show_progress
from flows.project import Project
from flows.version import Version
from flows.view.screen import DONE, SOME_FAILED, complain, say, say_json, shorten_path
from manifests import layout
from manifests.delivery_rows import Deliverable
from manifests.plurals import count_nouns
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
    """Do what `plan` shows; if there is nothing to do, say so without starting an engine.

    Raises:
        BusyError: Another run still works on the production after `wait_seconds`.
    """
    project, inputs = open_inputs(folder, out)
    standing = _find_standing_version(project, inputs)
    if standing is not None:
        return _show_standing_version(project, standing, as_json=as_json)
    with (
        hold_lease(
            project.root, purpose="render", wait_seconds=wait_seconds, on_wait=_say_who_holds_it
        ) as lease,
        show_progress(),
    ):
        standing = _find_standing_version(project, inputs) if lease.waited else None
        if standing is not None:
            return _show_standing_version(project, standing, as_json=as_json)
        check_cluster(ray)
        get_reporter().step("Starting the orchestrator")
        outcome = _run_flow(project, folder, out=out, ray=ray, workers=workers)
    return _show_outcome(project, outcome, as_json=as_json)


def _run_flow(project: Project, folder: Path, *, out: Path | None, ray: str, workers: int) -> Any:
    """Run the flow with a Prefect server, and return its outcome."""
    from flows.finishing.recorded import list_damaged_deliverables

    for path in list_damaged_deliverables(project):
        complain(f"damaged: {path}; the next version replaces it")
    with run_prefect_server(project.root):
        from flows.episode import run_episode

        return run_episode(str(folder), out=str(out) if out else None, ray=ray, workers=workers)


def _find_standing_version(project: Project, inputs: Inputs) -> list[Deliverable] | None:
    """Return the newest version's files if it is exactly what would be made now."""
    cutting = cut_from_record(project, inputs)
    return find_standing_version(cutting) if cutting is not None else None


def _say_who_holds_it(holder: LeaseNote) -> None:
    complain(f"waiting for {holder}")


def _show_standing_version(project: Project, standing: list[Deliverable], *, as_json: bool) -> int:
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
        facts = f"{version}, {format_clock(standing[0].seconds)}"
        title = project.production.title
        say(f"Nothing to do: {title} is up to date ({facts}) in {shorten_path(place)}")
    return DONE


def _show_outcome(project: Project, outcome: Any, *, as_json: bool) -> int:
    version = outcome.version
    failed = bool(outcome.rejects) or version is None or bool(version.failed)
    if as_json:
        say_json(outcome)
        return SOME_FAILED if failed else DONE
    for path in outcome.damaged:
        say(f"damaged: made again: {path}")
    for line in outcome.missing:
        say(f"not found in the recordings: {line}")
    for reject in outcome.rejects:
        say(f"failed: {reject.subject}: {reject.reason}")
    if version is None:
        say(_explain_missing_version(outcome))
        return SOME_FAILED
    _show_version(project, outcome, version)
    return SOME_FAILED if failed else DONE


def _show_version(project: Project, outcome: Any, version: Version) -> None:
    """Print what was rendered, the version's files, marks and checks, and what to look at."""
    shots, takes = count_nouns(outcome.shots, "shot"), count_nouns(outcome.made, "take")
    clock = format_clock(version.deliverables[0].seconds)
    say(f"{project.production.title}: {shots}, {takes} rendered, {clock} long")
    for row in version.deliverables:
        say(f"  {row.profile:8} {shorten_path(project.root / layout.DELIVERABLES / row.path)}")
    for mark in outcome.marks:
        say(f"marked: {mark}")
    for check in version.failed:
        fact = f"{check.profile} {check.name}: {check.value} (limit {check.limit})"
        say(f"failed check: {fact} {check.advice}".rstrip())
    warnings = sum(check.verdict == "warn" for check in version.checks)
    passed = len(version.checks) - len(version.failed) - warnings
    failed = len(version.failed)
    say(f"  checks   {passed} passed, {count_nouns(warnings, 'warning')}, {failed} failed")
    sheet = shorten_path(version.folder / layout.CONTACT_SHEET)
    say(f"Look at {sheet}, then play {shorten_path(version.folder / layout.WEB)}")


def _explain_missing_version(outcome: Any) -> str:
    takes = f"{count_nouns(outcome.made, 'take')} rendered, no version made"
    shots = count_nouns(outcome.shots, "shot")
    if outcome.rejects:
        return f"{len(outcome.rejects)} of {shots} failed; {takes}. Fix these and run render again."
    if outcome.held:
        held = ", ".join(outcome.held)
        return f"on hold: {held}; {takes}. `callsheet shot release` releases them."
    stopped = f"stopped ({outcome.note or outcome.stopped}), " if outcome.stopped else ""
    left = f"{len(outcome.left)} of {shots} left"
    return f"{stopped}{left}; {takes}. Run the same command again to continue."
