# SPDX-License-Identifier: Apache-2.0
"""A record that is 400 nights old: made by script, then asked for its current state and for reports of all time.

Every night writes what a run writes (a cut of which a tenth is new, a take for each shot, the farm's events, a run), in batches as
Arrow tables, and keeps the record as a run does at its end. Printed: what a night costs when the record is young and when it is old.
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
from deltalake import write_deltalake

from manifests import upkeep
from manifests.report import query
from manifests.rows import Event, Row, Run, Shot, Take
from manifests.schema import arrow_schema, table_name
from manifests.store import PARTITIONS, Store, event

FIRST_NIGHT = datetime.datetime(2026, 1, 1, 22, tzinfo=datetime.UTC)
COMMITS = 8  # of takes and of events a night; a farm commits once a second, this keeps the making of the record short
REPORTS = {
    "takes, seconds and worker hours by talker": "SELECT talker, count(*), sum(seconds), sum(wall_seconds) / 3600 FROM takes GROUP BY 1",
    "nights, takes and failures": "SELECT count(*), sum(takes_made), sum(rejects) FROM runs",
    "events by name": "SELECT name, count(*) FROM events GROUP BY 1",
    "slowest workers": "SELECT worker, avg(wall_seconds / frames) FROM takes GROUP BY 1 ORDER BY 2 DESC LIMIT 5",
}


def nights(root: Path, *, nights: int, shots: int) -> None:
    """Make the record, print how a night's cost grew, then the current state and the reports."""
    store, random = Store(root / "manifests"), np.random.default_rng(1)
    cut = _hexes(random, shots)
    costs: list[tuple[float, float]] = []
    for night in range(nights):
        changed = random.choice(shots, shots // 10, replace=False)
        for index, fresh in zip(changed, _hexes(random, len(changed)), strict=True):
            cut[index] = fresh
        tables = _night(random, cut, night)
        wall, cpu = time.perf_counter(), time.process_time()
        _write(store, tables, night, shots)
        costs.append((time.perf_counter() - wall, time.process_time() - cpu))
        if night % 20 == 0:
            print(f"night {night + 1}: {costs[-1][0]:.2f} s, CPU {costs[-1][1]:.2f} s", flush=True)
    first, last = costs[1:21], costs[-20:]
    for name, part in (("first 20 nights after the first", first), ("last 20 nights", last)):
        wall, cpu = (statistics.median(cost[index] for cost in part) for index in (0, 1))
        most = max(cost[1] for cost in part)
        print(f"a night, {name}: median {wall:.2f} s, CPU {cpu:.2f} s, at most CPU {most:.2f} s (files are joined)")
    ask(root)


def ask(root: Path) -> None:
    """Print what the current state and the reports of all time take."""
    from flows.film import Film
    from flows.watch import look
    from pipeline.production import Production

    production = Production(title="old", recordings=["none.wav"], folder=root)
    film = Film(production=production, root=root, store=Store(root / "manifests"))
    look(film)  # imports and the file system's cache
    wall, cpu = time.perf_counter(), time.process_time()
    now = look(film)
    print(
        f"current state: {time.perf_counter() - wall:.2f} s, CPU {time.process_time() - cpu:.2f} s: "
        f"{now.shots} shots, {now.takes_done} done, {now.states}"
    )
    for name, sql in REPORTS.items():
        wall, cpu = time.perf_counter(), time.process_time()
        answer = query(film.store, sql)
        seconds = time.perf_counter() - wall
        print(f"{name}: {seconds:.2f} s, CPU {time.process_time() - cpu:.2f} s: {answer.rows[0]}")
    for kind in (Take, Event, Shot, Run):
        print(f"{table_name(kind)}: {len(film.store.files(kind))} files")


def _write(store: Store, tables: dict[type[Row], pa.Table], night: int, shots: int) -> None:
    """What a run commits: the cut, takes and events in batches, the run, then upkeep."""
    snapshot = uuid.uuid4().hex
    cut = tables[Shot]
    cut = cut.set_column(cut.schema.get_field_index("snapshot"), "snapshot", pa.array([snapshot] * cut.num_rows))
    _append(store, Shot, cut.cast(arrow_schema(Shot)))
    run_id = f"night {night:04}"
    store.append([event("snapshot", table_name(Shot), actor="callsheet", detail=snapshot)])
    store.append([event("run", run_id, actor="callsheet")])
    size = -(-shots // COMMITS)
    for start in range(0, shots, size):
        _append(store, Event, tables[Event].slice(3 * start, 3 * size))
        _append(store, Take, tables[Take].slice(start, size))
    moment = datetime.datetime.now(datetime.UTC).isoformat()
    store.append(
        [
            Run(run_id=run_id, flow="episode", version=f"v{night:03}", outcome="done", started_at=moment, finished_at=moment,
                shots=shots, takes_made=shots, takes_cached=0, rejects=0)
        ]
    )  # fmt: skip
    upkeep.maintain(store, keep_hours=1)


def _append(store: Store, kind: type[Row], table: pa.Table) -> None:
    fresh = not store.files(kind)
    write_deltalake(
        store.uri(kind), table, mode="append", schema_mode="merge", partition_by=PARTITIONS.get(kind) if fresh else None
    )


def _night(random: np.random.Generator, cut: list[str], night: int) -> dict[type[Row], pa.Table]:
    """The tables of one night, a take and three events for each shot."""
    count, run_id = len(cut), f"night {night:04}"
    workers = [f"host{index % 8}/{1000 + index % 8}" for index in range(count)]
    numbers = [f"sc{index // 40 + 1:02}_sh{index % 40 + 1:02}0" for index in range(count)]
    shots = {"shot_id": cut, "number": numbers, "order": range(count), "start_frame": range(0, 50 * count, 50),
             "end_frame": range(50, 50 * count + 50, 50), "rate_num": [25] * count, "rate_den": [1] * count,
             "character": ["MARA", "HENRIK"] * (count // 2), "audio_digest": _hexes(random, count), "layer": [0] * count,
             "performance": ["[[0,0,0,0,0,0,1,0,0]]"] * count, "line_ids": numbers}  # fmt: skip
    takes = {"shot_id": cut, "path": [f"media/takes/{name}.mkv" for name in cut], "media_digest": _hexes(random, count),
             "frames": [50] * count, "rate_num": [25] * count, "rate_den": [1] * count, "talker": ["previs"] * count,
             "label": ["previs"] * count, "worker": workers, "run_id": [run_id] * count,
             "wall_seconds": np.round(random.uniform(1, 4, count), 3)}  # fmt: skip
    names = [name for _ in range(count) for name in ("queued", "running", "done")]
    moment = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
    events = {"event_id": _hexes(random, 3 * count), "happened_at": [moment] * (3 * count), "name": names,
              "subject": [name for name in cut for _ in range(3)], "actor": ["farm"] * (3 * count),
              "run_id": [run_id] * (3 * count), "detail": [worker for worker in workers for _ in range(3)]}  # fmt: skip
    return {Shot: _table(Shot, shots, count), Take: _table(Take, takes, count), Event: _table(Event, events, 3 * count)}


def _table(kind: type[Row], given: dict[str, Any], count: int) -> pa.Table:
    """Rows as Arrow: given columns, the rest empty."""
    empty = {pa.string(): "", pa.int64(): 1, pa.int16(): 1, pa.float64(): 0.5, pa.bool_(): False}
    now = datetime.datetime.now(datetime.UTC)
    columns = [
        pa.array(given[field.name], field.type)
        if field.name in given
        else pa.array([empty.get(field.type, now)] * count, field.type)
        for field in arrow_schema(kind)
    ]
    return pa.table(columns, schema=arrow_schema(kind))


def _hexes(random: np.random.Generator, count: int) -> list[str]:
    """So many identities."""
    text = random.bytes(16 * count).hex()
    return [text[index : index + 32] for index in range(0, 32 * count, 32)]
