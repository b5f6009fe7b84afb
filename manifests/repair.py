# SPDX-License-Identifier: Apache-2.0
"""Repair a damaged record: build each damaged table again from the rows that can still be read.

Rows are only ever appended, so all rows of the readable Parquet files, each once, are the newest
state that is left. Sets that are not whole any more are dropped, and the newest whole set becomes
current. The damaged table is kept aside. A repair that was killed is finished by the next one.
"""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from manifests.damage import ASIDE, LOG, REBUILT, RecordError, find_version
from manifests.delta_log import PARTITIONS, configure_table
from manifests.errors import ToolError
from manifests.identity import digest
from manifests.query import SNAPSHOTS
from manifests.rows import Row
from manifests.run_rows import Event, new_event
from manifests.schema import ROW_TYPES, VERSIONS, arrow_schema, from_table, table_name, to_record
from manifests.store import Store

READY = ".ready"  # ends the name of a file that says: this rebuilt table is whole
UNREADABLE = (OSError, pa.ArrowException, ValueError, KeyError, TypeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDamage:
    """What is wrong with a table, and what is left of it."""

    table: str
    version: int | None
    reason: str
    rows: int
    lost_files: tuple[str, ...]
    lost_sets: tuple[str, ...]
    kept_aside: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Salvage:
    """The rows that are left of a table, oldest commit first."""

    rows: pa.Table
    lost_files: tuple[str, ...]
    lost_sets: tuple[str, ...]


def examine_record(store: Store) -> list[TableDamage]:
    """Read the whole of a record in a folder; return its damaged tables. Writes nothing.

    Raises ToolError when the record lies in object storage.
    """
    return [damage for damage, _ in _examine(store)]


def repair_record(store: Store) -> list[TableDamage]:
    """Build the damaged tables again; keep the damaged ones aside. Only for the lease's holder.

    Raises as `examine_record`.
    """
    _finish_former_repair(Path(store.root))
    moment = f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S.%fZ}"
    repaired = []
    for damage, salvage in _examine(store):
        aside = Path(store.root) / ASIDE / moment / damage.table
        _rebuild(Path(store.root), damage.table, salvage.rows, aside)
        repaired.append(replace(damage, kept_aside=str(aside)))
    _finish_former_repair(Path(store.root))  # removes its folder
    _point_to_whole_sets(Store(store.root))
    return repaired


def _examine(store: Store) -> Iterator[tuple[TableDamage, _Salvage]]:
    if not store.is_local:
        raise ToolError(f"only a record in a folder can be repaired, not {store.root}")
    # events first: they say which set is current
    for kind in sorted(ROW_TYPES, key=lambda kind: kind is not Event):
        reason = _find_reason(Store(store.root), kind)
        if reason:
            salvage = _salvage(_find_folder(store, kind), kind)
            yield (
                TableDamage(
                    table=table_name(kind),
                    version=find_version(Path(store.table_uri(kind))),
                    reason=reason,
                    rows=salvage.rows.num_rows,
                    lost_files=salvage.lost_files,
                    lost_sets=salvage.lost_sets,
                ),
                salvage,
            )


def _find_reason(store: Store, kind: type[Row]) -> str:
    """Say why a table is damaged; "" when its rows can be read and its sets are whole."""
    try:
        if kind in SNAPSHOTS:
            _read_current(store, kind)
        dataset = store.open_dataset(kind)
        if dataset is None:
            return ""
        table = dataset.to_table()
        from_table(kind, table)
    except RecordError as error:
        return error.reason
    except UNREADABLE as error:
        return str(error)[:120]
    if broken := _find_broken_entry(Path(store.table_uri(kind))):
        return f"{broken} of its log is damaged"
    lost = _find_broken_sets(kind, table)
    return f"sets are not whole: {', '.join(lost)}" if lost else ""


def _read_current(store: Store, kind: type[Row]) -> None:
    """Read the current set. Raises RecordError when this table is damaged, not that of events."""
    try:
        store.read_current(kind)
    except RecordError as error:
        if error.table == table_name(kind):
            raise


def _find_broken_entry(table: Path) -> str:
    """Find an entry of the log that is damaged, though nobody has to read it today."""
    for path in sorted((table / LOG).glob("*.json")):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            if not [json.loads(line) for line in lines]:
                return path.name
        except ValueError:
            return path.name
    return ""


def _find_folder(store: Store, kind: type[Row]) -> Path:
    """Find a table: in its place, or where a repair that was killed has built it."""
    folder = Path(store.table_uri(kind))
    return folder if folder.exists() else Path(store.root) / REBUILT / table_name(kind)


def _salvage(folder: Path, kind: type[Row]) -> _Salvage:
    """Keep each row of the readable files once, without sets that are not whole."""
    named, tables, lost = _list_files(folder), [arrow_schema(kind).empty_table()], []
    for name in sorted(named):
        try:
            table = _read_file(folder, name)
            from_table(kind, table)
            tables.append(table)
        except UNREADABLE:
            lost.append(name)
    rows = _drop_copies(pa.concat_tables(tables, promote_options="default"))
    broken = _find_broken_sets(kind, rows)
    if broken:
        rows = rows.filter(pc.invert(pc.is_in(rows["snapshot"], pa.array(broken))))
    return _Salvage(rows=rows, lost_files=tuple(lost), lost_sets=tuple(broken))


