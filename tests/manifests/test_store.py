# SPDX-License-Identifier: Apache-2.0
"""The record: what is appended comes back, sets replace sets, writers at once lose nothing, queries
cannot leave the manifests."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from benchmarks.record import measure_writers
from manifests import query
from manifests.delta_log import STATISTICS
from manifests.errors import ToolError
from manifests.rows import Consent, Shot, Take
from manifests.run_rows import Event, new_event
from manifests.schema import ROW_TYPES, arrow_schema
from manifests.store import Store
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


def test_rows_of_a_record_that_was_not_parted_yet_are_added_to(tmp_path: Path) -> None:
    shutil.copytree(
        Path(__file__).parents[1] / "data" / "schemas" / "v1" / "events", tmp_path / "events"
    )
    store = Store(tmp_path)
    store.append([new_event("done", "shot 1", actor="a")])
    assert [row.subject for row in store.read(Event, name="done")] == ["shot 1"]
    assert len(store.read(Event)) == 2
    assert query.run_query(store, "select count(*) from events").rows == ((2,),)


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


def test_a_record_in_a_place_where_nothing_may_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "build").touch()  # a file, in which there can be no folder whoever one is
    with pytest.raises(ToolError, match=r"the record cannot be written: .*build is read-only"):
        Store(tmp_path / "build" / "manifests").append([new_event("done", "shot 1", actor="a")])
