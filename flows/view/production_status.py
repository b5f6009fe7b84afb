# SPDX-License-Identifier: Apache-2.0
"""Read the status of a production from the record: states, workers, time left, errors, versions."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flows.ledger import record
from flows.ledger.shot_state import STATES, ShotState
from flows.project import Project, find_damaged_takes, find_done_takes
from flows.trust.consents import PURGED
from flows.trust.waivers import WAIVED
from manifests.query import run_query
from manifests.rows import Shot
from manifests.run_rows import Event

LAST_ERRORS = 5
VERSIONS = (
    "SELECT version, count(DISTINCT path) AS files,"
    " (SELECT count(*) FROM checks c WHERE c.version = d.version AND verdict = 'fail') AS fails,"
    " (SELECT count(*) FROM checks c WHERE c.version = d.version AND verdict = 'warn') AS warns,"
    " (SELECT string_agg(name || ': ' || value, '; ') FROM checks c WHERE c.version = d.version"
    " AND name IN ('slates', 'talkers')) AS marks"
    " FROM deliverables d GROUP BY version ORDER BY version"
)
PACE = (
    "SELECT count(*) FILTER (name = 'done'), min(happened_at) FILTER (name = 'done'),"
    " max(happened_at) FILTER (name = 'done'), max(happened_at)"
    " FROM events WHERE happened_at >= ?"
)
FAILURES = (
    "SELECT subject, reason FROM rejects"
    " WHERE run_id = (SELECT arg_max(run_id, finished_at) FROM runs)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The status of a production at one moment.

    `states`: number of shots in each; `workers`: who makes which shot since when (UTC); `errors`:
    the last ones. `run`: the newest run is `running`, `over` or `interrupted` (it was killed), ""
    before the first. `eta_seconds`: time left at the pace of the newest run; None when nothing runs
    or nothing is done yet. `quiet_seconds`: since the farm's last event. `damaged`: numbers of the
    shots whose take is damaged and is made again.
    """

    title: str
    episode: str
    shots: int
    takes_done: int
    seconds: float
    states: dict[str, int]
    marks: dict[str, int]
    run: str = ""
    began_at: str = ""
    eta_seconds: float | None = None
    quiet_seconds: float | None = None
    workers: tuple[dict[str, str], ...] = ()
    errors: tuple[dict[str, str], ...] = ()
    versions: tuple[dict[str, Any], ...] = ()
    failures: tuple[dict[str, str], ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether nobody works on it."""
        return self.run != "running"


def read_status(project: Project) -> Status:
    """Read the status from the record."""
    project = replace(project, store=project.store.pin_tables())
    shots = project.store.read_current(Shot)
    done = find_done_takes(project, shots)
    run = record.find_newest_run(project)
    states = record.read_run_states(project, shots, run=run, done=done)
    counts = Counter(entry.state for entry in states)
    return Status(
        title=project.production.title,
        episode=project.production.episode,
        shots=len(shots),
        takes_done=sum(entry.has_take for entry in states),
        seconds=_sum_seconds(shots),
        states={state: counts[state] for state in STATES if counts[state]},
        marks=dict(Counter(mark for entry in states for mark in entry.marks)),
        workers=tuple(_describe_worker(entry) for entry in states if entry.state == "running"),
        errors=_list_last_errors(states),
        versions=_list_versions(project),
        failures=_query_rows(project, FAILURES),
        damaged=_list_damaged(project, shots, done),
        **_describe_run(project, run, states),
    )


def _list_damaged(
    project: Project, shots: Sequence[Shot], done: Collection[str]
) -> tuple[str, ...]:
    """List the numbers of the shots whose take is damaged."""
    absent = [shot for shot in shots if shot.shot_id not in done]
    damaged = find_damaged_takes(project, absent)
    return tuple(shot.number for shot in absent if shot.shot_id in damaged)


def _sum_seconds(shots: Sequence[Shot]) -> float:
    frames = sum(shot.end_frame - shot.start_frame for shot in shots if not shot.layer)
    return float(frames / shots[0].rate) if shots else 0.0


def _describe_run(
    project: Project, run: record.NewestRun | None, states: Sequence[ShotState]
) -> dict[str, Any]:
    """Describe the newest run: the fields of the status that are about it."""
    if run is None:
        return {}
    if run.is_over:
        return {"run": "interrupted" if run.interrupted else "over", "began_at": run.began_at}
    pace = _measure_pace(project, run)
    return {
        "run": "running",
        "began_at": run.began_at,
        "eta_seconds": _estimate_time_left(states, pace),
        "quiet_seconds": _count_seconds_since(pace.last_event),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunPace:
    """The pace of a run: takes done, the first and the last of them, and the last event.

    Moments are UTC, ISO 8601.
    """

    takes: int
    first: str
    last: str
    last_event: str


def _measure_pace(project: Project, run: record.NewestRun) -> _RunPace:
    ((takes, first, last, last_event),) = run_query(project.store, PACE, [run.began_at]).rows
    return _RunPace(
        takes=takes, first=first or "", last=last or "", last_event=last_event or run.began_at
    )


def _estimate_time_left(states: Sequence[ShotState], pace: _RunPace) -> float | None:
    """Estimate the seconds left at the pace of the run so far."""
    left = sum(entry.state in ("queued", "running") for entry in states)
    if pace.takes < 2 or not left:
        return None
    first, last = (datetime.datetime.fromisoformat(moment) for moment in (pace.first, pace.last))
    return (last - first).total_seconds() / (pace.takes - 1) * left


def _count_seconds_since(moment: str) -> float:
    now = datetime.datetime.now(datetime.UTC)
    return (now - datetime.datetime.fromisoformat(moment)).total_seconds()


def _describe_worker(entry: ShotState) -> dict[str, str]:
    return {
        "worker": entry.worker,
        "number": entry.shot.number,
        "shot_id": entry.shot.shot_id,
        "since": entry.since,
    }


def _list_last_errors(states: Sequence[ShotState]) -> tuple[dict[str, str], ...]:
    failed = sorted(
        (entry for entry in states if entry.state == "failed"), key=lambda entry: entry.since
    )
    return tuple(
        {
            "number": entry.shot.number,
            "error": entry.error,
            "reason": entry.reason.split("\n")[0],
            "at": entry.since,
        }
        for entry in failed[-LAST_ERRORS:]
    )


def _list_versions(project: Project) -> tuple[dict[str, Any], ...]:
    """List all versions, with their waivers and for whom they were purged, None if neither."""
    versions = _query_rows(project, VERSIONS)
    rows = project.store.read(Event, name=[WAIVED, PURGED]) if versions else []
    events = [(row, row.detail_values) for row in sorted(rows, key=lambda row: row.happened_at)]
    for version in versions:
        name = version["version"]
        waived = [
            f"{detail['check']} by {row.actor}: {detail['reason']}"
            for row, detail in events
            if row.name == WAIVED and row.subject == name
        ]
        purged = [
            row.subject
            for row, detail in events
            if row.name == PURGED and name in detail["versions"]
        ]
        version |= {"waived": "; ".join(waived) or None, "purged": purged[-1] if purged else None}
    return versions


def _query_rows(project: Project, sql: str) -> tuple[dict[str, Any], ...]:
    answer = run_query(project.store, sql)
    return tuple(dict(zip(answer.columns, row, strict=True)) for row in answer.rows)
