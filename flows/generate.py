# SPDX-License-Identifier: Apache-2.0
"""The generate step: the shots whose takes are not done go to the farm; what comes back is recorded
as it comes.
"""

from __future__ import annotations

import datetime
import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from flows.disk import full_disk_told
from flows.farm import shared
from flows.farm.pool import FarmCallbacks, FarmResult, FarmSettings, make_takes
from flows.farm.ray_actor import FarmJob, Loader, ShotFailure
from flows.farm.steering import Steer, no_steering
from flows.ledger.slates import make_slates
from flows.progress import reporter
from flows.project import Project, commit_orphans, done
from manifests import layout
from manifests.events import EventLog, RowLog
from manifests.rows import Recording, Shot, Take
from manifests.run_rows import Reject
from model import talkers
from pipeline.render.slate import SLATE
from pipeline.storage import Storage

DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """The takes of the cut, how many of them were made now, and what failed.

    `left`: numbers of the shots that were neither made nor failed, since they are held or the farm
    `stopped` (`policy.Stop`, `note` says more). `seconds` of worker time were spent.
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
    """How takes are made in this run: the pool's settings, what people want meanwhile, and what
    loads a talker.
    """

    settings: FarmSettings = field(default_factory=FarmSettings)
    steer: Steer = no_steering
    load: Loader = talkers.load


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """Where results go: takes, what became of each shot, and failures by shot."""

    run_id: str
    takes: RowLog[Take]
    events: EventLog
    failures: dict[str, ShotFailure]
    count: Iterator[int]
    total: int

    def said(self, name: str, shot: Shot, detail: str) -> None:
        """The farm says what happens to a shot."""
        if name == "running":
            self.failures.pop(shot.shot_id, None)  # somebody wanted it tried again
        self.events.log(name, shot.shot_id, detail=detail)

    def ended(self, result: Take | ShotFailure) -> None:
        """A shot came back, one way or the other."""
        if isinstance(result, Take):
            self.takes.add(result)
            self.events.log("done", result.shot_id, detail=result.worker)
        else:
            self.failures[result.shot_id] = result
            self.events.log("failed", result.shot_id, detail=f"{result.kind}: {result.reason}")
        reporter().count(next(self.count), self.total)


def farm_settings(
    project: Project,
    *,
    address: str = "",
    workers: int = 0,
    until: float = 0.0,
    budget_seconds: float = 0.0,
) -> FarmSettings:
    """What the production says of its farm, with what this run wants of it on top; `until` in
    seconds since 1970.
    """
    said = project.production.farm
    deadlines = [
        moment for moment in (until, next_moment(said.deadline, now=time.time())) if moment
    ]
    budgets = [budget for budget in (budget_seconds, said.budget_seconds) if budget]
    return FarmSettings(
        address=address,
        workers=workers or said.workers,
        attempts=said.attempts,
        silence_seconds=said.silence_seconds,
        stop_after_failures=said.stop_after_failures,
        budget_seconds=min(budgets, default=0.0),
        deadline=min(deadlines, default=0.0),
    )


def next_moment(clock: str, *, now: float) -> float:
    """The next time that a clock in UTC shows `HH:MM`, in seconds since 1970; 0 for "".

    >>> next_moment("06:00", now=0.0), next_moment("00:00", now=0.0)
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
) -> Generated:
    """Make what is missing. Shots of the same identity (a repeat of the same moment) are made once.

    Raises ToolError when Ray or the storage fails, or the disk is full where takes are not written
    by workers.
    """
    with full_disk_told(project):
        return _generate(project, shots, recordings, run_id=run_id, farm=farm)


