# SPDX-License-Identifier: Apache-2.0
"""The record: what is appended comes back, sets replace sets, writers at once lose nothing, queries
cannot leave the manifests."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time
from pathlib import Path

import pytest
from deltalake import DeltaTable

from benchmarks.record import measure_writers
from manifests import query
from manifests.delta_log import CHECKPOINT_COMMITS, LOG, STATISTICS, retry_commit
from manifests.errors import InputError, ToolError
from manifests.events import EventLog, RowLog
from manifests.rows import Consent, Shot, Take
from manifests.run_rows import Event, Reject, new_event
from manifests.schema import ROW_TYPES, arrow_schema
from manifests.store import Store
from manifests.upkeep import MANY_FILES, maintain_tables
from tests.flows.some_shots import shot, take_of

INDEXED = 32  # columns of which Delta keeps statistics by itself, from the first one on


def consent(name: str, covers: str = "likeness") -> Consent:
    return Consent(consent_id=name, subject="Mara Voss", covers=covers)


def test_what_is_appended_comes_back_in_order(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.append([consent("c1"), consent("c2", "voice")])
    store.append([consent("c3")])
    assert store.read(Consent) == [consent("c1"), consent("c2", "voice"), consent("c3")]
    assert store.read(Consent, covers="voice") == [consent("c2", "voice")]
    assert store.read(Consent, consent_id=["c1", "c3"]) == [consent("c1"), consent("c3")]


def test_a_table_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert Store(tmp_path).read(Consent) == []
    assert not Store(tmp_path).has(Consent)


def test_going_back_to_an_earlier_set_writes_no_row_twice(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second = [consent("c1"), consent("c2")], [consent("c1")]
    for rows in (first, second, second, first):
        store.replace(Consent, rows)
        assert store.read_current(Consent) == rows
    assert len(store.read(Consent)) == 3
    assert len(store.read(Event, name="snapshot")) == 3
    assert store.read(Consent, snapshot=store.former_snapshot(Consent) or "") == second
    assert store.former_snapshot(Event) is None


def test_the_current_set_is_found_without_opening_the_files_of_others(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(3):
        store.replace(Shot, [dataclasses.replace(shot("s1"), seed=number)])
    assert len(store.list_files(Shot)) == 3
    assert len(store.list_files(Shot, snapshot=store.current_snapshot(Shot) or "")) == 1
    wide = {kind for kind in ROW_TYPES if len(arrow_schema(kind)) > INDEXED}
    assert wide <= set(STATISTICS)


def test_an_empty_set_is_a_set(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.replace(Consent, [consent("c1")])
    store.replace(Consent, [])
    assert store.read_current(Consent) == []


def test_three_writers_a_compactor_and_a_reader_at_once_lose_nothing_and_tear_nothing(
    tmp_path: Path,
) -> None:
    found = measure_writers(tmp_path, commits=120)
    assert (found["rows"], found["lost"], found["twice"], found["torn"]) == (600, 0, 0, 0)
    assert found["reads"] > 0


@pytest.mark.faults
@pytest.mark.timeout(1500)
def test_two_thousand_commits_at_once_lose_nothing(tmp_path: Path) -> None:
    found = measure_writers(tmp_path, commits=2000)
    assert (found["lost"], found["twice"], found["torn"]) == (0, 0, 0)


def some_take(number: int, worker: str = "w") -> Take:
    planned = shot(f"l{number}")
    return dataclasses.replace(take_of(planned), worker=worker)


def test_rows_are_found_by_many_keys_newest_files_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    takes = [some_take(number) for number in range(12)]
    for take in takes:
        store.append([take])
    wanted = [takes[index].shot_id for index in (0, 5, 11)]
    assert {take.shot_id for take in store.find_rows(Take, "shot_id", [*wanted, "unknown"])} == set(
        wanted
    )
    assert store.find_keys(Take, "shot_id", [*wanted, "unknown"]) == set(wanted)
    assert store.find_keys(Take, "shot_id", []) == set()
    assert store.read_newest(Take, 1) == takes[-1:]
    assert len(store.read_newest(Take, 100)) == 12
    assert Store(tmp_path / "none").read_newest(Take, 5) == []


def test_rows_since_a_moment_are_those_committed_from_then_on(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.append([some_take(1)])
    moment = new_event("x", "y", actor="z").happened_at
    store.append([some_take(2)])
    assert store.read(Take, since=moment) == [some_take(2)]
    assert len(store.read(Take, since="2020-01-01")) == 2


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


def test_rows_of_a_record_that_was_not_parted_yet_are_added_to(tmp_path: Path) -> None:
    shutil.copytree(
        Path(__file__).parents[1] / "data" / "schemas" / "v1" / "events", tmp_path / "events"
    )
    store = Store(tmp_path)
    store.append([new_event("done", "shot 1", actor="a")])
    assert [row.subject for row in store.read(Event, name="done")] == ["shot 1"]
    assert len(store.read(Event)) == 2
    assert query.run_query(store, "select count(*) from events").rows == ((2,),)


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


def test_one_look_sees_the_record_as_it_stood_and_still_writes_to_it_as_it_is(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    store.replace(Consent, [consent("c1")])
    look = store.pin_tables()
    assert look.read_current(Consent) == [consent("c1")]
    store.replace(Consent, [consent("c2")])
    assert look.read_current(Consent) == [consent("c1")]
    look.append([consent("c3")])
    assert {row.consent_id for row in store.read(Consent)} == {"c1", "c2", "c3"}


def test_a_query_sees_the_current_set_and_all_history(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.replace(Consent, [consent("c1"), consent("c2")])
    store.replace(Consent, [consent("c9")])
    assert query.run_query(store, "select consent_id from consents").rows == (("c9",),)
    assert query.run_query(store, "select count(*) from all_consents").rows == ((3,),)
    assert query.run_query(store, "select count(*) from takes").rows == ((0,),)


@pytest.mark.parametrize(
    "sql",
    [
        "copy consents to 'OUT'",
        "copy (select 1) to 'OUT'",
        "attach 'OUT' as other",
        "install httpfs",
        "load httpfs",
        "select * from read_csv('/etc/hostname')",
        "select * from read_text('/etc/hostname')",
        "select * from glob('/*')",
        "select * from '/etc/hostname'",
        "create table t as select 1",
        "insert into consents select * from consents",
        "set enable_external_access = true",
        "pragma database_list",
        "select 1; select 2",
        "export database 'OUT'",
        "select getenv('HOME')",
        "call pragma_version()",
        "",
        "select * from no_such_table",
        "selec 1",
    ],
)
def test_a_query_that_is_not_one_select_over_the_manifests_is_refused(
    tmp_path: Path, sql: str
) -> None:
    store = Store(tmp_path / "record")
    store.append([Reject(run_id="r", stage="s", subject="x", kind="input", reason="y")])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError):
        query.run_query(store, sql.replace("OUT", str(tmp_path / "out")))
    assert sorted(tmp_path.rglob("*")) == before


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


def test_a_record_in_a_place_where_nothing_may_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "build").touch()  # a file, in which there can be no folder whoever one is
    with pytest.raises(ToolError, match=r"the record cannot be written: .*build is read-only"):
        Store(tmp_path / "build" / "manifests").append([new_event("done", "shot 1", actor="a")])
