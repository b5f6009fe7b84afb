# SPDX-License-Identifier: Apache-2.0
"""Report what a night did with one production, from the run's result and the record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from flows.night.summary import ProductionReport
from flows.project import Project
from flows.version import Version
from manifests import layout
from manifests.delivery_rows import Check
from manifests.errors import InputError
from manifests.plurals import count_nouns
from manifests.rows import Cue, Shot, Take
from manifests.run_rows import Reject

if TYPE_CHECKING:
    from flows.episode import Outcome

ADVICE = {
    "input": "fix the input; the next night renders it",
    "memory": "lower generate.size, or give each worker more memory",
    "full": "free space on the disk of the build folder",
    "died": "run `callsheet doctor`; if it dies again, hold or skip the shot",
    "hung": "run `callsheet doctor`; if it hangs again, hold or skip the shot",
}
OTHER_ADVICE = "run `callsheet render` to retry it, or skip the shot"


def report_refusal(known: ProductionReport, error: InputError) -> ProductionReport:
    """Report a production whose inputs cannot be used; each problem becomes advice."""
    reason = f"{count_nouns(len(error.problems), 'problem')} in its inputs"
    return replace(
        known, state="refused", reason=reason, advice=[str(problem) for problem in error.problems]
    )


def report_crash(known: ProductionReport, error: Exception, *, log: str) -> ProductionReport:
    """Report an unexpected error; the traceback is in a file beside the summary."""
    first = (str(error).splitlines() or [""])[0]
    reason = f"unexpected {type(error).__name__}: {first}"
    return replace(
        known,
        state="failed",
        tool=True,
        reason=reason,
        advice=[f"please report this and attach {log}"],
    )


def report_outcome(project: Project, outcome: Outcome, known: ProductionReport) -> ProductionReport:
    """Report the result of a run, and what a person should listen to and look at."""
    takes = project.store.read(Take, run_id=outcome.run_id)
    report = replace(
        known,
        shots=outcome.shots,
        made=outcome.made,
        left=len(outcome.left) + len(outcome.rejects),
        seconds=round(outcome.seconds, 3),
        ear=list(_list_uncertain_cues(project)),
    )
    if outcome.version is None:
        return _report_undelivered(report, outcome)
    warnings = map(_describe_check, _select_warnings(outcome.version.checks))
    report = replace(report, eye=[*warnings, *_list_take_warnings(project, takes)])
    return _report_version(project, outcome.version, report)


def _report_version(
    project: Project, version: Version, report: ProductionReport
) -> ProductionReport:
    look = list[str]()
    if version.folder.is_relative_to(project.folder):
        place = version.folder.relative_to(project.folder.resolve())
        look = [f"{place}/{name}" for name in _list_previews(project, version.name)]
    report = replace(report, version=version.name, look=look)
    if version.failed:
        failed = count_nouns(len(version.failed), "failed check")
        reason = f"{version.name} has {failed}; `latest` was not moved to it"
        advice = [_describe_check(check) for check in version.failed]
        return replace(report, state="failed", reason=reason, advice=advice)
    return replace(report, state="done", reason=f"{version.name} delivered")


def _report_undelivered(report: ProductionReport, outcome: Outcome) -> ProductionReport:
    advice = [_describe_reject(reject) for reject in outcome.rejects]
    if outcome.rejects:
        reason = f"{len(outcome.rejects)} of {outcome.shots} shots failed"
        tool = all(reject.kind != "input" for reject in outcome.rejects)
        return replace(report, state="failed", tool=tool, reason=reason, advice=advice)
    why = outcome.note or outcome.stopped or "held by hand"
    reason = f"{len(outcome.left)} of {outcome.shots} shots are left: {why}"
    return replace(report, state="left", reason=reason)


def _describe_reject(reject: Reject) -> str:
    advice = ADVICE.get(reject.kind, OTHER_ADVICE)
    return f"{reject.subject}: {reject.reason.splitlines()[0]} ({advice})"


def _describe_check(check: Check) -> str:
    where = f" at {check.timecode}" if check.timecode else ""
    text = f"{check.profile} {check.name}{where}: {check.value} (limit {check.limit})"
    return f"{text}. {check.advice}" if check.advice else text


def _select_warnings(checks: list[Check]) -> list[Check]:
    return [check for check in checks if check.verdict == "warn"]


def _list_uncertain_cues(project: Project) -> Iterator[str]:
    for cue in project.store.read_current(Cue):
        if cue.status != "matched":
            yield f"{cue.status}: {cue.character}: {cue.text}" + (
                f" ({cue.reasons})" if cue.reasons else ""
            )


def _list_take_warnings(project: Project, takes: list[Take]) -> Iterator[str]:
    number = {shot.shot_id: shot.number for shot in project.store.read_current(Shot)}
    for take in takes:
        for warning in take.warning_list:
            yield f"{number.get(take.shot_id, take.shot_id)}: {warning}"


def _list_previews(project: Project, version: str) -> Iterator[str]:
    folder = project.root / layout.DELIVERABLES / version
    return (
        name
        for name in (layout.CONTACT_SHEET, layout.WEB, layout.CHECKS)
        if (folder / name).is_file()
    )