def _generate(
    project: Project,
    shots: Sequence[Shot],
    recordings: Sequence[Recording],
    *,
    run_id: str,
    farm: Farm,
) -> Generated:
    storage = Storage(project.production.storage.url) if project.production.storage.url else None
    _sweep(project)
    missing = _missing(project, shots, storage)
    with _recording(project, run_id, total=len(missing)) as record:
        for shot in missing:
            record.events.log("queued", shot.shot_id)
        slates = [shot for shot in missing if shot.talker == SLATE]
        make_slates(project, slates, recordings, run_id=run_id, on_take=record.ended)
        ended = _make_groups(project, _by_talker(missing), recordings, farm=farm, record=record)
    _sweep(project)
    if storage is not None:
        shared.fetch_takes(storage, [shot.shot_id for shot in missing], root=project.root)
    rejects = [
        Reject(
            run_id=run_id, stage="generate", subject=_number(shots, f), kind=f.kind, reason=f.reason
        )
        for f in record.failures.values()
    ]
    project.store.append(rejects)
    left = [shot.number for one in ended for shot in one.left]
    return Generated(
        takes=list(done(project, shots).values()),
        made=len(missing) - len(rejects) - len(left),
        rejects=rejects,
        left=left,
        stopped=next((one.stopped for one in ended if one.stopped), ""),
        note=next((one.note for one in ended if one.stopped), ""),
        seconds=sum(one.seconds for one in ended),
    )


def _missing(project: Project, shots: Sequence[Shot], storage: Storage | None) -> list[Shot]:
    """Shots whose takes are not done, once each, after what a run before left behind was taken
    up.
    """
    standing = done(project, shots)
    if storage is not None:
        absent = [shot.shot_id for shot in shots if shot.shot_id not in standing]
        standing |= {
            take.shot_id: take for take in shared.fetch_takes(storage, absent, root=project.root)
        }
    commit_orphans(project, standing)
    return list({shot.shot_id: shot for shot in shots if shot.shot_id not in standing}.values())


def _by_talker(shots: Sequence[Shot]) -> list[list[Shot]]:
    """The shots of each talker, in order of their first."""
    groups: dict[str, list[Shot]] = {}
    for shot in shots:
        if shot.talker != SLATE:
            groups.setdefault(shot.talker, []).append(shot)
    return list(groups.values())


def _job(
    project: Project, shots: Sequence[Shot], recordings: Sequence[Recording], *, run_id: str
) -> FarmJob:
    url = project.production.storage.url
    folder, root = project.folder.resolve(), project.root
    job = FarmJob(
        folder=folder,
        root=root,
        recordings=tuple(recordings),
        talker=shots[0].talker,
        settings=project.settings_of(shots[0].talker),
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
    record: _Record,
) -> list[FarmResult]:
    """One talker's shots after another's on the farm; when one must stop, the next do not begin."""
    hooks = FarmCallbacks(result=record.ended, event=record.said, steer=farm.steer)
    ended: list[FarmResult] = []
    for shots in groups:
        before = ended[-1] if ended else FarmResult()
        if before.stopped:
            ended.append(FarmResult(left=tuple(shots), stopped=before.stopped, note=before.note))
            continue
        spent = sum(one.seconds for one in ended)
        settings = replace(farm.settings, budget_seconds=budget_left(farm.settings, spent))
        job = replace(_job(project, shots, recordings, run_id=record.run_id), load=farm.load)
        ended.append(make_takes(shots, job=job, settings=settings, hooks=hooks))
    return ended


def budget_left(settings: FarmSettings, spent: float) -> float:
    """What is left of a budget of worker seconds: never 0, which means that there is none."""
    return max(settings.budget_seconds - spent, 0.001) if settings.budget_seconds else 0.0


def _sweep(project: Project) -> None:
    """Remove what writers that were killed left half: nothing else writes while a run holds the
    production.
    """
    folder = project.root / layout.TAKES
    for path in folder.glob(".*") if folder.is_dir() else ():
        path.unlink(missing_ok=True)


@contextmanager
def _recording(project: Project, run_id: str, *, total: int) -> Iterator[_Record]:
    with (
        RowLog[Take](project.store) as takes,
        EventLog(project.store, actor="farm", run_id=run_id) as events,
    ):
        yield _Record(
            run_id=run_id,
            takes=takes,
            events=events,
            failures={},
            count=itertools.count(1),
            total=total,
        )


def _number(shots: Sequence[Shot], failure: ShotFailure) -> str:
    return next(shot.number for shot in shots if shot.shot_id == failure.shot_id)
