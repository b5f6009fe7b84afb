# SPDX-License-Identifier: Apache-2.0
"""Commits of a table: checkpoints, tries and disks that refuse to be written."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from deltalake import DeltaTable

from manifests.delta_log import CHECKPOINT_COMMITS, LOG, retry_commit
from manifests.errors import ToolError
from manifests.run_rows import Event, new_event
from manifests.store import Store
from manifests.upkeep import maintain_tables


def test_opening_a_table_reads_a_checkpoint_and_few_commits_however_many_there_were(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    log = tmp_path / "events" / "_delta_log"
    for number in range(45):
        store.append([new_event("done", f"shot {number}", actor="a")])
    assert 44 - json.loads((log / "_last_checkpoint").read_text())["version"] < 20
    for file in log.iterdir():
        os.utime(file, (0, 0))  # commits of long ago
    for number in range(20):
        store.append([new_event("done", f"shot {number}", actor="a")])
    assert len(list(log.glob("*.json"))) < 45, "those that no reader needs are gone"
    assert len(store.read(Event)) == 65


def test_a_commit_whose_checkpoint_fails_is_a_commit_and_not_done_twice(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(CHECKPOINT_COMMITS):
        store.append([new_event("done", f"shot {number}", actor="a")])
    (
        tmp_path / "events" / "_delta_log" / f"{CHECKPOINT_COMMITS:020}.checkpoint.parquet"
    ).mkdir()  # nothing can be written there
    store.append([new_event("done", "the last", actor="a")])
    assert len(store.read(Event)) == CHECKPOINT_COMMITS + 1


def test_a_table_that_was_begun_before_keeps_its_log_short_from_its_next_upkeep_on(
    tmp_path: Path,
) -> None:
    shutil.copytree(
        Path(__file__).parents[1] / "data" / "schemas" / "v1" / "events", tmp_path / "events"
    )
    store = Store(tmp_path)
    assert not LOG.items() <= DeltaTable(store.table_uri(Event)).metadata().configuration.items()
    store.append([new_event("done", "shot 1", actor="a")])
    maintain_tables(store, kinds=[Event], many=1)
    assert LOG.items() <= DeltaTable(store.table_uri(Event)).metadata().configuration.items()
    assert len(store.read(Event)) == 2


@pytest.mark.parametrize(
    "words", ["No space left on device", "Read-only file system (os error 30)"]
)
def test_a_full_or_read_only_disk_is_a_tool_error_at_once(words: str) -> None:
    tried = []

    def commit() -> None:
        tried.append(1)
        raise OSError(words)

    with pytest.raises(ToolError, match=rf"the record could not be written: .*{words[:8]}"):
        retry_commit(commit)
    assert len(tried) == 1
