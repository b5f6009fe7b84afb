# SPDX-License-Identifier: Apache-2.0
"""The record: what is appended comes back, sets replace sets, writers at once lose nothing, queries cannot leave the manifests."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from manifests import report
from manifests.errors import InputError
from manifests.events import EventLog
from manifests.rows import Consent, Event, Reject
from manifests.store import Store, event


def consent(name: str, covers: str = "likeness") -> Consent:
    return Consent(consent_id=name, subject="Mara Voss", covers=covers)


def test_what_is_appended_comes_back_in_order(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.append([consent("c1"), consent("c2", "voice")])
    store.append([consent("c3")])
    assert store.rows(Consent) == [consent("c1"), consent("c2", "voice"), consent("c3")]
    assert store.rows(Consent, covers="voice") == [consent("c2", "voice")]
    assert store.rows(Consent, consent_id=["c1", "c3"]) == [consent("c1"), consent("c3")]


def test_a_table_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert Store(tmp_path).rows(Consent) == []
    assert not Store(tmp_path).has(Consent)


def test_going_back_to_an_earlier_set_writes_no_row_twice(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second = [consent("c1"), consent("c2")], [consent("c1")]
    for rows in (first, second, second, first):
        store.replace(Consent, rows)
        assert store.current_rows(Consent) == rows
    assert len(store.rows(Consent)) == 3
    assert len(store.rows(Event, name="snapshot")) == 3


def test_an_empty_set_is_a_set(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.replace(Consent, [consent("c1")])
    store.replace(Consent, [])
    assert store.current_rows(Consent) == []


def _append_many(root: Path, writer: int) -> None:
    store = Store(root)
    for number in range(10):
        store.append([event("done", f"shot {writer}/{number}", actor="writer")])


def test_three_writers_and_a_compactor_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_many, args=(tmp_path, writer)) for writer in range(3)]
    for writer in writers:
        writer.start()
    store = Store(tmp_path)
    while any(writer.is_alive() for writer in writers):
        if store.dataset(Event) is not None:
            store.compact(Event)
    for writer in writers:
        writer.join()
    subjects = sorted(row.subject for row in store.rows(Event))
    assert subjects == sorted(f"shot {writer}/{number}" for writer in range(3) for number in range(10))


def test_the_event_log_commits_in_batches_and_on_leaving(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with EventLog(store, actor="worker 1", run_id="r1") as log:
        for number in range(150):
            log.log("done", f"shot {number}")
    assert [row.subject for row in store.rows(Event)] == [f"shot {number}" for number in range(150)]
    dataset = store.dataset(Event)
    assert dataset is not None
    assert len(list(dataset.get_fragments())) <= 4


def test_a_query_sees_the_current_set_and_all_history(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.replace(Consent, [consent("c1"), consent("c2")])
    store.replace(Consent, [consent("c9")])
    assert report.query(store, "select consent_id from consents").rows == (("c9",),)
    assert report.query(store, "select count(*) from all_consents").rows == ((3,),)
    assert report.query(store, "select count(*) from takes").rows == ((0,),)


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
def test_a_query_that_is_not_one_select_over_the_manifests_is_refused(tmp_path: Path, sql: str) -> None:
    store = Store(tmp_path / "record")
    store.append([Reject(run_id="r", stage="s", subject="x", kind="input", reason="y")])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError):
        report.query(store, sql.replace("OUT", str(tmp_path / "out")))
    assert sorted(tmp_path.rglob("*")) == before
