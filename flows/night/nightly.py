# SPDX-License-Identifier: Apache-2.0
"""Run a night: render what changed in every production below a folder, within its limits.

Urgent productions come first, then those that have waited longest. Bad input, a failed engine or a
lease held elsewhere stops only the production that it affects. The summary is written after every
production, so it is up to date even if the night is killed. A night keeps no state of its own: the
next night reads what is done in each production's record.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import re
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.farm.cluster import check_cluster
from flows.lease import BusyError, hold_lease
from flows.night.budget import NightLimits, read_limits
from flows.night.pending import DEPTH, examine_production, find_productions
from flows.night.report import report_crash, report_outcome, report_refusal
from flows.night.summary import (
    FINE,
    NightSummary,
    ProductionReport,
    build_webhook_body,
    write_summary,
)
from flows.night.webhook import Webhook, post_message, read_webhook
from flows.prefect_server import run_prefect_server
from flows.progress import get_reporter
from flows.project import open_project
from manifests import layout
from manifests.errors import InputError, Problem, ToolError, collect_problems

if TYPE_CHECKING:
    from flows.episode import Outcome

log = logging.getLogger(__name__)

DONE, SOME_LEFT, BAD_INPUT, TOOL_FAILED, STOPPED = 0, 1, 2, 3, 130


@dataclass(frozen=True, slots=True, kw_only=True)
class NightOptions:
    """The options of a night, as text: see `budget.read_limits` and `webhook.read_webhook`."""

    deadline: str = ""
    hours: float = 0
    budget: str = ""
    price: str = ""
    ray: str = ""
    workers: int = 0
    depth: int = DEPTH
    webhook: str = ""
    webhook_private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A production before its turn.

    `report` holds what is known so far; its `state` is "left" while the production waits.
    """

    folder: Path
    report: ProductionReport


def run_night(root: Path, options: NightOptions) -> NightSummary:
    """Run a night and post its summary.

    The summary is in `ROOT/.callsheet/nights/DATE`, also when the night is stopped. If the webhook
    does not accept it, the exit code is 1 and the summary says so. Raises InputError, before
    anything is done, for limits, a webhook or a ROOT that cannot be used.
    """
    limits, hook = _read_options(options)
    root = root.resolve()
    folders = find_productions(root, depth=options.depth)
    running = _RunningNight(root, options, limits)
    try:
        running.work(folders)
    # Ctrl-C; and SIGTERM, which Ray's handler turns into an exit
    except (KeyboardInterrupt, SystemExit) as stop:
        running.end("stopped", STOPPED)
        raise KeyboardInterrupt from stop
    code = choose_exit_code(running.summary.reports)
    running.end(
        {DONE: "done", SOME_LEFT: "some left", BAD_INPUT: "refused"}.get(code, "failed"), code
    )
    return _post_summary(running.summary, hook) if hook else running.summary


def choose_exit_code(reports: Sequence[ProductionReport]) -> int:
    """Choose the exit code of a night.

    0: all done. 1: something failed or is left. 2: every production has bad input. 3: engines
    failed and nothing was delivered.
    """
    if all(report.state in FINE for report in reports):
        return DONE
    if all(report.state == "refused" for report in reports):
        return BAD_INPUT
    if any(report.tool for report in reports) and not any(
        report.state == "done" for report in reports
    ):
        return TOOL_FAILED
    return SOME_LEFT


