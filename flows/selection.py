# SPDX-License-Identifier: Apache-2.0
"""Select shots of a production as it stands now, as `callsheet shot` and the review page mean them.

A shot means what `plan` shows, so the cut is computed from the files of today. What was listened to
before is read from the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.cut import Cutting, cut_if_heard
from flows.inputs import read_inputs
from flows.ledger import record
from flows.ledger.select import WHERE, select
from flows.ledger.shot_state import ShotState
from flows.project import Film, done, open_film
from manifests.errors import InputError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A production, its cut as it stands, and the selected shots."""

    film: Film
    cutting: Cutting
    shots: list[ShotState]


def select_shots(folder: Path, wanted: Sequence[str], *, out: Path | None) -> Selection:
    """Select the shots that the texts name (`sc01_sh030`, a range, a query, `all`).

    Raises:
        InputError: A text names nothing, or the recordings were not listened to yet.
    """
    film = open_film(folder, out)
    cutting = cut_if_heard(film, read_inputs(film))
    if cutting is None:
        message = "there are no shots yet, because nobody has listened to the recordings"
        raise InputError(
            Problem(file=WHERE, message=message, expected=f"callsheet plan {folder}, once")
        )
    ledger = record.ledger(film, cutting.shots, done=set(done(film, cutting.shots)))
    return Selection(film=film, cutting=cutting, shots=select(ledger, wanted))
