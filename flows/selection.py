# SPDX-License-Identifier: Apache-2.0
"""Select shots of a production as it stands now, as `callsheet shot` and the review page mean them.

A shot means what `plan` shows, so the cut is computed from the files of today. What was listened to
before is read from the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.cut import CurrentCut, cut_from_record
from flows.inputs import read_inputs
from flows.ledger import record
from flows.ledger.select import WHERE, select_by_query
from flows.ledger.shot_state import ShotState
from flows.project import Project, find_done_takes, open_project
from manifests.errors import InputError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A production, its cut as it stands, and the selected shots."""

    project: Project
    current_cut: CurrentCut
    shots: list[ShotState]


def select_shots(folder: Path, wanted: Sequence[str], *, out: Path | None) -> Selection:
    """Select the shots that the texts name (`sc01_sh030`, a range, a query, `all`).

    Raises:
        InputError: A text names nothing, or the recordings have not been listened to yet.
    """
    project = open_project(folder, out)
    current_cut = cut_from_record(project, read_inputs(project))
    if current_cut is None:
        message = f"there are no shots yet; run `callsheet plan {folder}` first"
        raise InputError(Problem(file=WHERE, message=message))
    states = record.read_shot_states(
        project, current_cut.shots, done=set(find_done_takes(project, current_cut.shots))
    )
    return Selection(
        project=project, current_cut=current_cut, shots=select_by_query(states, wanted)
    )