def sort_candidates(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Sort productions for a night: urgent first, then by waiting time, then by name."""
    return sorted(
        candidates, key=lambda c: (-c.report.priority, c.report.waiting_since, c.report.name)
    )


class _RunningNight:
    """A night in progress: its summary so far, and the folder that it is written to."""

    def __init__(self, root: Path, options: NightOptions, limits: NightLimits) -> None:
        self._root = root
        self._options = options
        self._engines = contextlib.ExitStack()  # Prefect's server, from the first production on
        self._ends = _to_monotonic(limits.ends_at)
        self._place = _create_night_folder(root)
        self._before = _read_waiting_since(root, self._place)
        self.summary = NightSummary(
            night=self._place.name, root=root, began=_read_time(), limits=limits
        )

    def work(self, folders: Sequence[Path]) -> None:
        """Examine all productions, then render those that need it, in order."""
        write_summary(self.summary, self._place)
        candidates = [self._examine(folder) for folder in folders]
        waiting = [candidate for candidate in candidates if candidate.report.state == "left"]
        for candidate in candidates:
            if candidate not in waiting:
                self._record_report(candidate.report)
        with self._engines:
            for candidate in sort_candidates(waiting):
                why = self._find_reached_limit()
                self._record_report(
                    replace(candidate.report, reason=why) if why else self._render(candidate)
                )

    def end(self, outcome: str, code: int) -> None:
        """Write the final summary."""
        self.summary = replace(self.summary, outcome=outcome, exit_code=code, ended=_read_time())
        write_summary(self.summary, self._place)

    def _record_report(self, report: ProductionReport) -> None:
        since = "" if report.state in FINE else report.waiting_since
        settled = replace(report, waiting_since=since)
        self.summary = replace(self.summary, reports=(*self.summary.reports, settled))
        write_summary(self.summary, self._place)
        log.info("%s: %s %s", settled.name, settled.state, settled.reason)

    def _examine(self, folder: Path) -> Candidate:
        name = folder.relative_to(self._root).as_posix()
        known = ProductionReport(
            name=name, state="left", waiting_since=self._before.get(name, self._place.name)
        )
        get_reporter().step(f"Checking {name}")
        return Candidate(
            folder=folder,
            report=self._run_guarded(
                known, lambda: examine_production(folder, known, root=self._root)
            ),
        )

    def _find_reached_limit(self) -> str:
        if time.monotonic() >= self._ends:
            return "the deadline came first"
        if self._remaining_budget() <= 0:
            return "the budget was already spent"
        return ""

    def _remaining_budget(self) -> float:
        return self.summary.limits.worker_seconds - self.summary.seconds

    def _render(self, candidate: Candidate) -> ProductionReport:
        get_reporter().step(f"Rendering {candidate.report.name}")
        return self._run_guarded(candidate.report, lambda: self._render_locked(candidate))

    def _render_locked(self, candidate: Candidate) -> ProductionReport:
        project = open_project(candidate.folder)
        budget = self._remaining_budget()
        with hold_lease(project.root, purpose="nightly"):
            now = examine_production(candidate.folder, candidate.report, root=self._root)
            if now.state != "left":  # another run rendered it since the night began
                return now
            check_cluster(self._options.ray)
            self._engines.enter_context(run_prefect_server(self._root))
            from flows.episode import run_episode

            outcome: Outcome = run_episode(
                str(candidate.folder),
                ray=self._options.ray,
                workers=self._options.workers,
                until=self._find_end(),
                budget=0.0 if math.isinf(budget) else budget,
            )
        return report_outcome(project, outcome, candidate.report)

    def _find_end(self) -> float:
        """Convert the deadline to seconds since 1970; 0 for none."""
        return 0.0 if math.isinf(self._ends) else time.time() + self._ends - time.monotonic()

    def _run_guarded(
        self, known: ProductionReport, work: Callable[[], ProductionReport]
    ) -> ProductionReport:
        """Run `work`; turn whatever goes wrong with one production into its report."""
        try:
            return work()
        except InputError as error:
            return report_refusal(known, error)
        except BusyError as error:
            return replace(known, state="busy", reason=error.message.partition(";")[0])
        except ToolError as error:
            return replace(known, state="failed", tool=True, reason=str(error))
        except Exception as error:  # noqa: BLE001 - the others still render
            log.warning("%s failed unexpectedly: %s", known.name, error)
            file = self._place / f"{re.sub(r'[^A-Za-z0-9_-]+', '-', known.name)}.log"
            file.write_text(traceback.format_exc())
            return report_crash(known, error, log=file.name)


def _post_summary(summary: NightSummary, hook: Webhook) -> NightSummary:
    try:
        post_message(hook, build_webhook_body(summary))
    except ToolError as error:
        code = summary.exit_code if summary.exit_code != DONE else SOME_LEFT
        summary = replace(summary, message=str(error), exit_code=code)
        write_summary(summary, summary.root / layout.NIGHTS / summary.night)
    return summary


def _read_options(options: NightOptions) -> tuple[NightLimits, Webhook | None]:
    problems, hook = list[Problem](), None
    limits = collect_problems(problems, lambda: _read_limits(options))
    if options.webhook:
        hook = collect_problems(
            problems, lambda: read_webhook(options.webhook, private=options.webhook_private)
        )
    if problems or limits is None:
        raise InputError(problems)
    return limits, hook


def _read_limits(options: NightOptions) -> NightLimits:
    return read_limits(
        deadline=options.deadline,
        hours=options.hours,
        budget=options.budget,
        price=options.price,
        now=datetime.now().astimezone(),
    )


def _create_night_folder(root: Path) -> Path:
    """Create the folder of a new night: its date, with a number after the first of that date."""
    today = datetime.now().astimezone().date().isoformat()
    for name in (today, *(f"{today}.{number:02d}" for number in range(2, 100))):
        place = root / layout.NIGHTS / name
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise ToolError(f"cannot write the summary of the night: {error}") from error
        return place
    raise ToolError(f"{root / layout.NIGHTS} already holds 99 nights of {today}")


def _read_waiting_since(root: Path, tonight: Path) -> dict[str, str]:
    """Read since when productions wait, from the last night with a readable summary."""
    for place in sorted((root / layout.NIGHTS).iterdir(), reverse=True):
        if place == tonight or not (place / "summary.json").is_file():
            continue
        try:
            summary: dict[str, Any] = json.loads((place / "summary.json").read_text())
            return {
                row["name"]: row["waiting_since"]
                for row in summary["productions"]
                if row["waiting_since"]
            }
        except (ValueError, KeyError, TypeError) as error:
            log.warning("cannot read %s: %s", place / "summary.json", error)
    return {}


def _to_monotonic(moment: datetime | None) -> float:
    """Convert a moment to the monotonic clock, which nobody can set."""
    return (
        math.inf
        if moment is None
        else time.monotonic() + (moment - datetime.now().astimezone()).total_seconds()
    )


def _read_time() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
