# SPDX-License-Identifier: Apache-2.0
"""The night: every production below a folder is looked at, what changed is rendered within a
deadline and a budget, the rest waits.

What is urgent comes first, then what has waited longest. One production's bad input, failed engine
or other holder never stops the others. The night writes its summary after every production, so that
a night that dies has said how far it came. Nothing of what is done is kept here: the next night
finds it in each production's own record.
"""

from __future__ import annotations

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

from flows.engines import orchestrated
from flows.lease import BusyError, held
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
from flows.night.webhook import Webhook, post_message
from flows.night.webhook import read_webhook as read_webhook
from flows.progress import reporter
from flows.project import open_project
from manifests import layout
from manifests.errors import InputError, Problem, ToolError, collect_problems

if TYPE_CHECKING:
    from flows.episode import Outcome

log = logging.getLogger(__name__)

DONE, SOME_LEFT, BAD_INPUT, TOOL_FAILED, STOPPED = 0, 1, 2, 3, 130


@dataclass(frozen=True, slots=True, kw_only=True)
class NightOptions:
    """What a person asks of a night, as text: see `nightly_limits.limits` and `webhook.webhook`."""

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
    """A production before its turn: its folder, and what is known of it so far (`report.state` is
    "left" while it waits).
    """

    folder: Path
    report: ProductionReport


def run_night(root: Path, asked: NightOptions) -> NightSummary:
    """Do a night and post its summary. A webhook that does not take it makes the exit code 1, and
    the summary says so.

    The summary stands in `ROOT/.callsheet/nights/DATE`, also when the night is stopped. Raises
    InputError, before anything is done, for limits, a webhook or a ROOT that cannot be used.
    """
    may, hook = _read_options(asked)
    root = root.resolve()
    folders = find_productions(root, depth=asked.depth)
    running = _RunningNight(root, asked, may)
    try:
        running.work(folders)
    # Ctrl-C; and SIGTERM, of which Ray's handler makes an exit
    except (KeyboardInterrupt, SystemExit) as stop:
        running.end("stopped", STOPPED)
        raise KeyboardInterrupt from stop
    code = choose_exit_code(running.summary.reports)
    running.end(
        {DONE: "done", SOME_LEFT: "some left", BAD_INPUT: "refused"}.get(code, "failed"), code
    )
    return _post_summary(running.summary, hook) if hook else running.summary


def choose_exit_code(reports: Sequence[ProductionReport]) -> int:
    """0 all done, 1 something failed or is left, 2 every production has bad input, 3 engines failed
    and nothing was delivered.
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
    """The order in which a night works: urgent before not, then what waits longest, then by
    name.
    """
    return sorted(
        candidates, key=lambda c: (-c.report.priority, c.report.waiting_since, c.report.name)
    )


class _RunningNight:
    """The night while it runs: its summary so far, and where that is written."""

    def __init__(self, root: Path, asked: NightOptions, may: NightLimits) -> None:
        self._root = root
        self._options = asked
        self._ends = _to_monotonic(may.ends_at)
        self._place = _create_night_folder(root)
        self._before = _read_waiting_since(root, self._place)
        self.summary = NightSummary(
            night=self._place.name, root=root, began=_read_time(), limits=may
        )

    def work(self, folders: Sequence[Path]) -> None:
        """Look at all, then render in turn."""
        write_summary(self.summary, self._place)
        candidates = [self._examine(folder) for folder in folders]
        waiting = [candidate for candidate in candidates if candidate.report.state == "left"]
        for candidate in candidates:
            if candidate not in waiting:
                self._record_report(candidate.report)
        for candidate in sort_candidates(waiting):
            why = self._find_reached_limit()
            self._record_report(
                replace(candidate.report, reason=why) if why else self._render(candidate)
            )

    def end(self, outcome: str, code: int) -> None:
        """Write the last word."""
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
        reporter().step(f"Looking at {name}")
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
            return "the budget was spent before"
        return ""

    def _remaining_budget(self) -> float:
        return self.summary.limits.worker_seconds - self.summary.seconds

    def _render(self, candidate: Candidate) -> ProductionReport:
        reporter().step(f"Rendering {candidate.report.name}")
        return self._run_guarded(candidate.report, lambda: self._render_locked(candidate))

    def _render_locked(self, candidate: Candidate) -> ProductionReport:
        from flows.episode import episode

        project = open_project(candidate.folder)
        budget = self._remaining_budget()
        with held(project.root, purpose="nightly"):
            now = examine_production(candidate.folder, candidate.report, root=self._root)
            if now.state != "left":  # somebody made it since the night began
                return now
            with orchestrated():
                outcome: Outcome = episode(
                    str(candidate.folder),
                    ray=self._options.ray,
                    workers=self._options.workers,
                    until=0.0
                    if math.isinf(self._ends)
                    else time.time() + self._ends - time.monotonic(),
                    budget=0.0 if math.isinf(budget) else budget,
                )
        return report_outcome(project, outcome, candidate.report)

    def _run_guarded(
        self, known: ProductionReport, work: Callable[[], ProductionReport]
    ) -> ProductionReport:
        """Whatever goes wrong with one production becomes its report."""
        try:
            return work()
        except InputError as error:
            return report_refusal(known, error)
        except BusyError as error:
            return replace(known, state="busy", reason=error.message.partition(";")[0])
        except ToolError as error:
            return replace(known, state="failed", tool=True, reason=str(error))
        except Exception as error:  # noqa: BLE001 - one production's fault must not end the night for the others
            log.warning("%s failed in a way that nobody foresaw: %s", known.name, error)
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


def _read_options(asked: NightOptions) -> tuple[NightLimits, Webhook | None]:
    problems, hook = list[Problem](), None
    now = datetime.now().astimezone()
    may = collect_problems(
        problems,
        lambda: read_limits(
            deadline=asked.deadline,
            hours=asked.hours,
            budget=asked.budget,
            price=asked.price,
            now=now,
        ),
    )
    if asked.webhook:
        hook = collect_problems(
            problems, lambda: read_webhook(asked.webhook, private=asked.webhook_private)
        )
    if problems or may is None:
        raise InputError(problems)
    return may, hook


def _create_night_folder(root: Path) -> Path:
    """The folder of a new night: the date, with a number when it is not the first of that date."""
    today = datetime.now().astimezone().date().isoformat()
    for name in (today, *(f"{today}.{number:02d}" for number in range(2, 100))):
        place = root / layout.NIGHTS / name
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise ToolError(f"the summary of the night cannot be written: {error}") from error
        return place
    raise ToolError(f"{root / layout.NIGHTS} holds a hundred nights of {today}")


def _read_waiting_since(root: Path, tonight: Path) -> dict[str, str]:
    """Since when productions wait, as the last night with a readable summary knew."""
    for place in sorted((root / layout.NIGHTS).iterdir(), reverse=True):
        if place == tonight or not (place / "summary.json").is_file():
            continue
        try:
            told: dict[str, Any] = json.loads((place / "summary.json").read_text())
            return {
                row["name"]: row["waiting_since"]
                for row in told["productions"]
                if row["waiting_since"]
            }
        except (ValueError, KeyError, TypeError) as error:
            log.warning("%s is not readable: %s", place / "summary.json", error)
    return {}


def _to_monotonic(moment: datetime | None) -> float:
    """A moment on the clock that nobody sets."""
    return (
        math.inf
        if moment is None
        else time.monotonic() + (moment - datetime.now().astimezone()).total_seconds()
    )


def _read_time() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
