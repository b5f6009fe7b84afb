# SPDX-License-Identifier: Apache-2.0
"""Questions over the manifests: one SELECT, answered from the current set and all history."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from manifests import query
from manifests.errors import InputError
from manifests.rows import Consent
from manifests.run_rows import Event, Reject, new_event
from manifests.store import Store
from manifests.upkeep import maintain_tables
from tests.manifests.test_store import consent


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
        "select * from read_parquet('https://192.0.2.1/x.parquet')",
        "copy (select 1) to 'OUT'",
        "attach 'OUT'",
        "install httpfs",
        "load httpfs",
        "select 1; copy (select 1) to 'OUT'",
        "call pragma_version()",
        "",
        "select * from no_such_table",
        "selec 1",
        "select 'a\udcffb'",
        "select 'a\x00b'",
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


@pytest.mark.parametrize("name", ["Meine Szene ü", "100% #1? it's {a+b} & *x*", "灯台"])
def test_a_record_is_asked_and_kept_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / name / "manifests")
    store.replace(Consent, [Consent(consent_id="c1", subject="Mara Voss", covers="likeness")])
    store.append([new_event("said ü/1", "x", actor="me")])
    maintain_tables(store, kinds=(Event,), many=1)
    assert query.run_query(store, "select consent_id from consents").rows == (("c1",),)
    assert query.run_query(store, "select name from all_events order by 1").rows == (
        ("said ü/1",),
        ("snapshot",),
    )
    assert all(Path(file).is_file() for kind in (Consent, Event) for file in store.list_files(kind))


def test_an_answer_that_no_memory_holds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more than 1000000 rows"):
        query.run_query(Store(tmp_path), "select 1 from range(3000000000)")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b", "took more"),
        ("SELECT list(range) FROM range(2000000000)", "needs more than 2GB of memory"),
        ("SELECT repeat('x', 1000000) FROM range(300)", "returns more than 256 MB"),
    ],
)
def test_a_query_has_limits(sql: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        query.run_query(Store(tmp_path), sql, seconds=1.0 if message == "took more" else 60.0)


def test_ctrl_c_stops_a_query(tmp_path: Path) -> None:
    ask = (
        "import signal, sys; from pathlib import Path; from manifests.query import run_query;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from manifests.store import Store; print('ready', flush=True);"
        "run_query(Store(Path(sys.argv[1])), 'SELECT sum(a.range * b.range) FROM "
        "range(10000000) a, range(10000000) b')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", ask, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        process.stdout.readline()
        time.sleep(1.0)  # until DuckDB is at work
        process.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in process.communicate(timeout=30)[1]
