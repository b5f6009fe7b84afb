# SPDX-License-Identifier: Apache-2.0
"""Show the status of a production, once or until its run is over.

With `--watch`, it is drawn again and again on a terminal; elsewhere, each change is one line.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flows.project import Project, open_project
from flows.view.production_status import Status, read_status
from flows.view.screen import DONE, SOME_FAILED, complain, say, say_json
from manifests.plurals import count_nouns

EVERY_SECONDS = 1.0
QUIET_SECONDS = 600.0  # a run without events for this long may be dead
STOPPED = (
    "the run that began at {} UTC was stopped or failed; `callsheet render` continues from there"
)


def show_status(folder: Path, *, out: Path | None, watch: bool = False, as_json: bool) -> int:
    """Print the status of a production, once or until its run is over."""
    project = open_project(folder, out)
    now = read_status(project)
    if as_json:
        say_json(asdict(now))
    elif watch and sys.stdout.isatty():
        now = _draw(project, now)
    elif watch:
        now = _print_changes(project, now)
    else:
        for line in format_status(now):
            say(line)
    return SOME_FAILED if now.failures else DONE


def format_status(now: Status) -> list[str]:
    """Format the status for people, one line for each fact."""
    shots, takes = count_nouns(now.shots, "shot"), count_nouns(now.takes_done, "take")
    lines = [f"{now.title}: {shots}, {takes} done, {now.seconds:.1f} s"]
    states = [f"{count} {state}" for state, count in [*now.states.items(), *now.marks.items()]]
    lines += [f"  {', '.join(states)}"] if states else []
    lines += [f"  {_describe_progress(now)}"] if not now.is_over else []
    lines += [f"  {STOPPED.format(now.began_at[11:19])}"] if now.run == "interrupted" else []
    lines += [
        f"  {row['worker']}: {row['number']} since {row['since'][11:19]} UTC" for row in now.workers
    ]
    lines += [f"  last error: {e['number']}: {e['error']}: {e['reason']}" for e in now.errors]
    lines += [f"  damaged: made again: {', '.join(now.damaged)}"] if now.damaged else []
    lines += [f"  {_describe_version(version)}" for version in now.versions]
    return lines + [f"  failed: {row['subject']}: {row['reason']}" for row in now.failures]


def _describe_version(version: dict[str, Any]) -> str:
    files = count_nouns(version["files"], "file")
    failed = count_nouns(version["fails"], "failed check")
    warnings = count_nouns(version["warns"], "warning")
    marks = f", marked {version['marks']}" if version["marks"] else ""
    waived = f", waived {version['waived']}" if version["waived"] else ""
    purged = f", purged for {version['purged']}" if version["purged"] else ""
    return f"{version['version']}: {files}, {failed}, {warnings}{marks}{waived}{purged}"


def _describe_progress(now: Status) -> str:
    left = "" if now.eta_seconds is None else f", about {now.eta_seconds:.0f} s left"
    quiet = now.quiet_seconds or 0.0
    minutes = f"no event for {quiet / 60:.0f} minutes"
    dead = f"; {minutes}, so it may have died" if quiet > QUIET_SECONDS else ""
    return f"running since {now.began_at[11:19]} UTC{left}{dead}"


def _draw(project: Project, now: Status) -> Status:
    from rich.live import Live
    from rich.text import Text

    with Live(Text("\n".join(format_status(now))), auto_refresh=False) as live:
        last = now
        for last in _watch(project, now):
            live.update(Text("\n".join(format_status(last))), refresh=True)
    return last


def _print_changes(project: Project, now: Status) -> Status:
    """Print a line for each change until the run is over."""
    printed, last = "", now
    for last in _watch(project, now):
        states = ", ".join(f"{count} {state}" for state, count in last.states.items())
        if states != printed:
            takes = count_nouns(last.shots, "take")
            say(f"{last.takes_done} of {takes} done; {states}")
            printed = states
    for line in format_status(last):
        say(line)
    return last


def _watch(project: Project, now: Status) -> Iterator[Status]:
    """Read one status after another until the run is over, or Ctrl-C is pressed."""
    yield now
    try:
        while not now.is_over:
            time.sleep(EVERY_SECONDS)
            now = read_status(project)
            yield now
    except KeyboardInterrupt:
        complain("no longer watching; the run continues")
