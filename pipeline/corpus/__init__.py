# SPDX-License-Identifier: Apache-2.0
"""Corpora for training: readers of published layouts, a generator of a synthetic one, their record.

Videos and recordings of acted emotion come in, or portraits and neutral lines; what goes out is a
folder with `prepared/` (arrays of each clip), `portraits/` and `manifests/` (Delta tables of
`CorpusClip` and `Reject`). Training reads it as `model.affect.prepared_corpus.Corpus`; nothing here
trains. Open `prepare.py` first.
"""

from __future__ import annotations

from pathlib import Path

from manifests.corpus_rows import CorpusClip
from manifests.errors import InputError, Problem
from manifests.layout import RECORD
from manifests.store import Store
from model.affect.prepared_corpus import Corpus


def read(folder: Path) -> Corpus:
    """Open the corpus in a folder. Raises InputError when there is none.

    Of a clip that was recorded twice, the newest row counts.
    """
    rows = {row.clip_id: row for row in open_record(folder).read(CorpusClip)}
    if not rows:
        raise InputError(
            Problem(
                file=str(folder),
                message="this folder contains no corpus",
                expected="a folder from `callsheet corpus make` or `callsheet corpus read`",
            )
        )
    return Corpus(list(rows.values()), folder)


def open_record(folder: Path) -> Store:
    """Open the tables of a corpus."""
    return Store(folder / RECORD)
