# SPDX-License-Identifier: Apache-2.0
"""Whatever damages a table: one sentence from every reader, and repair restores what is left."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from manifests import query
from manifests.damage import ASIDE, LOG, REBUILT, RecordError
from manifests.errors import InputError, ToolError
from manifests.repair import READY, examine_record, repair_record
from manifests.rows import Consent, Take
from manifests.run_rows import Event, new_event
from manifests.store import Store
from tests.flows.some_shots import shot, take_of

FIRST = [Consent(consent_id=f"c{number}", subject="Mara Voss", covers="voice") for number in (1, 2)]
SECOND = [*FIRST, Consent(consent_id="c3", subject="Mara Voss", covers="likeness")]
TAKES = [take_of(shot(f"s{number}")) for number in range(4)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A record with two sets of consents, four takes and some events."""
    made = Store(tmp_path / "film" / "build" / "manifests")
    made.replace(Consent, FIRST)
    made.replace(Consent, SECOND)
    for take in TAKES:
        made.append([take])
        made.append([new_event("take_made", take.shot_id, actor="callsheet")])
    return made


def parquet(table: Path) -> list[Path]:
    """List the data of a table, oldest first."""
    return sorted(table.glob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)


def entries(table: Path) -> list[Path]:
    """List the entries of a table's log, oldest first."""
    return sorted((table / LOG).glob("*.json"))


