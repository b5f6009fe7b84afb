# SPDX-License-Identifier: Apache-2.0
"""`status`: how every shot stands, who makes what since when, what is left, what failed last. From
the record alone, so from any machine.

With `--watch` it is shown again and again until the run is over: drawn on a terminal, one line a
change elsewhere.
"""

from __future__ import annotations

import datetime
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flows.ledger import record
from flows.ledger.shot_state import STATES, ShotState
from flows.project import Project, open_project
from flows.trust.consents import PURGED
from flows.trust.waivers import WAIVED
from flows.view.screen import DONE, SOME_FAILED, complain, say, say_json
from manifests.query import run_query
from manifests.rows import Shot, Take
from manifests.run_rows import Event

EVERY_SECONDS = 1.0
QUIET_SECONDS = 600.0  # after so long without a word a run that did not end is perhaps dead
LAST_ERRORS = 5
STOPPED = "the run that began at {} UTC was stopped or failed before its end; `callsheet render` goes on from there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One look at a production. `states`: shots in each; `workers`: who makes which shot since when
    (UTC); `errors`: the last ones.

    `run`: the newest one is `running`, `over` or `interrupted` (it ended without a word), "" before
    the first.

    `eta_seconds`: what is left, by the pace of the newest run; None when nothing runs or nothing is
    done yet. `quiet_seconds`: since the farm last said something.
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

    @property
    def is_over(self) -> bool:
        """Whether nobody works on it."""
        return self.run != "running"


def show_status(folder: Path, *, out: Path | None, watch: bool = False, as_json: bool) -> int:
    """Print how the production stands, once or until its run is over."""
    project = open_project(folder, out)
    now = read_status(project)
    if as_json:
        say_json(asdict(now))
    elif watch and sys.stdout.isatty():
        now = _draw(project, now)
    elif watch:
        now = _tell_changes(project, now)
    else:
        for line in format_status(now):
            say(line)
    return SOME_FAILED if now.failures else DONE


def read_status(project: Project) -> Status:
    """What the record says now."""
    project = replace(project, store=project.store.pin_tables())
    store = project.store
    shots = store.read_current(Shot)
    done = store.find_keys(Take, "shot_id", [shot.shot_id for shot in shots])
    run = record.find_newest_run(project)
    ledger = record.read_run_states(project, shots, run=run, done=done)
    counts, marks = (
        Counter(entry.state for entry in ledger),
        Counter(m for entry in ledger for m in entry.marks),
    )
    pace = _pace(project, run) if run is not None and not run.is_over else None
    return Status(
        title=project.production.title,
        episode=project.production.episode,
        shots=len(shots),
        takes_done=sum(entry.has_take for entry in ledger),
        seconds=float(
            sum(shot.end_frame - shot.start_frame for shot in shots if not shot.layer)
            / shots[0].rate
        )
        if shots
        else 0.0,
        states={state: counts[state] for state in STATES if counts[state]},
        marks=dict(marks),
        run=""
        if run is None
        else "running"
        if pace
        else "interrupted"
        if run.interrupted
        else "over",
        began_at=run.began_at if run else "",
        eta_seconds=_eta(ledger, pace) if pace else None,
        quiet_seconds=_quiet(pace.last_word) if pace else None,
        workers=tuple(_worker(entry) for entry in ledger if entry.state == "running"),
        errors=_last_errors(ledger),
        versions=_versions(project),
        failures=_dicts(project, FAILURES),
    )


VERSIONS = (
    "SELECT version, count(DISTINCT path) AS files,"
    " (SELECT count(*) FROM checks c WHERE c.version = d.version AND verdict = 'fail') AS fails,"
    " (SELECT count(*) FROM checks c WHERE c.version = d.version AND verdict = 'warn') AS warns,"
    " (SELECT string_agg(name || ': ' || value, '; ') FROM checks c WHERE c.version = d.version"
    " AND name IN ('slates', 'talkers')) AS marks"
    " FROM deliverables d GROUP BY version ORDER BY version"
)
PACE = (
    "SELECT count(*) FILTER (name = 'done'), min(happened_at) FILTER (name = 'done'), max(happened_at) FILTER (name = 'done'),"
    " max(happened_at) FROM events WHERE happened_at >= ?"
)
FAILURES = "SELECT subject, reason FROM rejects WHERE run_id = (SELECT arg_max(run_id, finished_at) FROM runs)"