def _list_files(folder: Path) -> set[str]:
    """List the files whose rows count: those of the log, or all where the log is damaged.

    Files that a sound log does not name were never committed, or were joined into others.
    """
    present = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.parquet")
        if LOG not in path.relative_to(folder).parts
    }
    try:
        uris = DeltaTable(str(folder)).file_uris()
    except (DeltaError, OSError, ValueError):
        return present
    named = {uri.rpartition(f"/{folder.name}/")[2] for uri in uris}
    return present | named if _find_broken_entry(folder) or named - present else named


def _read_file(folder: Path, name: str) -> pa.Table:
    """Read one file with the values that its path holds (`name=take_made/part-0.parquet`)."""
    parts = pa.schema([(key, pa.string()) for key, _ in _split_path(name)])
    return ds.dataset(
        [str(folder / name)],
        format="parquet",
        partitioning=ds.partitioning(parts, flavor="hive"),
        partition_base_dir=str(folder),
    ).to_table()


def _split_path(name: str) -> list[tuple[str, str]]:
    found = (part.partition("=") for part in name.split("/")[:-1])
    return [(key, value) for key, _, value in found]


def _drop_copies(rows: pa.Table) -> pa.Table:
    """Drop rows that are equal to others (files that were joined), and sort by commit."""
    seen, kept = set[str](), list[int]()
    for index, row in enumerate(rows.to_pylist()):
        text = repr(sorted(row.items()))
        if text not in seen:
            seen.add(text)
            kept.append(index)
    whole = rows.take(pa.array(kept, pa.int64()))
    return whole.take(pc.sort_indices(whole, [("committed_at", "ascending")]))


def _find_broken_sets(kind: type[Row], rows: pa.Table) -> list[str]:
    """Find the sets whose rows do not have the digest that is their id; "" is no set."""
    if kind not in SNAPSHOTS:
        return []
    ordered = rows.take(pc.sort_indices(rows, [("committed_at", "ascending")]))
    ids = [key for key in pc.unique(ordered["snapshot"]).to_pylist() if key]
    return [
        key
        for key in ids
        if not _is_whole(kind, ordered.filter(pc.equal(ordered["snapshot"], key)), key)
    ]


def _is_whole(kind: type[Row], rows: pa.Table, key: str) -> bool:
    """Compare a set with its id; an older version of the rows cannot be compared."""
    versions = pc.unique(rows["schema_version"]).to_pylist()
    if any(version != VERSIONS[kind.__name__] for version in versions):
        return True
    return digest([to_record(row) for row in from_table(kind, rows)]) == key


def _rebuild(root: Path, table: str, rows: pa.Table, aside: Path) -> None:
    """Write a table anew beside the damaged one, then exchange them.

    The rows of a set lie in one file, so that the log finds it.
    """
    kind = next(kind for kind in ROW_TYPES if table_name(kind) == table)
    place, ready = root / REBUILT / table, root / REBUILT / f"{table}{READY}"
    for key in pc.unique(rows["snapshot"]).to_pylist():
        write_deltalake(
            str(place),
            rows.filter(pc.equal(rows["snapshot"], key)),
            mode="append",
            schema_mode="merge",
            partition_by=PARTITIONS.get(kind),
            configuration=configure_table(kind) if not place.exists() else None,
        )
    place.parent.mkdir(exist_ok=True)
    ready.touch()
    aside.parent.mkdir(parents=True, exist_ok=True)
    if (root / table).exists():
        (root / table).rename(aside)
    _put_in_place(root, table)


def _put_in_place(root: Path, table: str) -> None:
    place = root / REBUILT / table
    if place.exists() and not (root / table).exists():
        place.rename(root / table)
    (root / REBUILT / f"{table}{READY}").unlink()


def _finish_former_repair(root: Path) -> None:
    """Put tables in place that a killed repair has built, and remove what it had not finished."""
    for ready in (root / REBUILT).glob(f"*{READY}"):
        _put_in_place(root, ready.name.removesuffix(READY))
    shutil.rmtree(root / REBUILT, ignore_errors=True)


def _point_to_whole_sets(store: Store) -> None:
    """Make the newest whole set current wherever the current one is lost."""
    for kind in SNAPSHOTS:
        pointers = [
            event.detail for event in store.read(Event, name="snapshot", subject=table_name(kind))
        ]
        whole = [key for key in pointers if key == digest([]) or store.has(kind, snapshot=key)]
        if pointers and (not whole or whole[-1] != pointers[-1]):
            detail = whole[-1] if whole else digest([])
            store.append(
                [new_event("snapshot", table_name(kind), actor="callsheet", detail=detail)]
            )