def truncate(path: Path) -> None:
    """Leave half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


KINDS: dict[str, tuple[Callable[[Path], object], int]] = {  # damage, and how many takes are lost
    "data cut short": (lambda table: truncate(parquet(table)[-1]), 1),
    "data missing": (lambda table: parquet(table)[1].unlink(), 1),
    "data empty": (lambda table: parquet(table)[0].write_bytes(b""), 1),
    "data swapped for another table's": (
        lambda table: shutil.copy(parquet(table.parent / "consents")[0], parquet(table)[0]),
        1,
    ),
    "data of a later format": (lambda table: parquet(table)[2].write_bytes(b"PAR9" * 99), 1),
    "last entry cut short": (lambda table: truncate(entries(table)[-1]), 0),
    "first entry cut short": (lambda table: truncate(entries(table)[0]), 0),
    "entry missing": (lambda table: entries(table)[1].unlink(), 0),
    "first entry missing": (lambda table: entries(table)[0].unlink(), 0),
    "entry empty": (lambda table: entries(table)[2].write_bytes(b""), 0),
    "entry of other text": (lambda table: entries(table)[1].write_bytes(b"\xff\xfe{}"), 0),
    "log missing": (lambda table: shutil.rmtree(table / LOG), 0),
    "log empty": (lambda table: [path.unlink() for path in entries(table)], 0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_reader_says_one_sentence_and_repair_restores_what_is_left(
    kind: str, store: Store, tmp_path: Path
) -> None:
    damage, lost = KINDS[kind]
    table = Path(store.table_uri(Take))
    damage(table)
    sentence = r"the table takes of the record is damaged.*run callsheet repair \S+/film$"
    readers: list[Callable[[], object]] = [
        lambda: Store(store.root).read(Take),
        lambda: query.run_query(Store(store.root), "SELECT * FROM takes"),
        lambda: Store(store.root).find_rows(Take, "shot_id", [take.shot_id for take in TAKES]),
    ]
    for reader in readers:
        with pytest.raises(RecordError, match=sentence):
            reader()
    before = sorted(map(str, (tmp_path / "film").rglob("*")))
    (found,) = examine_record(store)
    assert found.table == "takes"
    assert found.rows == len(TAKES) - lost
    assert len(found.lost_files) == lost
    assert sorted(map(str, (tmp_path / "film").rglob("*"))) == before
    (repaired,) = repair_record(store)
    assert (repaired.rows, Path(repaired.kept_aside).is_dir()) == (found.rows, True)
    left = Store(store.root).read(Take)
    assert len(left) == found.rows
    assert [take for take in TAKES if take in left] == left
    assert examine_record(store) == []
    Store(store.root).append([TAKES[0]])
    assert Store(store.root).read_current(Consent) == SECOND


def test_a_set_that_is_lost_gives_way_to_the_newest_whole_one(store: Store) -> None:
    truncate(parquet(Path(store.table_uri(Consent)))[-1])
    (found,) = repair_record(store)
    assert found.rows == len(FIRST)
    again = Store(store.root)
    assert again.read_current(Consent) == FIRST
    again.replace(Consent, SECOND)
    assert Store(store.root).read_current(Consent) == SECOND


def test_when_no_set_is_left_none_is_current(store: Store) -> None:
    shutil.rmtree(Path(store.table_uri(Consent)) / LOG)
    for path in parquet(Path(store.table_uri(Consent))):
        path.write_bytes(b"x")
    repair_record(store)
    assert Store(store.root).read_current(Consent) == []
    store.replace(Consent, FIRST)
    assert Store(store.root).read_current(Consent) == FIRST


def test_a_table_of_one_set_that_lost_its_log_is_missed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.replace(Consent, FIRST)
    shutil.rmtree(Path(store.table_uri(Consent)) / LOG)
    with pytest.raises(RecordError, match=r"consents .* gone"):
        Store(store.root).read_current(Consent)
    repair_record(store)
    assert Store(store.root).read_current(Consent) == FIRST


def test_lost_events_are_named_and_the_others_stay(store: Store) -> None:
    file = parquet(Path(store.table_uri(Event)) / "name=take_made")[-1]
    file.unlink()
    (repaired,) = repair_record(store)
    assert repaired.lost_files == (f"name=take_made/{file.name}",)
    events = Store(store.root).read(Event)
    assert sorted(event.name for event in events) == ["snapshot"] * 2 + ["take_made"] * 3


@pytest.mark.parametrize("moment", ["before the exchange", "in the exchange", "half written"])
def test_a_repair_that_was_killed_is_finished_by_the_next_one(store: Store, moment: str) -> None:
    root, table = Path(store.root), Path(store.table_uri(Take))
    shutil.rmtree(table / LOG)
    repair_record(store)
    (root / REBUILT).mkdir()
    if moment == "before the exchange":
        shutil.copytree(table, root / REBUILT / "takes")
        (root / REBUILT / f"takes{READY}").touch()
    elif moment == "in the exchange":
        table.rename(root / REBUILT / "takes")
        (root / REBUILT / f"takes{READY}").touch()
    else:
        shutil.copytree(table, root / REBUILT / "takes")
    if moment == "in the exchange":
        with pytest.raises(RecordError, match="callsheet repair"):
            Store(store.root).read(Take)
    repair_record(store)
    assert Store(store.root).read(Take) == TAKES
    assert not (root / REBUILT).exists()
    assert len(list((root / ASIDE).rglob("takes"))) >= 1


def test_a_sound_record_is_left_alone(store: Store, tmp_path: Path) -> None:
    before = sorted(map(str, (tmp_path / "film").rglob("*")))
    assert examine_record(store) == repair_record(store) == []
    assert sorted(map(str, (tmp_path / "film").rglob("*"))) == before


def test_a_first_commit_that_was_killed_is_no_damage(store: Store) -> None:
    table = Path(store.root) / "runs"
    table.mkdir()
    (table / "part-0.parquet").write_bytes(b"half")
    assert examine_record(store) == []


def test_object_storage_is_not_repaired_here() -> None:
    with pytest.raises(ToolError, match="only a record in a folder"):
        examine_record(Store("s3://bucket/film"))


@pytest.mark.parametrize("seed", range(12))
def test_random_damage_never_ends_in_another_error(seed: int, store: Store) -> None:
    chance = random.Random(seed)
    files = sorted(path for path in Path(store.root).rglob("*") if path.is_file())
    for path in chance.sample(files, 3):
        content = bytearray(path.read_bytes())
        for _ in range(8):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
    for kind in (Take, Consent, Event):
        try:
            Store(store.root).read(kind)
            query.run_query(Store(store.root), f"SELECT * FROM {kind.__name__.lower()}s")
        except RecordError as error:
            assert "callsheet repair" in str(error)
        except InputError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
    repair_record(store)
    assert examine_record(store) == []
    for kind in (Take, Consent, Event):
        Store(store.root).read(kind)
