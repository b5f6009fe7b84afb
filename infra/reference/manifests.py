# SPDX-License-Identifier: Apache-2.0
"""Write the pages about the tables of the record from the row types and their schemas."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import pyarrow as pa

from infra.reference.pages import NOTE, join_page
from manifests import corpus_rows, delivery_rows, rows, run_rows
from manifests.rows import Row
from manifests.schema import OWN_FIELDS, ROW_TYPES, arrow_schema, table_name

FOLDER = "reference/manifests"
THEMES: dict[str, tuple[str, tuple[type[Row], ...]]] = {
    "inputs": (
        "Tables: script, cast and sound",
        (rows.Line, rows.Actor, rows.Consent, rows.Recording, rows.Turn, rows.Word, rows.Cue),
    ),
    "film": (
        "Tables: shots, takes and deliveries",
        (
            rows.Shot,
            rows.Take,
            rows.Grade,
            rows.Cut,
            delivery_rows.Deliverable,
            delivery_rows.Check,
        ),
    ),
    "runs": (
        "Tables: runs and corpora",
        (
            run_rows.Run,
            run_rows.Event,
            run_rows.Reject,
            run_rows.ModelFile,
            run_rows.MediaFile,
            corpus_rows.CorpusClip,
            corpus_rows.Judgement,
            corpus_rows.Score,
        ),
    ),
}
"""Each page's name, title and row types."""


def describe_tables() -> dict[str, str]:
    """Write every table with its columns and what its row is, by file."""
    named = [kind for _, kinds in THEMES.values() for kind in kinds]
    assert set(named) == set(ROW_TYPES), f"on no page: {set(ROW_TYPES) ^ set(named)}"
    return {f"{FOLDER}/{name}.md": _describe(*theme) for name, theme in THEMES.items()}


def _describe(title: str, kinds: Sequence[type[Row]]) -> str:
    parts = [f"# {title}", "", _INTRO, ""]
    for kind in kinds:
        parts += [f"## {table_name(kind)}", "", inspect.getdoc(kind) or "", ""]
        parts += ["```", *_list_columns(kind), "```", ""]
    return join_page(parts)


_INTRO = f"""This page lists the columns of tables in the record;
[the first page](index.md) shows how to query them.

{NOTE} `manifests/rows.py` and its neighbours."""


def _list_columns(kind: type[Row]) -> list[str]:
    own = [entry for entry in arrow_schema(kind) if entry not in OWN_FIELDS]
    width = max(len(entry.name) for entry in own)
    return [f"{entry.name:{width}}  {_describe_type(entry)}" for entry in own]


def _describe_type(entry: pa.Field) -> str:
    return f"{entry.type}{' or null' if entry.nullable else ''}"
