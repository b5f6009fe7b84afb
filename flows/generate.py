# SPDX-License-Identifier: Apache-2.0
"""The generate step: the shots whose takes are not done go to the farm; what comes back is recorded as it comes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from flows.farm.pool import FarmSettings, make_takes
from flows.farm.worker import Failure, Job
from flows.film import Film, done
from flows.progress import reporter
from manifests.events import EventLog, RowLog
from manifests.rows import Recording, Reject, Shot, Take


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """The takes of the cut, which of them were made now, and what failed."""

    takes: list[Take]
    made: int
    rejects: list[Reject]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """Where results go: takes, what became of each shot, and failures."""

    takes: RowLog[Take]
    events: EventLog
    failures: list[Failure]
    count: Iterator[int]
    total: int

    def started(self, shot: Shot, worker: str) -> None:
        """A shot went to a worker."""
        self.events.log("running", shot.shot_id, detail=worker)

    def ended(self, result: Take | Failure) -> None:
        """A shot came back, one way or the other."""
        if isinstance(result, Take):
            self.takes.add(result)
            self.events.log("done", result.shot_id, detail=result.worker)
        else:
            self.failures.append(result)
            self.events.log("failed", result.shot_id, detail=result.reason)
        reporter().count(next(self.count), self.total)


def generate(
    film: Film, shots: Sequence[Shot], recordings: Sequence[Recording], *, run_id: str, farm: FarmSettings
) -> Generated:
    """Make what is missing. Shots of the same identity (a repeat of the same moment) are made once."""
    standing = done(film, shots)
    missing = list({shot.shot_id: shot for shot in shots if shot.shot_id not in standing}.values())
    job = Job(
        folder=film.folder.resolve(),
        root=film.root,
        recordings=tuple(recordings),
        talker=film.production.talker,
        settings=film.talker_settings,
        run_id=run_id,
    )
    with _recording(film, run_id, total=len(missing)) as record:
        for shot in missing:
            record.events.log("queued", shot.shot_id)
        make_takes(missing, job=job, settings=farm, on_result=record.ended, on_start=record.started)
    rejects = [
        Reject(run_id=run_id, stage="generate", subject=_number(shots, f), kind=f.kind, reason=f.reason)
        for f in record.failures
    ]
    film.store.append(rejects)
    takes = list(done(film, shots).values())
    return Generated(takes=takes, made=len(missing) - len(rejects), rejects=rejects)


@contextmanager
def _recording(film: Film, run_id: str, *, total: int) -> Iterator[_Record]:
    with RowLog[Take](film.store) as takes, EventLog(film.store, actor="farm", run_id=run_id) as events:
        yield _Record(takes=takes, events=events, failures=[], count=itertools.count(1), total=total)


def _number(shots: Sequence[Shot], failure: Failure) -> str:
    return next(shot.number for shot in shots if shot.shot_id == failure.shot_id)
