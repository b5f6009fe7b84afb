# SPDX-License-Identifier: Apache-2.0
"""Make a record that is 400 nights old, and query its current state and reports of all time.

Every night writes what a run writes (a cut of which a tenth is new, a take for each shot, the
farm's events, a run), in batches as Arrow tables, and maintains the record as a run does at its
end. It prints the cost of a night when the record is young and when it is old.
"""

from __future__ import annotations

import datetime
import statistics
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests import upkeep
from manifests.query import run_query
from manifests.rows import Row, Shot, Take
from manifests.run_rows import Event, Run, new_event
from manifests.schema import arrow_schema, table_name
from manifests.store import Store

MEASURED = 24  # nights: events are joined every three, takes every eight, and both in one of these
IN_A_FILE = 6  # nights whose takes a file of upkeep (16 MB) holds
# of takes and of events a night; a farm commits once a second, this keeps the making of the record
# short
COMMITS = 8
REPORTS = {
    "takes, seconds and worker hours by talker": (
        "SELECT talker, count(*), sum(seconds), sum(wall_seconds) / 3600 FROM takes GROUP BY 1"
    ),
    "nights, takes and failures": "SELECT count(*), sum(takes_made), sum(rejects) FROM runs",
    "events by name": "SELECT name, count(*) FROM events GROUP BY 1",
    "slowest workers": (
        "SELECT worker, avg(wall_seconds / frames) FROM takes GROUP BY 1 ORDER BY 2 DESC LIMIT 5"
    ),
}


def measure_nights(root: Path, *, nights: int, shots: int) -> None:
    """Make the record; print the cost of young and old nights, the current state and the reports.

    The nights between are written as upkeep leaves them: in files of many nights, the cut of each
    night by itself.
    """
    store, random = Store(root / "manifests"), np.random.default_rng(1)
    cut, costs = _draw_identities(random, shots), dict[int, tuple[float, float]]()
    night = 0
    while night < nights:
        block = min(IN_A_FILE, nights - MEASURED - night)
        if night < MEASURED or block <= 0:
            costs[night] = _write_night(store, random, cut, night)
            night += 1
        else:
            _lay_down(store, random, cut, range(night, night + block))
            night += block
        if night % 20 == 0:
            print(f"{night} nights", flush=True)
    for name, part in (
        ("a young", range(1, MEASURED)),
        ("an old", range(nights - MEASURED, nights)),
    ):
        wall, cpu = (statistics.median(costs[night][index] for night in part) for index in (0, 1))
        mean, most = (
            statistics.fmean(costs[night][1] for night in part),
            max(costs[night][1] for night in part),
        )
        print(
            f"a night of {name} record: median {wall:.2f} s, CPU {cpu:.2f} s;"
            f" with nights in which files are joined: mean CPU {mean:.2f} s, at most {most:.2f} s"
        )
    measure_queries(root)


def _write_night(
    store: Store, random: np.random.Generator, cut: list[str], night: int
) -> tuple[float, float]:
    """Write a night as a run does; return wall and CPU seconds of writing it."""
    begun = _make_run_event(night)  # what is committed from now on was said in this run
    tables = _make_tables(random, cut, night)
    wall, cpu = time.perf_counter(), time.process_time()
    _write(store, tables, begun, _make_run(night, len(cut)))
    return time.perf_counter() - wall, time.process_time() - cpu


def _lay_down(store: Store, random: np.random.Generator, cut: list[str], several: range) -> None:
    takes, events, runs = [], [], []
    for night in several:
        tables = _make_tables(random, cut, night)
        store.append_table(Shot, _as_snapshot(store, tables[Shot]))
        store.append([_make_run_event(night)])
        takes.append(tables[Take])
        events.append(tables[Event])
        runs.append(_make_run(night, len(cut)))
    store.append_table(Take, pa.concat_tables(takes))
    store.append_table(Event, pa.concat_tables(events))
    store.append(runs)
    upkeep.maintain_tables(store, keep_hours=1)


def _make_run_event(night: int) -> Event:
    """Make the event with which a run begins.

    The current state is everything since the last of them.
    """
    return new_event("run", f"night {night:04}", actor="callsheet")


def _as_snapshot(store: Store, cut: pa.Table) -> pa.Table:
    """Make the cut a current snapshot of its own."""
    snapshot = uuid.uuid4().hex
    store.append([new_event("snapshot", table_name(Shot), actor="callsheet", detail=snapshot)])
    column = pa.repeat(pa.scalar(snapshot), cut.num_rows)
    return cut.set_column(cut.schema.get_field_index("snapshot"), "snapshot", column).cast(
        arrow_schema(Shot)
    )


def _make_run(night: int, shots: int) -> Run:
    moment = datetime.datetime.now(datetime.UTC).isoformat()
    return Run(
        run_id=f"night {night:04}",
        flow="episode",
        version=f"v{night:03}",
        outcome="done",
        started_at=moment,
        finished_at=moment,
        shots=shots,
        takes_made=shots,
        takes_cached=0,
        rejects=0,
    )


