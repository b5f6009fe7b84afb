# SPDX-License-Identifier: Apache-2.0
"""Logs of events and rows that are committed in batches."""

from __future__ import annotations

import time
from pathlib import Path

from manifests.events import EventLog, RowLog
from manifests.run_rows import Event, new_event
from manifests.store import Store
from manifests.upkeep import MANY_FILES


def test_the_event_log_commits_in_batches_and_on_leaving(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with EventLog(store, actor="worker 1", run_id="r1") as log:
        for number in range(150):
            log.log("done", f"shot {number}")
    assert [row.subject for row in store.read(Event)] == [f"shot {number}" for number in range(150)]
    dataset = store.open_dataset(Event)
    assert dataset is not None
    assert len(list(dataset.get_fragments())) <= 4


def test_a_long_run_joins_its_small_files_while_it_writes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(MANY_FILES):
        store.append([new_event("done", f"shot {number}", actor="a")])
    with RowLog[Event](store, join_commits=1) as log:
        log.add(new_event("done", "the next one", actor="a"))
        until = time.monotonic() + 30
        while len(store.list_files(Event)) > 1 and time.monotonic() < until:
            time.sleep(0.05)
        assert len(store.list_files(Event)) == 1
    assert [row.subject for row in store.read(Event)][-1] == "the next one"
    assert len(store.read(Event)) == MANY_FILES + 1
