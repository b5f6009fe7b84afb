# SPDX-License-Identifier: Apache-2.0
"""Tables are kept small: files are joined, and what nobody reads is deleted."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from manifests.rows import Consent
from manifests.run_rows import Event, new_event
from manifests.store import Store
from manifests.upkeep import maintain_tables
from tests.manifests.test_store import consent


def test_a_kept_record_has_few_files_and_all_its_rows(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(6):
        store.append([new_event(("done", "queued")[number % 2], f"shot {number}", actor="a")])
        store.replace(Consent, [consent(f"c{number}")])
    before = store.read(Event)
    assert maintain_tables(store, many=100) == []
    (kept,) = maintain_tables(store, many=4)
    assert (kept.table, kept.before, kept.after) == ("events", 12, 3)  # one file for each name
    assert store.read(Event) == before
    assert (
        len(store.list_files(Consent)) == 6
    )  # sets are found by their id as long as each has a file
    assert len(store.list_files(Consent, snapshot=str(store.current_snapshot(Consent)))) == 1


def test_a_reader_that_opened_the_record_before_it_was_kept_reads_on(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(5):
        store.append([new_event("done", f"shot {number}", actor="a")])
    opened = store.open_dataset(Event)
    assert opened is not None
    maintain_tables(store, many=2)
    assert opened.to_table().num_rows == 5


def test_what_a_killed_writer_left_in_a_table_is_deleted_and_what_readers_may_need_is_not(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    for number in range(5):
        store.append([new_event("done", f"shot {number}", actor="a")])
    files = [Path(file) for file in store.list_files(Event)]
    orphan, fresh = (
        files[0].with_name(f"part-{name}.parquet") for name in ("orphan", "being-written")
    )
    for copy in (orphan, fresh):
        shutil.copy(files[0], copy)
    for file in (*files, orphan):
        os.utime(file, (0, 0))  # written long ago; the others were only now joined into one
    (kept,) = maintain_tables(store, many=2)
    assert kept.deleted == 1
    assert not orphan.exists()
    assert fresh.exists()
    assert all(file.exists() for file in files)