def measure_queries(root: Path) -> None:
    """Print the cost of the current state and of the reports of all time."""
    from flows.project import Project
    from flows.view.production_status import read_status
    from pipeline.script.production import Production

    production = Production(title="old", recordings=["none.wav"], folder=root)
    film = Project(production=production, root=root, store=Store(root / "manifests"))
    read_status(film)  # imports and the file system's cache
    wall, cpu = time.perf_counter(), time.process_time()
    now = read_status(film)
    print(
        f"current state: {time.perf_counter() - wall:.2f} s, CPU {time.process_time() - cpu:.2f} "
        "s: "
        f"{now.shots} shots, {now.takes_done} done, {now.states}"
    )
    for name, sql in REPORTS.items():
        wall, cpu = time.perf_counter(), time.process_time()
        answer = run_query(film.store, sql)
        seconds = time.perf_counter() - wall
        print(f"{name}: {seconds:.2f} s, CPU {time.process_time() - cpu:.2f} s: {answer.rows[0]}")
    for kind in (Take, Event, Shot, Run):
        print(f"{table_name(kind)}: {len(film.store.list_files(kind))} files")


def _write(store: Store, tables: dict[type[Row], pa.Table], begun: Event, run: Run) -> None:
    """Commit what a run commits: the cut, takes and events in batches, the run, then upkeep."""
    store.append_table(Shot, _as_snapshot(store, tables[Shot]))
    store.append([begun])
    size = -(-run.shots // COMMITS)
    for start in range(0, run.shots, size):
        store.append_table(Event, tables[Event].slice(3 * start, 3 * size))
        store.append_table(Take, tables[Take].slice(start, size))
    store.append([run])
    upkeep.maintain_tables(store, keep_hours=1)


def _make_tables(
    random: np.random.Generator, cut: list[str], night: int
) -> dict[type[Row], pa.Table]:
    """Make the tables of one night.

    A tenth of the cut is new; each shot has a take and three events.
    """
    count, run_id = len(cut), f"night {night:04}"
    changed = random.choice(count, count // 10, replace=False)
    for index, fresh in zip(changed, _draw_identities(random, len(changed)), strict=True):
        cut[index] = fresh
    ids = pa.array(cut)
    workers = pa.array([f"host{index % 8}/{1000 + index % 8}" for index in range(count)])
    numbers = pa.array([f"sc{index // 40 + 1:02}_sh{index % 40 + 1:02}0" for index in range(count)])
    thrice = pa.array(np.repeat(np.arange(count), 3))
    shots = {
        "shot_id": ids,
        "number": numbers,
        "order": np.arange(count),
        "start_frame": np.arange(0, 50 * count, 50),
        "end_frame": np.arange(50, 50 * count + 50, 50),
        "rate_num": 25,
        "character": numbers,
        "layer": 0,
        "line_ids": numbers,
        "audio_digest": _draw_identities(random, count),
        "performance": "[[0,0,0,0,0,0,1,0,0]]",
    }
    takes = {
        "shot_id": ids,
        "path": pc.binary_join_element_wise("media/takes/", ids, ".mkv", ""),
        "frames": 50,
        "rate_num": 25,
        "media_digest": _draw_identities(random, count),
        "talker": "previs",
        "label": "previs",
        "worker": workers,
        "run_id": run_id,
        "wall_seconds": np.round(random.uniform(1, 4, count), 3),
    }
    events = {
        "event_id": _draw_identities(random, 3 * count),
        "name": pa.array(["queued", "running", "done"] * count),
        "actor": "farm",
        "happened_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds"),
        "run_id": run_id,
        "subject": ids.take(thrice),
        "detail": workers.take(thrice),
    }
    return {
        Shot: _make_table(Shot, shots, count),
        Take: _make_table(Take, takes, count),
        Event: _make_table(Event, events, 3 * count),
    }


def _make_table(kind: type[Row], columns_of: dict[str, Any], count: int) -> pa.Table:
    """Build rows as an Arrow table from columns, or one value for all; the rest is empty."""
    empty = {pa.string(): "", pa.int64(): 1, pa.int16(): 1, pa.float64(): 0.5, pa.bool_(): False}
    now = datetime.datetime.now(datetime.UTC)
    columns = []
    for field in arrow_schema(kind):
        value = columns_of.get(field.name, empty.get(field.type, now))
        whole = isinstance(value, pa.Array | np.ndarray | list)
        columns.append(
            pa.array(value, field.type) if whole else pa.repeat(pa.scalar(value, field.type), count)
        )
    return pa.table(columns, schema=arrow_schema(kind))


def _draw_identities(random: np.random.Generator, count: int) -> list[str]:
    """Draw `count` identities."""
    text = random.bytes(16 * count).hex()
    return [text[index : index + 32] for index in range(0, 32 * count, 32)]
