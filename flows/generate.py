# SPDX-License-Identifier: Apache-2.0
"""Generate takes: send shots without a finished take to the farm and record the results.

Results are recorded as they arrive.
"""

from __future__ import annotations

import datetime
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from flows import intact
from flows.disk import detect_full_disk
from flows.farm import shared
from flows.farm.farm_settings import FarmCallbacks, FarmResult, FarmSettings
from flows.farm.pool import make_takes
from flows.farm.ray_actor import FarmJob, Loader, ShotFailure
from flows.farm.steering import Steer, no_steering
from flows.ledger.slates import make_slates
from flows.progress import get_reporter
from flows.project import Project, commit_orphans, find_done_takes, list_take_files
from manifests import layout
from manifests.events import EventLog, RowLog
from manifests.rows import Recording, Shot, Take
from manifests.run_rows import Reject
from model import talkers
from pipeline.render.slate import SLATE
from pipeline.storage import Storage

DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationResult:
    """Takes of the cut, how many of them were made now, and what failed.

    `left`: numbers of the shots that were neither made nor failed, because they are held or the
    farm `stopped` (a `policy.Stop`, explained by `note`). `seconds`: worker time spent.
    """

    takes: list[Take]
    made: int
    rejects: list[Reject]
    left: list[str] = field(default_factory=list)
    stopped: str = ""
    note: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Farm:
    """How this run makes takes: the farm's settings, its steering, and the talker's loader."""

    settings: FarmSettings = field(default_factory=FarmSettings)
    steer: Steer = no_steering
    load: Loader = talkers.load


@dataclass(frozen=True, slots=True, kw_only=True)
class _ResultLog:
    """Record of a run's results: takes, events of each shot, and failures by shot."""

    run_id: str
    takes: RowLog[Take]
    events: EventLog
    failures: dict[str, ShotFailure]
    count: Iterator[int]
    total: int

    def log_event(self, name: str, shot: Shot, detail: str) -> None:
        """Record an event of a shot."""
        if name == "running":
            self.failures.pop(shot.shot_id, None)  # somebody wanted it tried again
        self.events.log(name, shot.shot_id, detail=detail)

    def add_result(self, result: Take | ShotFailure) -> None:
        """Record the take or the failure of a shot, and report progress."""
        if isinstance(result, Take):
            self.takes.add(result)
            self.events.log("done", result.shot_id, detail=result.worker)
        else:
            self.failures[result.shot_id] = result
            self.events.log("failed", result.shot_id, detail=f"{result.kind}: {result.reason}")
        get_reporter().count(next(self.count), self.total)


def merge_farm_settings(
    project: Project,
    *,
    address: str = "",
    workers: int = 0,
    until: float = 0.0,
    budget_seconds: float = 0.0,
) -> FarmSettings:
    """Combine the production's farm settings with those of this run.

    `until` is in seconds since 1970. The earlier deadline and the smaller budget apply.
    """
    farm = project.production.farm
    deadlines = [
        moment for moment in (until, find_next_moment(farm.deadline, now=time.time())) if moment
    ]
    budgets = [budget for budget in (budget_seconds, farm.budget_seconds) if budget]
    return FarmSettings(
        address=address,
        workers=workers or farm.workers,
        attempts=farm.attempts,
        silence_seconds=farm.silence_seconds,
        stop_after_failures=farm.stop_after_failures,
        budget_seconds=min(budgets, default=0.0),
        deadline=min(deadlines, default=0.0),
    )


def find_next_moment(clock: str, *, now: float) -> float:
    """Find the next time that a UTC clock shows `HH:MM`.

    Returns seconds since 1970, or 0 for "".

    >>> find_next_moment("06:00", now=0.0), find_next_moment("00:00", now=0.0)
    (21600.0, 86400.0)
    """
    if not clock:
        return 0.0
    time_of_day = datetime.time.fromisoformat(clock)
    today = datetime.datetime.fromtimestamp(now, datetime.UTC)
    moment = today.replace(
        hour=time_of_day.hour, minute=time_of_day.minute, second=0, microsecond=0
    ).timestamp()
    return moment if moment > now else moment + DAY_SECONDS


def generate(
    project: Project,
    shots: Sequence[Shot],
    recordings: Sequence[Recording],
    *,
    run_id: str,
    farm: Farm,
) -> GenerationResult:
    """Make the missing takes.

    Shots with the same identity (a repeat of the same moment) are made once.

    Raises:
        ToolError: Ray or the storage fails, or the disk is full.
    """
    with detect_full_disk(project):
        return _generate(project, shots, recordings, run_id=run_id, farm=farm)


def _generate(
    project: Project,
    shots: Sequence[Shot],
    recordings: Sequence[Recording],
    *,
    run_id: str,
    farm: Farm,
) -> GenerationResult:
    storage = Storage(project.production.storage.url) if project.production.storage.url else None
    _sweep(project)
    missing = _missing(project, shots, storage)
    with _recording(project, run_id, total=len(missing)) as record:
        for shot in missing:
            record.events.log("queued", shot.shot_id)
        slates = [shot for shot in missing if shot.talker == SLATE]
        make_slates(project, slates, recordings, run_id=run_id, on_take=record.add_result)
        ended = _make_groups(project, _by_talker(missing), recordings, farm=farm, record=record)
    _sweep(project)
    if storage is not None:
        shared.fetch_takes(storage, [shot.shot_id for shot in missing], root=project.root)
    takes = find_done_takes(project, shots)
    _seal_takes(project, takes.values())
    rejects = _build_rejects(shots, record)
    project.store.append(rejects)
    left = [shot.number for result in ended for shot in result.left]
    return GenerationResult(
        takes=list(takes.values()),
        made=len(missing) - len(rejects) - len(left),
        rejects=rejects,
        left=left,
        stopped=next((result.stopped for result in ended if result.stopped), ""),
        note=next((result.note for result in ended if result.stopped), ""),
        seconds=sum(result.seconds for result in ended),
    )


