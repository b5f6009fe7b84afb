# SPDX-License-Identifier: Apache-2.0
"""Corpora for training: readers of published layouts, a generator of a synthetic one, and the
record of what was prepared.

A corpus is a folder: `manifests/` (Delta tables of `CorpusClip` and `Reject`), `prepared/` (arrays
of each clip) and `portraits/`. What training sees of it is `model.affect.prepared_corpus.Corpus`;
nothing here trains.
"""

from __future__ import annotations

from pathlib import Path

from manifests.corpus_rows import CorpusClip
from manifests.errors import InputError, Problem
from manifests.store import Store
from model.affect.prepared_corpus import Corpus


def read(folder: Path) -> Corpus:
    """The corpus in a folder; of a clip that was recorded twice, the newest row. Raises InputError
    when there is none.
    """
    rows = {row.clip_id: row for row in open_record(folder).read(CorpusClip)}
    if not rows:
        raise InputError(
            Problem(
                file=str(folder),
                message="there is no corpus here",
                expected="a folder that `callsheet corpus make` or `callsheet corpus read` has filled",
            )
        )
    return Corpus(list(rows.values()), folder)


def open_record(folder: Path) -> Store:
    """The tables of a corpus."""
    return Store(folder / "manifests")