def format_status(now: Status) -> list[str]:
    """The look for people, one line a fact."""
    said = [f"{now.title}: {now.shots} shots, {now.takes_done} takes done, {now.seconds:.1f} s"]
    states = [f"{count} {state}" for state, count in [*now.states.items(), *now.marks.items()]]
    said += [f"  {', '.join(states)}"] if states else []
    said += [f"  {_progress(now)}"] if not now.is_over else []
    said += [f"  {STOPPED.format(now.began_at[11:19])}"] if now.run == "interrupted" else []
    said += [
        f"  {one['worker']}: {one['number']} since {one['since'][11:19]} UTC" for one in now.workers
    ]
    said += [
        f"  last error: {one['number']}: {one['error']}: {one['reason']}" for one in now.errors
    ]
    for version in now.versions:
        marks = f", marked {version['marks']}" if version["marks"] else ""
        checks = f"{version['files']} files, {version['fails']} failed checks, {version['warns']} warnings"
        waived = f", waived {version['waived']}" if version["waived"] else ""
        purged = f", purged for {version['purged']}" if version["purged"] else ""
        said.append(f"  {version['version']}: {checks}{marks}{waived}{purged}")
    return said + [f"  failed: {one['subject']}: {one['reason']}" for one in now.failures]


def _progress(now: Status) -> str:
    left = "" if now.eta_seconds is None else f", about {now.eta_seconds:.0f} s left"
    quiet = now.quiet_seconds or 0.0
    dead = (
        f"; no word for {quiet / 60:.0f} minutes: it may have died" if quiet > QUIET_SECONDS else ""
    )
    return f"running since {now.began_at[11:19]} UTC{left}{dead}"


def _draw(project: Project, now: Status) -> Status:
    from rich.live import Live
    from rich.text import Text

    with Live(Text("\n".join(format_status(now))), auto_refresh=False) as live:
        last = now
        for last in _looks(project, now):
            live.update(Text("\n".join(format_status(last))), refresh=True)
    return last


def _tell_changes(project: Project, now: Status) -> Status:
    told, last = "", now
    for last in _looks(project, now):
        states = ", ".join(f"{count} {state}" for state, count in last.states.items())
        if states != told:
            say(f"{last.takes_done} of {last.shots} takes done; {states}")
            told = states
    for line in format_status(last):
        say(line)
    return last


def _looks(project: Project, now: Status) -> Iterator[Status]:
    """One look after another until the run is over or the one who looks has enough."""
    yield now
    try:
        while not now.is_over:
            time.sleep(EVERY_SECONDS)
            now = read_status(project)
            yield now
    except KeyboardInterrupt:
        complain("no longer watching; the run goes on")


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunPace:
    """How a run goes: takes made, when the first and the last of them was, and when anything was
    last said (UTC, ISO 8601).
    """

    made: int
    first: str
    last: str
    last_word: str


def _pace(project: Project, run: record.NewestRun) -> _RunPace:
    ((made, first, last, last_word),) = run_query(project.store, PACE, [run.began_at]).rows
    return _RunPace(
        made=made, first=first or "", last=last or "", last_word=last_word or run.began_at
    )


def _eta(ledger: Sequence[ShotState], pace: _RunPace) -> float | None:
    """Seconds left by the pace of the run so far."""
    left = sum(entry.state in ("queued", "running") for entry in ledger)
    if pace.made < 2 or not left:
        return None
    first, last = (datetime.datetime.fromisoformat(moment) for moment in (pace.first, pace.last))
    return (last - first).total_seconds() / (pace.made - 1) * left


def _quiet(last: str) -> float:
    return (
        datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(last)
    ).total_seconds()


def _worker(entry: ShotState) -> dict[str, str]:
    return {
        "worker": entry.worker,
        "number": entry.shot.number,
        "shot_id": entry.shot.shot_id,
        "since": entry.since,
    }


def _last_errors(ledger: Sequence[ShotState]) -> tuple[dict[str, str], ...]:
    failed = sorted(
        (entry for entry in ledger if entry.state == "failed"), key=lambda entry: entry.since
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


def _versions(project: Project) -> tuple[dict[str, Any], ...]:
    """All versions, with what people waived of them and for whom they were purged, each None when
    nothing was.
    """
    versions = _dicts(project, VERSIONS)
    said = project.store.read(Event, name=[WAIVED, PURGED]) if versions else []
    told = [(row, row.detail_values) for row in sorted(said, key=lambda row: row.happened_at)]
    for version in versions:
        name = version["version"]
        waived = [
            f"{detail['check']} by {row.actor}: {detail['reason']}"
            for row, detail in told
            if row.name == WAIVED and row.subject == name
        ]
        purged = [
            row.subject for row, detail in told if row.name == PURGED and name in detail["versions"]
        ]
        version |= {"waived": "; ".join(waived) or None, "purged": purged[-1] if purged else None}
    return versions


def _dicts(project: Project, sql: str) -> tuple[dict[str, Any], ...]:
    answer = run_query(project.store, sql)
    return tuple(dict(zip(answer.columns, row, strict=True)) for row in answer.rows)