def _build_rejects(shots: Sequence[Shot], record: _ResultLog) -> list[Reject]:
    """Build the rows of the shots that failed."""
    return [
        Reject(
            run_id=record.run_id,
            stage="generate",
            subject=_number(shots, failure),
            kind=failure.kind,
            reason=failure.reason,
        )
        for failure in record.failures.values()
    ]


def _missing(project: Project, shots: Sequence[Shot], storage: Storage | None) -> list[Shot]:
    """Select shots without a finished take, each identity once.

    Takes that an earlier run left in the storage or without a row are adopted first.
    """
    _discard_damaged_takes(project, shots)
    standing = find_done_takes(project, shots)
    if storage is not None:
        absent = [shot.shot_id for shot in shots if shot.shot_id not in standing]
        standing |= {
            take.shot_id: take for take in shared.fetch_takes(storage, absent, root=project.root)
        }
    commit_orphans(project, standing)
    return list({shot.shot_id: shot for shot in shots if shot.shot_id not in standing}.values())


def _discard_damaged_takes(project: Project, shots: Sequence[Shot]) -> None:
    """Read the takes of a cut, and delete those that are not as they were made."""
    ids = dict.fromkeys(shot.shot_id for shot in shots)
    takes = project.store.find_rows(Take, "shot_id", ids)
    digests = {take.path: take.media_digest for take in takes}
    files = [name for take in takes for name in list_take_files(take)]
    for name in intact.discard_damaged(project.store, project.root, files, digests=digests):
        media = project.root / layout.take_file(layout.identity_of(name))
        media.unlink(missing_ok=True)  # a take without its matte is none


def _seal_takes(project: Project, takes: Iterable[Take]) -> None:
    files = [name for take in takes for name in list_take_files(take)]
    intact.seal_files(project.store, project.root, files)


def _by_talker(shots: Sequence[Shot]) -> list[list[Shot]]:
    """Group shots by talker, in order of first appearance; slates are left out."""
    groups: dict[str, list[Shot]] = {}
    for shot in shots:
        if shot.talker != SLATE:
            groups.setdefault(shot.talker, []).append(shot)
    return list(groups.values())


def _job(
    project: Project, shots: Sequence[Shot], recordings: Sequence[Recording], *, run_id: str
) -> FarmJob:
    """Describe the farm's job for the shots of one talker; upload inputs to the storage."""
    url = project.production.storage.url
    folder, root = project.folder.resolve(), project.root
    job = FarmJob(
        folder=folder,
        root=root,
        recordings=tuple(recordings),
        talker=shots[0].talker,
        settings=project.resolve_talker_settings(shots[0].talker),
        run_id=run_id,
    )
    if not url:
        return job
    portraits = shared.send_inputs(Storage(url), shots, recordings, folder=folder, root=root)
    return replace(job, storage=url, portraits=portraits)


def _make_groups(
    project: Project,
    groups: Sequence[Sequence[Shot]],
    recordings: Sequence[Recording],
    *,
    farm: Farm,
    record: _ResultLog,
) -> list[FarmResult]:
    """Make the takes of one talker after another.

    When the farm stops during a group, the groups after it do not start.
    """
    hooks = FarmCallbacks(result=record.add_result, event=record.log_event, steer=farm.steer)
    ended: list[FarmResult] = []
    for shots in groups:
        before = ended[-1] if ended else FarmResult()
        if before.stopped:
            ended.append(FarmResult(left=tuple(shots), stopped=before.stopped, note=before.note))
            continue
        spent = sum(result.seconds for result in ended)
        settings = replace(farm.settings, budget_seconds=compute_budget_left(farm.settings, spent))
        job = replace(_job(project, shots, recordings, run_id=record.run_id), load=farm.load)
        ended.append(make_takes(shots, job=job, settings=settings, hooks=hooks))
    return ended


def compute_budget_left(settings: FarmSettings, spent: float) -> float:
    """Subtract the worker seconds spent from the budget.

    The rest of a budget is never 0, because 0 means no budget.
    """
    return max(settings.budget_seconds - spent, 0.001) if settings.budget_seconds else 0.0


def _sweep(project: Project) -> None:
    """Remove half-written takes of killed writers.

    Safe because nothing else writes takes while a run holds the production.
    """
    folder = project.root / layout.TAKES
    for path in folder.glob(".*") if folder.is_dir() else ():
        path.unlink(missing_ok=True)


@contextmanager
def _recording(project: Project, run_id: str, *, total: int) -> Iterator[_ResultLog]:
    """Open the record for results while the block runs."""
    with (
        RowLog[Take](project.store) as takes,
        EventLog(project.store, actor="farm", run_id=run_id) as events,
    ):
        yield _ResultLog(
            run_id=run_id,
            takes=takes,
            events=events,
            failures={},
            count=itertools.count(1),
            total=total,
        )


def _number(shots: Sequence[Shot], failure: ShotFailure) -> str:
    """Find the number of the shot that failed."""
    return next(shot.number for shot in shots if shot.shot_id == failure.shot_id)
